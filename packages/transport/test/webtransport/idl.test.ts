/** Our classes beside the interface definition of W3C, member by member. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import * as transport from "@moqingbird/transport";
import { afterEach, expect, test } from "vitest";
import * as webidl from "webidl2";
import { closeWeb, next, send, sessionPair } from "../support/web.ts";

afterEach(closeWeb);

const path = createRequire(import.meta.url).resolve("@webref/idl/webtransport.idl");

interface Member {
  readonly name: string;
  readonly type: "attribute" | "operation";
  readonly readonly?: boolean;
  readonly special?: string;
}

async function definitions() {
  const tree = webidl.parse(await readFile(path, "utf8"));
  const members = (kind: string, name: string): readonly Member[] =>
    (tree.find((node) => node.type === kind && "name" in node && node.name === name) as { members: Member[] }).members;
  return {
    interfaces: tree.flatMap((node) => (node.type === "interface" ? [node.name] : [])),
    members: (name: string) =>
      members("interface", name).filter(({ type }) => type === "attribute" || type === "operation"),
    fields: (name: string) => members("dictionary", name).map((field) => field.name),
  };
}

test("every interface and member of the definition is there", async () => {
  const { interfaces, members } = await definitions();
  const { client, server } = await sessionPair();
  const both = await client.createBidirectionalStream();
  await send(both.writable, "x");
  const writable = await client.createUnidirectionalStream();
  const objects: Readonly<Record<string, object>> = {
    WebTransport: client,
    WebTransportDatagramDuplexStream: client.datagrams,
    WebTransportDatagramsWritable: client.datagrams.createWritable(),
    WebTransportBidirectionalStream: both,
    WebTransportSendStream: writable,
    WebTransportReceiveStream: (await next(server.incomingBidirectionalStreams)).readable,
    WebTransportSendGroup: client.createSendGroup(),
    WebTransportWriter: writable.getWriter(),
    WebTransportError: new transport.WebTransportError(),
  };
  expect(interfaces.sort()).toEqual(Object.keys(objects).sort());
  for (const [name, object] of Object.entries(objects)) {
    const ours = (transport as Readonly<Record<string, unknown>>)[name] as new () => object;
    expect(object, name).toBeInstanceOf(ours);
    for (const member of members(name)) {
      const holder = member.special === "static" ? ours : object;
      expect(member.name in holder, `${name}.${member.name}`).toBe(true);
      const value = (holder as Readonly<Record<string, unknown>>)[member.name];
      expect(typeof value === "function", `${name}.${member.name}`).toBe(member.type === "operation");
    }
  }
});

test("statistics have the fields of the definition, but for those the engine does not count", async () => {
  const { fields } = await definitions();
  const { client } = await sessionPair();
  const stats = await client.getStats();
  const missing = fields("WebTransportConnectionStats").filter((name) => !(name in stats));
  expect(missing).toEqual(["bytesSentOverhead", "bytesAcknowledged", "rttVariation"]);
  expect(Object.keys(stats.datagrams).sort()).toEqual([...fields("WebTransportDatagramStats")].sort());
  const writable = await client.createUnidirectionalStream();
  const counters = Object.keys(await writable.getStats()).sort();
  expect(counters).toEqual([...fields("WebTransportSendStreamStats")].sort());
});
