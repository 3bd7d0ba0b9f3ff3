/** The page that browsers watch with, which the demo serves: bundled anew when what it is made of changed. */
import { globSync, statSync } from "node:fs";
import { run } from "./command.ts";
import { inRoot } from "./paths.ts";

const product = inRoot("apps/web/dist/page/watch.js");
const sources = ["apps/web/{build,src,page}/*", "packages/{codec,model,session}/src/**/*.ts"];

/** Bundles it if need be; the workspace's packages must be linked. */
export async function bundlePage(): Promise<void> {
  const made = statSync(product, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newest = Math.max(...globSync(sources.map((pattern) => inRoot(pattern))).map((file) => statSync(file).mtimeMs));
  if (made > newest) return;
  await run(process.execPath, ["--conditions=@moqingbird/source", inRoot("apps/web/build/bundle.ts")], { log: "page" });
}
