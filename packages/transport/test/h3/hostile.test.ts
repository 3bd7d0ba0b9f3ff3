/** Noise in HTTP/3's clothes: whatever arrives, the connection ends with a code, the process goes on, and others are served. */
import { afterEach, expect, test } from "vitest";
import { http3Errors } from "../../src/h3/codes.ts";
import { client, closeAll, pattern } from "../support/pair.ts";
import { chromiumSettings, connectFields, getFields, headers, Rogue, sessionPrefix } from "../support/rogue-http3.ts";
import { all, closeWeb, dialled, next, send, text, web } from "../support/web.ts";

afterEach(async () => {
  await closeWeb();
  await closeAll();
});

const seed = Number(process.env.SEED ?? Date.now() >>> 0);

/** A repeatable number from 0 to `limit` - 1. */
function randomness(from: number): (limit: number) => number {
  let state = from >>> 0 || 1;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

test("mutated streams and datagrams end nothing but their own connection, with a code of HTTP/3", async () => {
  console.log(`mutated HTTP/3: SEED=${seed}`);
  const random = randomness(seed);
  const served = await web({ listen: { fetch: () => new Response("ok") } });
  const healthy = await dialled(served.url());
  const session = await served.sessions.next();
  const known = new Set<number>(http3Errors.map(({ wireCode }) => wireCode));
  const templates = [
    Buffer.concat([Uint8Array.of(0), chromiumSettings, Uint8Array.of(7, 1, 0, 0x21, 0)]),
    Buffer.from(headers(connectFields)),
    Buffer.from(headers(getFields)),
    Buffer.concat([headers(connectFields), Uint8Array.of(0, 11, 0x68, 0x43, 7, 0, 0, 0, 7, 0x62, 0x79, 0x65, 0)]),
    Buffer.concat([sessionPrefix(0x54, 0), pattern(40)]),
    Buffer.concat([sessionPrefix(0x41, 0), pattern(40)]),
    Buffer.from([2, 0x20, 0x20]),
    Buffer.from([3, 0x44, 0x45]),
  ];
  const ends = new Map<string, number>();
  for (let round = 0; round < 60; round++) {
    const rogue = new Rogue(await client(served.listener, { alpn: ["h3"] }));
    try {
      for (let i = 0; i < 12; i++) {
        const bytes = Buffer.from(templates[random(templates.length)]!);
        for (let hits = random(4); hits > 0; hits--) bytes[random(bytes.length)] = random(256);
        const cut = bytes.subarray(0, random(8) === 0 ? random(bytes.length) : bytes.length);
        const writer = random(2) === 0 ? rogue.oneWay(cut) : rogue.bothWays(cut).writer;
        if (random(2) === 0) writer.finish();
        else if (random(4) === 0) writer.reset(random(0x200));
        if (random(3) === 0) rogue.connection.sendDatagram(pattern(random(20), round));
      }
    } catch {} // the connection may be over before the last byte is said
    await send(await healthy.createUnidirectionalStream(), `round ${round}`);
    expect(text(await all(await next(session.incomingUnidirectionalStreams)))).toBe(`round ${round}`);
    rogue.connection.close();
    const { by, code } = await rogue.connection.closed;
    if (by === "peer-application") expect(known).toContain(Number(code));
    ends.set(`${by} ${code}`, (ends.get(`${by} ${code}`) ?? 0) + 1);
  }
  expect(ends.size).toBeGreaterThan(3);
}, 60_000);

test("a peer that opens sessions and says nothing holds no more than its bounds", async () => {
  const served = await web({ onRequest: () => {}, maxSessions: 4 });
  const rogue = new Rogue(await client(served.listener, { alpn: ["h3"] }));
  rogue.control();
  for (let i = 0; i < 4; i++) rogue.bothWays(headers(connectFields));
  for (let i = 0; i < 4; i++) await served.requests.next();
  const fifth = rogue.bothWays(headers(connectFields));
  await expect(fifth.reader.bytes()).rejects.toMatchObject({ message: expect.stringContaining(String(0x10b)) });
  // 3 MB on streams of a session that will never be: one mebibyte is kept, so at least 19 of 30 streams are rejected.
  const rejected = Promise.withResolvers<void>();
  let rejections = 0;
  for (let i = 0; i < 30; i++) {
    const parked = rogue.oneWay(sessionPrefix(0x54, 400), pattern(100_000));
    parked.acknowledged().catch(({ message }) => {
      if (String(message).includes(String(0x3994bd84)) && ++rejections === 19) rejected.resolve();
    });
  }
  await rejected.promise;
}, 20_000);
