/** The entry script's own words; what it prepares is exercised by every CI run. */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { read, root } from "./support/sources.ts";

const run = (...args: string[]) => spawnSync(resolve(root, "run"), args, { encoding: "utf8", timeout: 20_000 });

test("without a command it lists the commands", () => {
  const { status, stdout } = run();
  expect(status).toBe(0);
  for (const command of ["demo", "moqb", "relay", "test", "interop", "sim", "bench", "build", "clean"]) {
    expect(stdout).toMatch(new RegExp(`^ {2}${command} `, "m"));
  }
});

test("an unknown command is named, and nothing is fetched or built", () => {
  const { status, stderr } = run("sing");
  expect(status).toBe(2);
  expect(stderr).toContain("there is no command 'sing'");
});

test("an unknown stage of the tests is named with the known ones", () => {
  const { status, stderr } = run("test", "sing");
  expect(status).toBe(1);
  expect(stderr).toMatch(/no stage "sing"; the stages are lint, types, rust, units, pack/);
});

test("the scripts can be executed, and parse as POSIX shell and bash", () => {
  for (const [file, shell] of [
    ["run", "sh"],
    [".ci/run", "bash"],
  ] as const) {
    expect(statSync(resolve(root, file)).mode & 0o111).toBe(0o111);
    expect(spawnSync(shell, ["-n", resolve(root, file)], { encoding: "utf8" }).stderr).toBe("");
  }
});

test("the Node that is fetched is new enough for the workspace", () => {
  const fetched = /^node_version=(\S+)/m.exec(read("run"))?.[1] ?? "";
  const [major = 0, minor = 0] = fetched.split(".").map(Number);
  expect(major * 1000 + minor).toBeGreaterThanOrEqual(22_018);
});
