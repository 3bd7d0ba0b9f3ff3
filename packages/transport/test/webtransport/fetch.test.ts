/** Plain requests: what a listener answers to a GET over HTTP/3. */
import type { ByteReader, FetchHandler } from "@moqingbird/transport";
import { afterEach, expect, test } from "vitest";
import type { FieldLine } from "../../src/h3/field-line.ts";
import { FrameReader, FrameType } from "../../src/h3/frames.ts";
import { decodeFields } from "../../src/h3/qpack.ts";
import { client, closeAll, Inbox, pattern } from "../support/pair.ts";
import { getFields, headers, Rogue } from "../support/rogue-http3.ts";
import { closeWeb, web } from "../support/web.ts";

afterEach(async () => {
  await closeWeb();
  await closeAll();
});

async function asking(fetch: FetchHandler | undefined): Promise<Rogue> {
  const served = await web({ listen: fetch === undefined ? {} : { fetch } });
  const rogue = new Rogue(await client(served.listener, { alpn: ["h3"] }));
  rogue.control();
  return rogue;
}

const request = (method: string, path: string, more: readonly FieldLine[] = []): Uint8Array =>
  headers([
    ...getFields.map(([name, value]): FieldLine => {
      if (name === ":method") return [name, method];
      return [name, name === ":path" ? path : value];
    }),
    ...more,
  ]);

test("a handler sees a Request and its Response arrives", async () => {
  const seen = new Inbox<[Request, string]>();
  const rogue = await asking((asked, { remoteAddress }) => {
    seen.put([asked, remoteAddress.address]);
    return new Response("well\n", { status: 203, headers: { "x-answer": "yes", connection: "close" } });
  });
  const { reader, writer } = rogue.bothWays(request("GET", "/a/b?c=d", [["x-question", "why"]]));
  writer.finish();
  const { fields, body } = await answer(reader);
  expect(fields).toContainEqual([":status", "203"]);
  expect(fields).toContainEqual(["x-answer", "yes"]);
  expect(fields.map(([name]) => name)).not.toContain("connection");
  expect(Buffer.from(body).toString()).toBe("well\n");
  const [asked, address] = await seen.next();
  expect([asked.method, asked.url, asked.headers.get("x-question"), address]).toEqual([
    "GET",
    "https://localhost/a/b?c=d",
    "why",
    "127.0.0.1",
  ]);
});

test("a large body comes in pieces, no faster than it is taken", async () => {
  const total = 64;
  let made = 0;
  const block = pattern(65_536);
  const rogue = await asking(() => {
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (made++ < total) controller.enqueue(block);
        else controller.close();
      },
    });
    return new Response(body);
  });
  const { reader } = rogue.bothWays(request("GET", "/large"));
  while (reader.bufferedBytes < 200_000) await new Promise((resolve) => setImmediate(resolve));
  expect(made).toBeLessThan(total / 2);
  expect((await answer(reader)).body.length).toBe(total * block.length);
});

test("HEAD has no body, other methods are status 405, no handler is 404, a throw is 500", async () => {
  const rogue = await asking(() => new Response("body"));
  expect((await answer(rogue.bothWays(request("HEAD", "/")).reader)).body).toHaveLength(0);
  expect((await answer(rogue.bothWays(request("POST", "/")).reader)).fields).toEqual([
    [":status", "405"],
    ["allow", "GET, HEAD"],
  ]);
  const without = await asking(undefined);
  expect((await answer(without.bothWays(request("GET", "/")).reader)).fields).toEqual([[":status", "404"]]);
  const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
  const broken = await asking(() => {
    throw new Error("broken on purpose");
  });
  expect((await answer(broken.bothWays(request("GET", "/")).reader)).fields).toContainEqual([":status", "500"]);
  expect((await warned).message).toContain("broken on purpose");
});

test("a client that gives up aborts the request's signal", async () => {
  const signals = new Inbox<AbortSignal>();
  const rogue = await asking(
    (asked) =>
      new Promise((resolve) => {
        signals.put(asked.signal);
        asked.signal.addEventListener("abort", () => resolve(new Response()));
      }),
  );
  const { reader, writer } = rogue.bothWays(request("GET", "/slow"));
  const signal = await signals.next();
  expect(signal.aborted).toBe(false);
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
  writer.reset(0x10c);
  reader.stop(0x10c);
  await aborted;
});

/** A response, taken apart. */
async function answer(reader: ByteReader): Promise<{ fields: readonly FieldLine[]; body: Uint8Array }> {
  const bytes = await reader.bytes();
  let fields: readonly FieldLine[] = [];
  const body: Uint8Array[] = [];
  const frames = new FrameReader(
    {
      begin: (type) => (type === FrameType.DATA ? "stream" : "whole"),
      frame: (_, payload) => {
        fields = decodeFields(payload, { sectionBytes: 16_384, fields: 100 });
      },
      part: (part, start, end) => body.push(part.slice(start, end)),
    },
    16_384,
  );
  frames.feed(bytes, 0, bytes.length);
  frames.end();
  return { fields, body: Buffer.concat(body) };
}
