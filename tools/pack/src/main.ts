/**
 * What a user gets is what is tested: builds and packs every publishable package, checks the tarballs, installs them in an
 * empty project and runs them there on each supported Node, on Bun and on Deno. Closes with "pack: N passed, N failed".
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endChildrenOnSignal, say } from "@moqingbird/toolchain";
import { contents, lint, types } from "./checks.ts";
import { converse } from "./conversation.ts";
import { installProject, smoke } from "./project.ts";
import { runtimes } from "./runtimes.ts";
import { build, pack } from "./tarballs.ts";
import { besideDom, bundled } from "./tools.ts";

const counts = { passed: 0, failed: 0 };

async function check(title: string, work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
    counts.passed++;
    say(`   ok      ${title}`);
  } catch (error) {
    counts.failed++;
    say(`   FAILED  ${title}\n${error instanceof Error ? error.message : String(error)}`);
  }
}

endChildrenOnSignal();
const folder = mkdtempSync(join(tmpdir(), "moqingbird-pack-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

await build();
const tarballs = await pack(folder);
for (const tarball of tarballs) {
  await check(`${tarball.name}: files`, () => contents(tarball));
  await check(`${tarball.name}: publint`, () => lint(tarball));
  await check(`${tarball.name}: types resolve`, () => types(tarball));
}
const project = join(folder, "project");
await check("the tarballs install together", () => installProject(project, tarballs));
const all = await runtimes();
for (const runtime of all) {
  await check(`imports, programs, the quickstart and the examples on ${runtime.name}`, () =>
    smoke(runtime, project, tarballs),
  );
}
const newest = all.at(-1) as (typeof all)[number];
await check("declarations beside lib.dom", () => besideDom(project));
await check("bundles for a page and for Node", () => bundled(project, newest));
for (const runtime of all) {
  await check(`QUIC from ${newest.name} to ${runtime.name}`, () => converse(project, runtime, newest));
  if (runtime === newest) continue;
  await check(`QUIC from ${runtime.name} to ${newest.name}`, () => converse(project, newest, runtime));
}
process.stdout.write(`pack: ${counts.passed} passed, ${counts.failed} failed\n`);
process.exit(counts.failed === 0 ? 0 : 1);
