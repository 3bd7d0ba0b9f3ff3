/** Puts the page together in dist/page: its script with all it imports, and the HTML around it. */
import { copyFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { pageFolder } from "../src/index.ts";

const page = (file: string): string => fileURLToPath(new URL(`../page/${file}`, import.meta.url));

mkdirSync(pageFolder, { recursive: true });
await build({
  entryPoints: [page("watch.ts")],
  outfile: `${pageFolder}watch.js`,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  conditions: ["@moqingbird/source"],
});
copyFileSync(page("index.html"), `${pageFolder}index.html`);
