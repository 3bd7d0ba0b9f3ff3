import { expect, test } from "vitest";
import { exitCode, run, thrice, which } from "../src/command.ts";
import { Failure } from "../src/failure.ts";
import { seconds } from "../src/steps.ts";

const script = (code: string): [string, string[]] => [process.execPath, ["-e", code]];

test("a program that fails is told with its command, its exit code and the end of its output", async () => {
  const failing = run(...script("console.log('first'); console.error('the reason'); process.exit(3)"), {
    log: "test-command",
  });
  await expect(failing).rejects.toThrow(/failed with exit code 3\.\n(.|\n)*the reason/);
});

test("a program that does not exist is one sentence", async () => {
  await expect(exitCode("moqingbird-no-such-program", [])).rejects.toThrow(/cannot be started/);
});

test("a program that overruns its time is ended and counts as failed", async () => {
  const endless = exitCode(...script("setInterval(() => {}, 1000)"), { log: "test-command", timeoutMs: 50 });
  await expect(endless).resolves.not.toBe(0);
});

test("a fetch that fails is tried again, and the third failure is the caller's", async () => {
  let tries = 0;
  const failing = thrice(
    async () => {
      tries++;
      throw new Failure("no network");
    },
    () => 0,
  );
  await expect(failing).rejects.toThrow("no network");
  expect(tries).toBe(3);
});

test("a mistake of our own is not tried again", async () => {
  let tries = 0;
  const broken = thrice(async () => {
    tries++;
    throw new TypeError("a bug");
  });
  await expect(broken).rejects.toThrow("a bug");
  expect(tries).toBe(1);
});

test("a program is found on PATH, or not at all", () => {
  expect(which("sh")).toMatch(/\/sh$/);
  expect(which("moqingbird-no-such-program")).toBeUndefined();
});

test("durations read as people say them", () => {
  expect([400, 12_300, 119_000, 200_000].map(seconds)).toEqual(["0.4 s", "12 s", "119 s", "3 min 20 s"]);
});
