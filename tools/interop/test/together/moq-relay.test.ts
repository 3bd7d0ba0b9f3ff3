/** moq-relay-ietf on both sides of us: as the relay our command line talks to, and as a client of our relay. */
import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import { difference, makeRandomFile } from "../../src/lab/files.ts";
import { test } from "../../src/lab/lab.ts";
import { startMoqb, startRelay, trust, ways } from "../../src/lab/ours.ts";
import { startMoqClock, startMoqRelay } from "../../src/lab/peers.ts";

const time = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

for (const { transport, url } of ways) {
  test(`moqb publishes and subscribes through moq-relay-ietf over ${transport}`, async ({ lab }) => {
    const relay = await startMoqRelay(lab);
    const [input, output] = [lab.file("input"), lab.file("output")];
    const seed = await makeRandomFile(input, 12_000_000);
    const subscriber = startMoqb(lab, ["sub", relay[url], "--broadcast", "a/b", "--output", output, ...trust(lab)]);
    // It came before the publisher. This relay never answers SUBSCRIBE_NAMESPACE, so it has to ask again by itself.
    await relay.control("recv", "SUBSCRIBE_NAMESPACE");
    await relay.control("sent", "SUBSCRIBE_ERROR");
    const pub = ["pub", relay[url], "--broadcast", "a/b", "--rate", "40M", "--wait", ...trust(lab)];
    const publisher = startMoqb(lab, pub, { stdin: { file: input } });
    expect(await publisher.exits(20_000)).toEqual({ code: 0, signal: null });
    expect(await subscriber.exits(20_000)).toEqual({ code: 0, signal: null });
    expect(await difference(input, output), `seed ${seed}`).toBe("");
    await relay.control("recv", "PUBLISH_NAMESPACE", /namespace=\/a\/b/);
  });
}

test("moqb clock and moq-clock-ietf read each other through moq-relay-ietf", async ({ lab }) => {
  const relay = await startMoqRelay(lab);
  const ours = startMoqb(lab, ["clock", relay.url, "--publish", "--broadcast", "ours", ...trust(lab)]);
  const theirs = startMoqClock(lab, relay.url, { publish: true, namespace: "theirs" });
  await relay.control("sent", "PUBLISH_NAMESPACE_OK");
  await relay.control("recv", "PUBLISH_NAMESPACE", /namespace=\/ours/);
  await relay.control("recv", "PUBLISH_NAMESPACE", /namespace=\/theirs/);
  const reader = startMoqClock(lab, relay.url, { namespace: "ours" });
  const ourReader = startMoqb(lab, ["clock", relay.url, "--broadcast", "theirs", ...trust(lab)]);
  expect(ours.lines).toEqual(expect.arrayContaining(await reader.matches(time, 3)));
  expect(theirs.lines).toEqual(expect.arrayContaining(await ourReader.matches(time, 3)));
});

test("subscriptions at our relay flow back through a moq-relay-ietf that announces to it", async ({ lab }) => {
  const relay = await startRelay(lab);
  const edge = await startMoqRelay(lab, { announce: relay.url });
  const link = await relay.log.until({ event: "session-open" });

  const publisher = startMoqClock(lab, edge.url, { publish: true, namespace: "far/clock" });
  await relay.log.until({ event: "publish-namespace-ok", session: link.session, namespace: "far/clock" });
  await edge.control("recv", "PUBLISH_NAMESPACE_OK");

  const subscriber = startMoqClock(lab, relay.url, { namespace: "far/clock" });
  expect(publisher.lines).toEqual(expect.arrayContaining(await subscriber.matches(time, 3)));
  expect(relay.log.all({ event: "upstream-subscribe", namespace: "far/clock" })).toMatchObject([
    { session: link.session, track: "now" },
  ]);
  await edge.control("recv", "SUBSCRIBE", /namespace=\/far\/clock/);
});

test("moqb behind a moq-relay-ietf reaches moqb at our relay", async ({ lab }) => {
  const relay = await startRelay(lab);
  const edge = await startMoqRelay(lab, { announce: relay.url });
  const text = Array.from({ length: 40 }, (_, index) => `line ${index}\n`).join("");
  const publisher = startMoqb(lab, [
    "pub",
    edge.url,
    "--broadcast",
    "far/text",
    "--format",
    "lines",
    "--wait",
    ...trust(lab),
  ]);
  await relay.log.until({ event: "publish-namespace-ok", namespace: "far/text" });
  const subscriber = startMoqb(lab, [
    "sub",
    relay.url,
    "--broadcast",
    "far/text",
    "--output",
    lab.file("text"),
    ...trust(lab),
  ]);
  publisher.stdin.end(text);
  expect(await publisher.exits()).toEqual({ code: 0, signal: null });
  expect(await subscriber.exits()).toEqual({ code: 0, signal: null });
  expect(await readFile(lab.file("text"), "utf8")).toBe(text);
});
