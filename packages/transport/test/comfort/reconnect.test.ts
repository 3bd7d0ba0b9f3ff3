import { VirtualClock } from "@moqingbird/testing";
import { describe, expect, test } from "vitest";
import { BackOff, type ReconnectOptions, reconnect, worthRetrying } from "../../src/comfort/reconnect.ts";
import { SessionRejectedError, TransportError } from "../../src/errors.ts";
import { WebTransportError } from "../../src/webtransport/error.ts";

describe("a back-off", () => {
  test("doubles from the first pause to the longest, and begins anew after success", () => {
    const most = new BackOff({ firstMs: 100, longestMs: 1000, random: () => 1 });
    expect([1, 2, 3, 4, 5, 6].map(() => most.next())).toEqual([100, 200, 400, 800, 1000, 1000]);
    most.reset();
    expect(most.next()).toBe(100);
    const least = new BackOff({ firstMs: 100, longestMs: 1000, random: () => 0 });
    expect([1, 2, 3, 4, 5].map(() => least.next())).toEqual([50, 100, 200, 400, 500]);
  });

  test("spreads those that began together", () => {
    const pauses = Array.from({ length: 100 }, () => new BackOff().next());
    expect(new Set(pauses).size).toBeGreaterThan(50);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(250);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(500);
  });

  test("refuses pauses that make no sense", () => {
    expect(() => new BackOff({ firstMs: 0 })).toThrow(TransportError);
    expect(() => new BackOff({ firstMs: 10, longestMs: 5 })).toThrow(TransportError);
  });
});

/** Connections that end when the test says so. */
class FakeConnection {
  readonly #closed = Promise.withResolvers<unknown>();
  readonly closed = this.#closed.promise;
  closes = 0;

  end(info: unknown = {}): void {
    this.#closed.resolve(info);
  }

  fail(error: Error): void {
    this.#closed.reject(error);
  }

  close(): void {
    this.closes++;
    this.end();
  }
}

function keeping(options: Partial<ReconnectOptions<FakeConnection>> & { failures?: unknown[] } = {}) {
  const clock = new VirtualClock();
  const opened: { readonly connection: FakeConnection; readonly at: number }[] = [];
  const pauses: number[] = [];
  const { failures = [], ...rest } = options;
  const done = reconnect<FakeConnection>({
    open: async () => {
      if (failures.length > 0) throw failures.shift();
      const connection = new FakeConnection();
      opened.push({ connection, at: clock.now() });
      return connection;
    },
    use: () => {},
    firstMs: 100,
    longestMs: 800,
    random: () => 1,
    timers: clock,
    onRetry: ({ pauseMs }) => pauses.push(pauseMs),
    ...rest,
  });
  done.catch(() => {});
  return { clock, opened, pauses, done, last: () => opened.at(-1)?.connection as FakeConnection };
}

describe("reconnect", () => {
  test("opens the next connection when one is over, however it ended, after growing pauses", async () => {
    const { clock, opened, pauses, last } = keeping();
    await clock.advance(0);
    last().end();
    await clock.advance(100);
    last().fail(new WebTransportError("lost", { source: "session" }));
    await clock.advance(200);
    expect(opened.map(({ at }) => at)).toEqual([0, 100, 300]);
    expect(pauses).toEqual([100, 200]);
  });

  test("attempts that fail are repeated with pauses up to the longest", async () => {
    const failures = Array.from({ length: 6 }, () => new TransportError("unreachable"));
    const { clock, opened, pauses } = keeping({ failures });
    await clock.advance(10_000);
    expect(pauses).toEqual([100, 200, 400, 800, 800, 800]);
    expect(opened).toHaveLength(1);
  });

  test("a connection that lasted makes the next pause a first one", async () => {
    const { clock, pauses, last } = keeping({ stableMs: 5000 });
    for (const lastsMs of [0, 0, 4000, 5000]) {
      await clock.advance(lastsMs);
      last().end();
      await clock.advance(800);
    }
    expect(pauses).toEqual([100, 200, 400, 100]);
  });

  test("what use throws closes the connection and is retried, unless it is a mistake", async () => {
    let uses = 0;
    const { clock, opened, done } = keeping({
      use: async () => {
        if (++uses === 1) throw new TransportError("stream-reset");
        throw new TypeError("a mistake");
      },
    });
    await clock.advance(100);
    await expect(done).rejects.toThrow("a mistake");
    expect(opened.map(({ connection }) => connection.closes)).toEqual([1, 1]);
    expect(clock.pending).toBe(0);
  });

  test("what is not worth a retry ends it", async () => {
    const { done } = keeping({ failures: [new TransportError("certificate-untrusted")] });
    await expect(done).rejects.toMatchObject({ code: "certificate-untrusted" });
    const choosy = keeping({ retry: () => false });
    await choosy.clock.advance(0);
    choosy.last().end({ reason: "enough" });
    await expect(choosy.done).rejects.toEqual({ reason: "enough" });
  });

  test("aborting ends the pause or the open connection, and resolves", async () => {
    const pausing = new AbortController();
    const { clock, last, done } = keeping({ signal: pausing.signal });
    await clock.advance(0);
    last().end();
    await clock.advance(50);
    pausing.abort();
    await done;
    expect(clock.pending).toBe(0);

    const running = new AbortController();
    const open = keeping({ signal: running.signal });
    await open.clock.advance(0);
    running.abort();
    await open.done;
    expect(open.last().closes).toBeGreaterThan(0);
    await keeping({ signal: AbortSignal.abort() }).done;
  });
});

test("what is worth another attempt", () => {
  const rejected = (status: number) => new SessionRejectedError("x", status, new Headers());
  for (const why of [
    new TransportError("handshake-timeout"),
    new TransportError("host-not-found"),
    new WebTransportError("lost", { cause: new TransportError("idle-timeout") }),
    rejected(503),
    rejected(429),
    { by: "peer-application", code: 7n },
    new Error("anything"),
  ]) {
    expect(worthRetrying(why), String(why)).toBe(true);
  }
  for (const why of [
    new TransportError("no-common-alpn"),
    new WebTransportError("refused", { cause: rejected(403) }),
    rejected(404),
    new DOMException("no URL", "SyntaxError"),
    new RangeError("a mistake"),
  ]) {
    expect(worthRetrying(why), String(why)).toBe(false);
  }
});
