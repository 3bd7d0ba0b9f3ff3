import { describe, expect, test } from "vitest";
import { createTransportPair, type HandlerShape, type SinkShape, type SourceShape, settle } from "../src/index.ts";

/** A source over fixed bytes, ending in FIN unless told otherwise. */
function bytesSource(bytes: number[], end = true): SourceShape & { position: number; events: string[] } {
  return {
    position: 0,
    events: [],
    get pending() {
      return this.position < bytes.length;
    },
    get finished() {
      return end && this.position === bytes.length;
    },
    pull(target, offset, max) {
      const part = bytes.slice(this.position, this.position + max);
      target.set(part, offset);
      this.position += part.length;
      return part.length;
    },
    stopped(code) {
      this.events.push(`stopped ${code}`);
    },
    acked() {
      this.events.push("acked");
    },
    closed() {
      this.events.push("closed");
    },
  };
}

function recordingSink(): SinkShape & { bytes: number[]; events: string[] } {
  return {
    bytes: [],
    events: [],
    data(bytes, start, end) {
      this.bytes.push(...bytes.subarray(start, end));
    },
    finished() {
      this.events.push("finished");
    },
    reset(code) {
      this.events.push(`reset ${code}`);
    },
    closed() {
      this.events.push("closed");
    },
  };
}

function recordingHandler() {
  const sinks: ReturnType<typeof recordingSink>[] = [];
  const streams: Parameters<HandlerShape["stream"]>[0][] = [];
  const events: string[] = [];
  const handler: HandlerShape = {
    stream(stream, direction) {
      events.push(`${direction} ${stream.id}`);
      streams.push(stream);
      const sink = recordingSink();
      sinks.push(sink);
      return sink;
    },
    datagram: (bytes, start, end) => events.push(`datagram ${[...bytes.subarray(start, end)]}`),
    closed: (info) => events.push(`closed by ${info.by} ${info.code} ${info.reason}`),
  };
  return { handler, sinks, streams, events };
}

function pairWithHandlers(options: Parameters<typeof createTransportPair>[0] = { delivery: "manual" }) {
  const pair = createTransportPair(options);
  const client = recordingHandler();
  const server = recordingHandler();
  pair.client.handler = client.handler;
  pair.server.handler = server.handler;
  return { pair, client, server };
}

describe("the in-memory transport pair", () => {
  test("carries a stream to its end and acknowledges it", () => {
    const { pair, server } = pairWithHandlers({ delivery: "manual", maxPullBytes: 2 });
    const source = bytesSource([1, 2, 3, 4, 5]);
    pair.client.openUnidirectional(source, [1, 0, 0, 0]);
    pair.deliver();
    expect(server.events).toEqual(["unidirectional 2"]);
    expect(server.sinks[0]?.bytes).toEqual([1, 2, 3, 4, 5]);
    expect(server.sinks[0]?.events).toEqual(["finished"]);
    expect(source.events).toEqual(["acked", "closed"]);
    expect(pair.client.openStreams + pair.server.openStreams).toBe(0);
  });

  test("answers on a bidirectional stream", () => {
    const { pair, server } = pairWithHandlers();
    const answer = recordingSink();
    pair.client.openBidirectional(bytesSource([1]), answer, [0, 0, 0, 0]);
    pair.deliver();
    server.streams[0]?.setSource(bytesSource([9, 8]), [0, 0, 0, 0]);
    pair.deliver();
    expect(server.events).toEqual(["bidirectional 0"]);
    expect(answer.bytes).toEqual([9, 8]);
    expect(answer.events).toEqual(["finished"]);
    expect(pair.client.openStreams + pair.server.openStreams).toBe(0);
  });

  test("sends the lowest key first", () => {
    const { pair, server } = pairWithHandlers();
    pair.client.openUnidirectional(bytesSource([2]), [1, 9, 0, 0]);
    pair.client.openUnidirectional(bytesSource([1]), [1, 3, 0, 0]);
    pair.deliver();
    expect(server.sinks.map((sink) => sink.bytes[0])).toEqual([1, 2]);
  });

  test("a reset before the first byte is never seen by the peer", () => {
    const { pair, server } = pairWithHandlers();
    const source = bytesSource([1, 2]);
    pair.client.openUnidirectional(source, [1, 0, 0, 0]).reset(2);
    pair.deliver();
    expect(server.events).toEqual([]);
    expect(source.events).toEqual(["closed"]);
    expect(pair.client.counters.streamsOpened).toBe(0);
  });

  test("a reset after the first byte arrives with its code", () => {
    const { pair, server } = pairWithHandlers({ delivery: "manual", maxPullBytes: 1 });
    const stream = pair.client.openUnidirectional(bytesSource([1, 2]), [1, 0, 0, 0]);
    pair.step();
    stream.reset(7);
    pair.deliver();
    expect(server.sinks[0]?.bytes).toEqual([1]);
    expect(server.sinks[0]?.events).toEqual(["reset 7"]);
  });

  test("a stop reaches the source, and nothing more the reader", () => {
    const { pair, server } = pairWithHandlers({ delivery: "manual", maxPullBytes: 1 });
    const source = bytesSource([1, 2, 3]);
    const stream = pair.client.openUnidirectional(source, [1, 0, 0, 0]);
    pair.step();
    server.streams[0]?.stop(5);
    pair.step();
    expect(source.events).toEqual(["stopped 5"]);
    stream.reset(5);
    pair.deliver();
    expect(server.sinks[0]?.bytes).toEqual([1]);
    expect(server.sinks[0]?.events).toEqual([]);
    expect(pair.client.openStreams + pair.server.openStreams).toBe(0);
  });

  test("an unread stream stalls at its credit and no other does", () => {
    const { pair, server } = pairWithHandlers({ delivery: "manual", streamCreditBytes: 2, maxPullBytes: 1 });
    pair.client.openUnidirectional(bytesSource([1, 2, 3]), [1, 0, 0, 0]);
    pair.step();
    (server.streams[0] as { autoCredit: boolean }).autoCredit = false;
    pair.client.openUnidirectional(bytesSource([7, 7, 7]), [2, 0, 0, 0]);
    pair.deliver();
    // The first byte was read while credit still returned by itself.
    expect(server.sinks[0]?.bytes.length).toBeLessThanOrEqual(3);
    expect(server.sinks[1]?.bytes).toEqual([7, 7, 7]);
    server.streams[0]?.credit(2);
    pair.deliver();
    expect(server.sinks[0]?.bytes).toEqual([1, 2, 3]);
  });

  test("a link with an allowance sends no more than that", () => {
    const { pair, server } = pairWithHandlers();
    pair.client.allow(3);
    pair.client.openUnidirectional(bytesSource([1, 2, 3, 4]), [1, 0, 0, 0]);
    pair.deliver();
    expect(server.sinks[0]?.bytes).toEqual([1, 2, 3]);
    pair.client.allow(Number.POSITIVE_INFINITY);
    pair.deliver();
    expect(server.sinks[0]?.bytes).toEqual([1, 2, 3, 4]);
  });

  test("datagrams keep their bounds and too large ones are refused", () => {
    const { pair, server } = pairWithHandlers({ delivery: "manual", maxDatagramBytes: 2 });
    expect(pair.client.sendDatagram(Uint8Array.of(1, 2))).toBe(true);
    expect(pair.client.sendDatagram(Uint8Array.of(1, 2, 3))).toBe(false);
    pair.deliver();
    expect(server.events).toEqual(["datagram 1,2"]);
  });

  test("closing tells both sides once, with code and reason", async () => {
    const { pair, client, server } = pairWithHandlers({ delivery: "immediate" });
    const source = bytesSource([1], false);
    pair.client.openUnidirectional(source, [1, 0, 0, 0]);
    await settle();
    pair.client.close({ code: 3, reason: "enough" });
    pair.client.close({ code: 4, reason: "again" });
    await settle();
    expect(client.events).toEqual(["closed by local 3 enough"]);
    expect(server.events).toEqual(["unidirectional 2", "closed by peer-application 3 enough"]);
    expect(source.events).toEqual(["closed"]);
    expect(server.sinks[0]?.events).toEqual(["closed"]);
    expect(await pair.server.closed).toMatchObject({ by: "peer-application", code: 3n, reason: "enough" });
  });
});
