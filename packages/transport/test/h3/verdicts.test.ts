/** What a peer may not do, and the code that the connection or the stream ends with for it. */
import {
  type ByteReader,
  ByteWriter,
  type Connection,
  type IncomingBidirectionalStream,
  type TransportError,
} from "@moqingbird/transport";
import { afterEach, describe, expect, test } from "vitest";
import { type Http3ErrorName, http3Code } from "../../src/h3/codes.ts";
import type { FieldLine } from "../../src/h3/field-line.ts";
import { FrameType, frame } from "../../src/h3/frames.ts";
import { encodeSettings } from "../../src/h3/settings.ts";
import { joined, varint } from "../../src/varint.ts";
import { client, closeAll, listener } from "../support/pair.ts";
import { connectFields, getFields, headers, Rogue, sessionPrefix } from "../support/rogue-http3.ts";
import { closeWeb, dialled, web } from "../support/web.ts";
import { hex } from "./hex.ts";

afterEach(async () => {
  await closeAll(); // first, for rogues answer no close
  await closeWeb();
});

/** A client by hand of a listener of ours. */
async function rogueClient(): Promise<Rogue> {
  const served = await web({ listen: { fetch: () => new Response("ok") } });
  return new Rogue(await client(served.listener, { alpn: ["h3"] }));
}

const nothing = new Uint8Array(0);
const settings = (...pairs: readonly (readonly [number, number])[]) => frame(FrameType.SETTINGS, encodeSettings(pairs));
const without = (fields: readonly FieldLine[], name: string) => fields.filter(([candidate]) => candidate !== name);

describe("a client that breaks a rule of the connection", () => {
  test.each<[string, Http3ErrorName, (rogue: Rogue) => unknown]>([
    ["DATA before HEADERS", "H3_FRAME_UNEXPECTED", (r) => r.bothWays(frame(FrameType.DATA, hex("00")))],
    ["DATA on the control stream", "H3_FRAME_UNEXPECTED", (r) => r.control("0000")],
    ["HEADERS on the control stream", "H3_FRAME_UNEXPECTED", (r) => r.control("0100")],
    ["PUSH_PROMISE on the control stream", "H3_FRAME_UNEXPECTED", (r) => r.control("0500")],
    ["a second SETTINGS", "H3_FRAME_UNEXPECTED", (r) => r.control(settings())],
    ["CANCEL_PUSH on a request stream", "H3_FRAME_UNEXPECTED", (r) => r.bothWays("0301 00")],
    ["SETTINGS on a request stream", "H3_FRAME_UNEXPECTED", (r) => r.bothWays("0400")],
    ["GOAWAY on a request stream", "H3_FRAME_UNEXPECTED", (r) => r.bothWays("0701 00")],
    ["MAX_PUSH_ID on a request stream", "H3_FRAME_UNEXPECTED", (r) => r.bothWays("0d01 00")],
    ["PUSH_PROMISE on a request stream", "H3_FRAME_UNEXPECTED", (r) => r.bothWays(headers(getFields), "0500")],
    ["a frame of HTTP/2", "H3_FRAME_UNEXPECTED", (r) => r.bothWays("0200")],
    [
      "HEADERS after a CONNECT",
      "H3_FRAME_UNEXPECTED",
      (r) => {
        r.control();
        r.bothWays(headers(connectFields), headers([]));
      },
    ],
    ["another frame before SETTINGS", "H3_MISSING_SETTINGS", (r) => r.oneWay("00", "0700")],
    ["a reserved frame before SETTINGS", "H3_MISSING_SETTINGS", (r) => r.oneWay("00", "2100")],
    ["a setting twice", "H3_SETTINGS_ERROR", (r) => r.oneWay("00", settings([6, 1], [6, 2]))],
    ["a setting of HTTP/2", "H3_SETTINGS_ERROR", (r) => r.oneWay("00", settings([2, 0]))],
    ["SETTINGS cut short", "H3_FRAME_ERROR", (r) => r.oneWay("00", "0401 06")],
    ["SETTINGS of 3000 bytes", "H3_EXCESSIVE_LOAD", (r) => r.oneWay("00", "044bb8")],
    ["GOAWAY that holds no number", "H3_FRAME_ERROR", (r) => r.control("0702 0000")],
    ["GOAWAY that grows", "H3_ID_ERROR", (r) => r.control("0701 00 0701 04")],
    ["MAX_PUSH_ID that shrinks", "H3_ID_ERROR", (r) => r.control("0d01 05 0d01 04")],
    ["CANCEL_PUSH of no push", "H3_ID_ERROR", (r) => r.control("0301 00")],
    ["the end of the control stream", "H3_CLOSED_CRITICAL_STREAM", (r) => r.control().finish()],
    [
      "a second control stream",
      "H3_STREAM_CREATION_ERROR",
      (r) => {
        r.control();
        r.oneWay("00");
      },
    ],
    ["a push stream", "H3_STREAM_CREATION_ERROR", (r) => r.oneWay("01 00")],
    [
      "a second QPACK encoder stream",
      "H3_STREAM_CREATION_ERROR",
      (r) => {
        r.oneWay("02");
        r.oneWay("02");
      },
    ],
    ["the end of a QPACK stream", "H3_CLOSED_CRITICAL_STREAM", (r) => r.oneWay("03").finish()],
    ["a QPACK capacity above 0", "QPACK_ENCODER_STREAM_ERROR", (r) => r.oneWay("02 3fbd01")],
    ["a QPACK insert", "QPACK_ENCODER_STREAM_ERROR", (r) => r.oneWay("02 c001 61")],
    ["an Insert Count Increment of 0", "QPACK_DECODER_STREAM_ERROR", (r) => r.oneWay("03 00")],
    ["a Section Acknowledgment", "QPACK_DECODER_STREAM_ERROR", (r) => r.oneWay("03 80")],
    ["a static index out of range", "QPACK_DECOMPRESSION_FAILED", (r) => r.bothWays(frame(1, hex("0000 ff24")))],
    ["a reference to a dynamic entry", "QPACK_DECOMPRESSION_FAILED", (r) => r.bothWays(frame(1, hex("0000 80")))],
    ["the signal of WebTransport inside a request", "H3_FRAME_ERROR", (r) => r.bothWays(headers(getFields), "404100")],
    ["the signal of WebTransport on the control stream", "H3_FRAME_ERROR", (r) => r.control("404100")],
    ["a stream of a session no client can open", "H3_ID_ERROR", (r) => r.bothWays(sessionPrefix(0x41, 3))],
    ["a one-way stream of such a session", "H3_ID_ERROR", (r) => r.oneWay(sessionPrefix(0x54, 2))],
    ["a datagram without an id", "H3_DATAGRAM_ERROR", (r) => r.connection.sendDatagram(hex("40"))],
    [
      "a datagram whose id is above 2^60",
      "H3_DATAGRAM_ERROR",
      (r) => r.connection.sendDatagram(hex("d000000000000000")),
    ],
    ["the end of a stream inside a frame", "H3_FRAME_ERROR", (r) => r.bothWays("0105 00").writer.finish()],
  ])("%s: %s", async (_, code, act) => {
    const rogue = await rogueClient();
    act(rogue);
    expect(await rogue.verdict()).toBe(BigInt(http3Code(code)));
  });

  test("more cancelled requests than are tolerated", async () => {
    const rogue = await rogueClient();
    rogue.control();
    let over = false;
    void rogue.connection.closed.then(() => {
      over = true;
    });
    let opened = 0;
    for (; !over && opened < 1000; opened++) {
      const { writer, reader } = rogue.bothWays("01");
      await new Promise((resolve) => setImmediate(resolve));
      writer.reset(http3Code("H3_REQUEST_CANCELLED"));
      reader.stop();
    }
    expect(await rogue.verdict()).toBe(BigInt(http3Code("H3_EXCESSIVE_LOAD")));
    expect(opened).toBeGreaterThan(100);
  }, 20_000);
});

describe("a client whose request is wrong", () => {
  const bad = (fields: readonly FieldLine[]) => headers(fields);
  test.each<[string, Http3ErrorName, Uint8Array]>([
    ["a pseudo-header twice", "H3_MESSAGE_ERROR", bad([...getFields, [":path", "/"]])],
    ["a missing pseudo-header", "H3_MESSAGE_ERROR", bad(without(getFields, ":path"))],
    ["a pseudo-header of a response", "H3_MESSAGE_ERROR", bad([...getFields, [":status", "200"]])],
    ["a pseudo-header behind a field", "H3_MESSAGE_ERROR", bad([["a", "b"], ...getFields])],
    [
      "an authority that makes no URL",
      "H3_MESSAGE_ERROR",
      bad([...without(getFields, ":authority"), [":authority", "a b"]]),
    ],
    [
      "a header block of 17 KB",
      "H3_EXCESSIVE_LOAD",
      bad([...getFields, ["x", "y".repeat(16_000)], ["z", "y".repeat(300)]]),
    ],
    ["no request at all", "H3_REQUEST_INCOMPLETE", nothing],
  ])("%s: its stream ends with %s, the connection lives", async (_, code, bytes) => {
    const rogue = await rogueClient();
    rogue.control();
    const { writer, reader } = rogue.bothWays(bytes);
    writer.finish();
    await expect(reader.bytes()).rejects.toMatchObject({
      code: "stream-reset",
      message: expect.stringContaining(String(http3Code(code))),
    });
    expect(await answerOf(rogue.bothWays(headers(getFields)))).toContain("6f6b"); // "ok"
  });
});

describe("a client that is merely odd", () => {
  test("reserved frames, settings, stream types and fields are passed over", async () => {
    const rogue = await rogueClient();
    rogue.control("21 03 aabbcc", "4040 00");
    rogue.oneWay("21", "aabbcc").finish();
    rogue.oneWay("4abc", "aabbcc");
    const { writer, reader } = rogue.bothWays("21 02 0000", headers([...getFields, ["x-odd", "\u00ff"]]), "4040 01 00");
    writer.finish();
    expect(Buffer.from(await reader.bytes()).toString("latin1")).toContain("ok");
  });

  test("an unknown :protocol is status 501, a plain CONNECT too", async () => {
    const rogue = await rogueClient();
    rogue.control();
    for (const fields of [
      connectFields.map(([name, value]) => [name, name === ":protocol" ? "websocket" : value] as const),
      [
        [":method", "CONNECT"],
        [":authority", "localhost:1"],
      ] as const,
    ]) {
      expect(await answerOf(rogue.bothWays(headers(fields)))).toContain(Buffer.from("501").toString("hex"));
    }
  });

  test("a request before SETTINGS waits for them", async () => {
    const served = await web();
    const rogue = new Rogue(await client(served.listener, { alpn: ["h3"] }));
    const { reader } = rogue.bothWays(headers(connectFields));
    const answer = reader.read();
    expect(await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 50, "nothing yet"))])).toBe(
      "nothing yet",
    );
    rogue.control();
    expect(Buffer.from((await answer)!).toString("hex")).toMatch(/^01/);
  });

  test("streams before their session's request wait for it; those above the bound are rejected", async () => {
    const served = await web();
    const rogue = new Rogue(await client(served.listener, { alpn: ["h3"] }));
    rogue.control();
    const early = Array.from({ length: 70 }, (_, i) => rogue.oneWay(sessionPrefix(0x54, 0), Uint8Array.of(i)));
    for (const writer of early) writer.finish();
    const outcomes = Promise.all(
      early.map((writer) =>
        writer.acknowledged().then(
          () => "taken",
          (error) => error.message,
        ),
      ),
    );
    rogue.connection.sendDatagram(hex("00 aabb"));
    await Promise.all(early.slice(6).map((writer) => writer.acknowledged()));
    rogue.bothWays(headers(connectFields));
    const session = await served.sessions.next();
    const seen: number[] = [];
    const arriving = session.incomingUnidirectionalStreams.getReader();
    for (let i = 0; i < 64; i++) {
      const { value } = await arriving.read();
      const { value: bytes } = await value!.getReader().read();
      seen.push(bytes![0]!);
    }
    expect(seen).toEqual(Array.from({ length: 64 }, (_, i) => i + 6));
    expect((await session.datagrams.readable.getReader().read()).value).toEqual(hex("aabb"));
    expect((await outcomes).filter((outcome) => outcome !== "taken").length).toBeLessThanOrEqual(6);
  });

  test("streams and datagrams of a session that is over are refused", async () => {
    const served = await web();
    const rogue = new Rogue(await client(served.listener, { alpn: ["h3"] }));
    rogue.control();
    const request = rogue.bothWays(headers(connectFields));
    const session = await served.sessions.next();
    request.writer.finish();
    expect(await session.closed).toEqual({ closeCode: 0, reason: "" });
    const late = rogue.bothWays(sessionPrefix(0x41, 0), "00");
    await expect(late.reader.bytes()).rejects.toMatchObject({
      message: expect.stringContaining(String(http3Code("WT_SESSION_GONE"))),
    });
    rogue.connection.sendDatagram(hex("00 aa"));
    expect(await answerOf(request)).toMatch(/^01/);
  });

  test("sessions above the limit are rejected, and may come when another is over", async () => {
    const served = await web({ maxSessions: 2 });
    const rogue = new Rogue(await client(served.listener, { alpn: ["h3"] }));
    rogue.control();
    const [first] = [rogue.bothWays(headers(connectFields)), rogue.bothWays(headers(connectFields))];
    const one = await served.sessions.next();
    await served.sessions.next();
    const third = rogue.bothWays(headers(connectFields));
    await expect(third.reader.bytes()).rejects.toMatchObject({
      message: expect.stringContaining(String(http3Code("H3_REQUEST_REJECTED"))),
    });
    first.writer.finish();
    await one.closed;
    rogue.bothWays(headers(connectFields));
    await served.sessions.next();
  });

  test("a malformed capsule ends the session with its code, and no other", async () => {
    const served = await web();
    const rogue = new Rogue(await client(served.listener, { alpn: ["h3"] }));
    rogue.control();
    const bad = rogue.bothWays(headers(connectFields));
    const session = await served.sessions.next();
    const good = rogue.bothWays(headers(connectFields));
    const other = await served.sessions.next();
    bad.writer.write(frame(FrameType.DATA, hex("990b4d3e 00"))); // WT_MAX_STREAM_DATA, which is HTTP/2's
    const error = (await session.closed.catch((thrown) => thrown)) as { cause: TransportError };
    expect(error.cause).toMatchObject({
      code: "http-violation",
      message: expect.stringContaining("H3_DATAGRAM_ERROR"),
    });
    await expect(bad.reader.bytes()).rejects.toMatchObject({ message: expect.stringContaining(String(0x33)) });
    good.writer.write(frame(FrameType.DATA, hex("6843 04 0000000b")));
    expect(await other.closed).toEqual({ closeCode: 11, reason: "" });
  });
});

describe("a server that breaks a rule", () => {
  /** Our client's session with a server that says what it is told. */
  async function meet(serve: (rogue: Rogue, connection: Connection) => void) {
    const verdict = Promise.withResolvers<bigint>();
    const rogueServer = await listener({
      alpn: ["h3"],
      onConnection: (connection) => {
        const rogue = new Rogue(connection);
        rogue.verdict().then(verdict.resolve, () => {}); // most are closed by the test
        serve(rogue, connection);
      },
    });
    const session = await dialled(`https://127.0.0.1:${rogueServer.address.port}/`);
    return { session, verdict: verdict.promise };
  }
  const allowed: readonly (readonly [number, number])[] = [
    [0x8, 1],
    [0x33, 1],
    [0x2b603742, 1],
  ];

  test.each<[string, Http3ErrorName, (rogue: Rogue) => unknown]>([
    ["a stream both ways that is no WebTransport's", "H3_STREAM_CREATION_ERROR", (r) => r.bothWays(headers(getFields))],
    ["MAX_PUSH_ID", "H3_FRAME_UNEXPECTED", (r) => r.oneWay("00", settings(...allowed), "0d01 00")],
    ["a push stream", "H3_ID_ERROR", (r) => r.oneWay("01 00")],
    ["GOAWAY that names no request", "H3_ID_ERROR", (r) => r.oneWay("00", settings(...allowed), "0701 01")],
    ["WT_ENABLED 2", "H3_SETTINGS_ERROR", (r) => r.oneWay("00", settings(...allowed, [0x2c7cf000, 2]))],
  ])("%s: %s", async (_, code, act) => {
    const { session, verdict } = await meet(act);
    expect(await verdict).toBe(BigInt(http3Code(code)));
    const error = (await session.ready.catch((thrown) => thrown)) as { cause: TransportError };
    expect(error.cause).toMatchObject({ code: "http-violation", message: expect.stringContaining(code) });
  });

  test.each([
    ["no WebTransport", [[0x8, 1]], "announce no draft of WebTransport"],
    ["no extended CONNECT", [[0x2b603742, 1]], "do not allow extended CONNECT"],
  ] as const)("SETTINGS with %s are a sentence", async (_, pairs, words) => {
    const { session } = await meet((rogue) => rogue.oneWay("00", settings(...pairs)));
    const error = (await session.ready.catch((thrown) => thrown)) as { cause: TransportError };
    expect(error.cause).toMatchObject({ code: "webtransport-unsupported", message: expect.stringContaining(words) });
  });

  test("a server of draft -15 alone is asked by the new token, without the header of draft -02", async () => {
    const request = Promise.withResolvers<Uint8Array>();
    const { session } = await meet((rogue, connection) => {
      rogue.oneWay("00", settings([0x8, 1], [0x33, 1], [0x2c7cf000, 1]));
      connection.handler = {
        stream: (stream) => ({
          data: (bytes, start, end) => {
            if (stream.direction === "bidirectional") request.resolve(bytes.slice(start, end));
          },
          finished: () => {},
          reset: () => {},
        }),
      };
    });
    const text = Buffer.from(await request.promise).toString("latin1");
    expect(text).toContain("webtransport-h3");
    expect(text).not.toContain("draft02");
    session.close();
    await session.ready.catch(() => {});
  });

  test("a protocol that was not offered is WT_ALPN_ERROR", async () => {
    const stopped = Promise.withResolvers<bigint>();
    const { session } = await meet((rogue, connection) => {
      rogue.oneWay("00", settings(...allowed));
      connection.handler = {
        stream: (stream) => {
          if (stream.direction !== "bidirectional") return { data: () => {}, finished: () => {}, reset: () => {} };
          const answer = headers([
            [":status", "200"],
            ["wt-protocol", '"other"'],
          ]);
          let left = answer.length;
          stream.setSource({
            get pending() {
              return left > 0;
            },
            finished: false,
            pull: (target, offset) => {
              target.set(answer, offset);
              left = 0;
              return answer.length;
            },
          });
          return { data: () => {}, finished: () => {}, reset: stopped.resolve };
        },
      };
    });
    // The class offers none here, so what the server chose means nothing; a second client asks for one.
    await session.ready;
    expect(session.protocol).toBe("");
    const url = `https://127.0.0.1:${session.connection!.remoteAddress.port}/`;
    const asking = await dialled(url, { protocols: ["mine"] });
    const error = (await asking.ready.catch((thrown) => thrown)) as { cause: TransportError };
    expect(error.cause.message).toContain('it chose the protocol "other", which was not offered');
    expect(await stopped.promise).toBe(BigInt(http3Code("WT_ALPN_ERROR")));
  });

  test("interim answers are passed over", async () => {
    const { session } = await meet((rogue, connection) => {
      rogue.oneWay("00", settings(...allowed));
      const answers = joined(headers([[":status", "103"]]), varint(0x21), varint(0), headers([[":status", "200"]]));
      connection.handler = {
        stream: (stream) => {
          if (stream.direction === "bidirectional") {
            let left = true;
            stream.setSource({
              get pending() {
                return left;
              },
              finished: false,
              pull: (target, offset) => {
                target.set(answers, offset);
                left = false;
                return answers.length;
              },
            });
          }
          return { data: () => {}, finished: () => {}, reset: () => {} };
        },
      };
    });
    await session.ready;
  });
});

test("a client's connection outlives its session until the server has answered the close", async () => {
  const reports: string[] = [];
  const report = Promise.withResolvers<void>();
  const rogueServer = await listener({
    alpn: ["h3"],
    onConnection: (connection) => {
      const rogue = new Rogue(connection);
      rogue.oneWay("00", settings([0x8, 1], [0x33, 1], [0x2b603742, 1]));
      const writer = new ByteWriter();
      const answerLate = async () => {
        for (let round = 1; round <= 3; round++) {
          const stream = rogue.oneWay("21");
          stream.finish();
          await stream.acknowledged();
          reports.push(`round ${round}`);
        }
        writer.finish();
        reports.push(`ended with ${await rogue.verdict()}`);
      };
      connection.handler = {
        stream: (stream) => {
          if (stream.direction === "unidirectional") return { data: () => {}, finished: () => {}, reset: () => {} };
          (stream as IncomingBidirectionalStream).setSource(writer);
          writer.write(headers([[":status", "200"]]));
          return {
            data: () => {},
            finished: () => void answerLate().then(report.resolve, report.reject),
            reset: () => {},
          };
        },
      };
    },
  });
  const session = await dialled(`https://127.0.0.1:${rogueServer.address.port}/`);
  await session.ready;
  session.close();
  await report.promise;
  expect(reports).toEqual(["round 1", "round 2", "round 3", `ended with ${http3Code("H3_NO_ERROR")}`]);
});

/** The first bytes a stream brings back, as hex. */
async function answerOf({ reader }: { readonly reader: ByteReader }): Promise<string> {
  const chunk = await reader.read();
  return Buffer.from(chunk ?? nothing).toString("hex");
}
