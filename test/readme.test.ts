/** What the README promises: its program is the one in examples/, it runs, and the files it points to exist. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { posix, resolve } from "node:path";
import { expect, test } from "vitest";
import { files, read, root } from "./support/sources.ts";

test("the README's quickstart is examples/quickstart.ts, some twenty lines of it", () => {
  const [, shown] = /```ts\n([\s\S]*?)```/.exec(read("README.md")) ?? [];
  expect(shown).toBe(read("examples/quickstart.ts"));
  const lines = read("examples/quickstart.ts")
    .split("\n")
    .filter((line) => !/^\s*(\/\/.*)?$/.test(line));
  expect(lines.length).toBeLessThanOrEqual(22);
});

test("the quickstart carries its greeting from publisher to viewer", () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--conditions=@moqingbird/source", resolve(root, "examples/quickstart.ts")],
    { encoding: "utf8", timeout: 20_000 },
  );
  expect(stdout, stderr).toBe("Hello over QUIC\n");
  expect(status, stderr).toBe(0);
}, 30_000);

test("every relative link in the documents leads to something", () => {
  const broken = files("**/*.md").flatMap((path) =>
    [...read(path).matchAll(/\]\(([^)\s#:]+)(?:#[^)]*)?\)/g)]
      .map(([, link]) => link as string)
      .filter((link) => !existsSync(resolve(root, posix.dirname(path), link)))
      .map((link) => `${path} -> ${link}`),
  );
  expect(broken).toEqual([]);
});
