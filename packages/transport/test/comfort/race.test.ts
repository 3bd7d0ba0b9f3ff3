import { VirtualClock } from "@moqingbird/testing";
import { expect, test } from "vitest";
import { mostTelling, race, type Way } from "../../src/comfort/race.ts";
import { TransportError } from "../../src/errors.ts";

/** A race whose ways are settled by hand. */
function racing(options: { headStartMs?: number; signal?: AbortSignal } = {}) {
  const clock = new VirtualClock();
  const discarded: string[] = [];
  const way = () => {
    const settled = Promise.withResolvers<string>();
    const run: { signal?: AbortSignal; startedAt?: number } = {};
    const start: Way<string> = (signal) => {
      Object.assign(run, { signal, startedAt: clock.now() });
      return settled.promise;
    };
    return { ...settled, run, start };
  };
  const [better, other] = [way(), way()];
  const result = race<string>({
    better: better.start,
    other: other.start,
    headStartMs: options.headStartMs ?? 200,
    decisive: (error) => error instanceof RangeError,
    discard: (late) => discarded.push(late),
    timers: clock,
    signal: options.signal,
  });
  result.catch(() => {});
  return { clock, better, other, result, discarded };
}

test("the better way alone is used when it is there within its head start", async () => {
  const { clock, better, other, result } = racing();
  await clock.advance(199);
  better.resolve("better");
  expect(await result).toBe("better");
  await clock.advance(10_000);
  expect(other.run.startedAt).toBeUndefined();
  expect(better.run.signal?.aborted).toBe(false);
  expect(clock.pending).toBe(0);
});

test("after the head start both run, the first is taken, the second given up and discarded", async () => {
  const { clock, better, other, result, discarded } = racing();
  await clock.advance(500);
  expect(other.run.startedAt).toBe(200);
  other.resolve("other");
  expect(await result).toBe("other");
  expect([better.run.signal?.aborted, other.run.signal?.aborted]).toEqual([true, false]);
  better.resolve("too late");
  await clock.advance(0);
  expect(discarded).toEqual(["too late"]);
});

test("the better way may still win after its head start", async () => {
  const { clock, better, other, result } = racing();
  await clock.advance(300);
  better.resolve("better");
  expect(await result).toBe("better");
  expect(other.run.signal?.aborted).toBe(true);
});

test("when the better way fails, the other begins at once", async () => {
  const { clock, better, other, result } = racing();
  await clock.advance(10);
  better.reject(new Error("blocked"));
  await clock.advance(0);
  expect(other.run.startedAt).toBe(10);
  other.resolve("other");
  expect(await result).toBe("other");
  expect(clock.pending).toBe(0);
});

test("a failure that both would have is told without trying the other", async () => {
  const { clock, better, other, result } = racing();
  better.reject(new RangeError("refused"));
  await expect(result).rejects.toThrow("refused");
  await clock.advance(1000);
  expect(other.run.startedAt).toBeUndefined();
});

test("when both fail, the failure that says more is told", async () => {
  const { clock, better, other, result } = racing();
  await clock.advance(200);
  better.reject(new TransportError("handshake-timeout", { where: "x", ms: 1 }));
  other.reject(new TransportError("handshake-failed", { where: "x", detail: "no TLS" }));
  await expect(result).rejects.toMatchObject({ code: "handshake-failed" });
  const [refused, silent] = [new TransportError("connection-refused"), new TransportError("unreachable")];
  expect(mostTelling([silent, refused])).toBe(refused);
  expect(mostTelling([silent])).toBe(silent);
});

test("aborting gives both up with the signal's reason", async () => {
  const abort = new AbortController();
  const { clock, better, other, result } = racing({ signal: abort.signal });
  await clock.advance(200);
  abort.abort(new Error("enough"));
  await expect(result).rejects.toThrow("enough");
  expect([better.run.signal?.aborted, other.run.signal?.aborted]).toEqual([true, true]);
  const before = racing({ signal: AbortSignal.abort(new Error("before")) });
  await expect(before.result).rejects.toThrow("before");
  expect(before.better.run.startedAt).toBeUndefined();
  expect(before.clock.pending).toBe(0);
});
