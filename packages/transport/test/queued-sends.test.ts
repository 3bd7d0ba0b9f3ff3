/** Loopback takes every packet at once; behind a token bucket in a network namespace of its own it does not. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, type TestContext, test } from "vitest";

const child = fileURLToPath(new URL("support/queued-sends.ts", import.meta.url));
const slowLoopback = "ip link set lo up && tc qdisc add dev lo root tbf rate 40mbit burst 4kb limit 8mb";
const packets = 600;

interface Outcome {
  readonly heldAfterBurst: number;
  readonly released: number;
  readonly inOrder: boolean;
  readonly intact: number;
  readonly harmed: number;
}

function inSlowNamespace(command: string, ...args: string[]) {
  const script = `${slowLoopback} && exec "$0" "$@"`;
  const user = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  return spawnSync("unshare", [...user, "--net", "sh", "-c", script, command, ...args], {
    encoding: "utf8",
    timeout: 40_000,
  });
}

function outcome(context: TestContext, mode: "leased" | "early"): Outcome {
  const probe = inSlowNamespace("true");
  if (probe.status !== 0) {
    const why = `NOT PROVEN HERE that slots survive a full socket: no slow network namespace (${probe.error?.message ?? probe.stderr.trim()})`;
    if (process.env.CI) throw new Error(why);
    console.error(why);
    context.skip(why);
  }
  const run = inSlowNamespace(process.execPath, "--conditions=@moqingbird/source", child, mode);
  expect(run.stderr).not.toContain("Error");
  return JSON.parse(run.stdout) as Outcome;
}

test("packets that libuv had to hold leave unharmed, though each slot is overwritten once it is released", (context) => {
  const { heldAfterBurst, ...rest } = outcome(context, "leased");
  expect(heldAfterBurst).toBeGreaterThan(0);
  expect(rest).toEqual({ released: packets, inOrder: true, intact: packets, harmed: 0 });
}, 60_000);

test("slots overwritten before their release would harm packets, and that shows", (context) => {
  const { heldAfterBurst, harmed } = outcome(context, "early");
  expect(heldAfterBurst).toBeGreaterThan(0);
  expect(harmed).toBeGreaterThan(0);
}, 60_000);
