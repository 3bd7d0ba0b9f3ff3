/** Log lines of control messages: what an answer is about, when it comes after its request was given up. */
import { Writable } from "node:stream";
import type { ControlMessage } from "@moqingbird/codec";
import { expect, test } from "vitest";
import { createLogger } from "../src/log.ts";
import { MessageLog } from "../src/message-log.ts";

function logged(): { lines: Record<string, unknown>[]; messages: MessageLog } {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(JSON.parse(line.toString()));
      done();
    },
  });
  return { lines, messages: new MessageLog(createLogger({ destination })) };
}

const subscribe = (requestId: number) =>
  ({
    type: "subscribe",
    requestId,
    namespace: [new TextEncoder().encode("live")],
    trackName: new TextEncoder().encode(`track${requestId}`),
    subscriberPriority: 128,
    filter: { type: "largestObject" },
  }) as unknown as ControlMessage;
const unsubscribe = (requestId: number): ControlMessage => ({ type: "unsubscribe", requestId });
const publishDone = (requestId: number): ControlMessage => ({
  type: "publishDone",
  requestId,
  status: 3,
  streamCount: 0,
  reason: "",
});

test("PUBLISH_DONE names the track although the subscription was given back before", () => {
  const { lines, messages } = logged();
  messages.message("sent", subscribe(2));
  messages.message("sent", unsubscribe(2));
  messages.message("received", publishDone(2));
  messages.message("received", publishDone(2));
  expect(lines.map(({ event, track }) => [event, track])).toEqual([
    ["upstream-subscribe", "track2"],
    ["upstream-unsubscribe", "track2"],
    ["upstream-publish-done", "track2"],
    ["upstream-publish-done", undefined],
  ]);
});

test("a publisher that answers no UNSUBSCRIBE costs the oldest name, not memory", () => {
  const { lines, messages } = logged();
  for (let requestId = 0; requestId < 600; requestId += 2) {
    messages.message("sent", subscribe(requestId));
    messages.message("sent", unsubscribe(requestId));
  }
  lines.length = 0;
  messages.message("received", publishDone(0));
  messages.message("received", publishDone(598));
  expect(lines.map(({ track }) => track)).toEqual([undefined, "track598"]);
});
