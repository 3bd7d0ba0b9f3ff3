/** moq-test-client, the draft-14 interop client. It passes on silence, so our log is the judge of what happened. */
import { expect } from "vitest";
import type { Lab } from "../../src/lab/lab.ts";
import { test } from "../../src/lab/lab.ts";
import { startRelay, ways } from "../../src/lab/ours.ts";
import { startTestClient } from "../../src/lab/peers.ts";
import { parseTap } from "../../src/lab/tap.ts";

const namespace = "moq-test/interop";
const track = "test-track";

async function runCase(lab: Lab, url: string, name: string): Promise<void> {
  const client = startTestClient(lab, url, name);
  expect(await client.exits(15_000)).toEqual({ code: 0, signal: null });
  expect(parseTap(client.lines)).toMatchObject([{ name, ok: true }]);
}

for (const { transport, url } of ways) {
  test(`${transport}, setup-only: both SETUP messages passed`, async ({ lab }) => {
    const relay = await startRelay(lab);
    await runCase(lab, relay[url], "setup-only");
    await relay.log.until({ event: "session-open", transport, version: "moq-transport-14" });
  });

  test(`${transport}, announce-only: PUBLISH_NAMESPACE_OK was sent`, async ({ lab }) => {
    const relay = await startRelay(lab);
    await runCase(lab, relay[url], "announce-only");
    await relay.log.until({ event: "publish-namespace-ok", namespace });
  });

  test(`${transport}, publish-namespace-done: the namespace was accepted and is gone afterwards`, async ({ lab }) => {
    const relay = await startRelay(lab);
    // This version of the client ends its control stream instead of sending PUBLISH_NAMESPACE_DONE; aiomoqt sends it.
    await runCase(lab, relay[url], "publish-namespace-done");
    await relay.log.until({ event: "publish-namespace-ok", namespace });
    await relay.log.until({ event: "namespace-gone", namespace });
  });

  test(`${transport}, subscribe-error: an unknown namespace is answered TRACK_DOES_NOT_EXIST`, async ({ lab }) => {
    const relay = await startRelay(lab);
    await runCase(lab, relay[url], "subscribe-error");
    await relay.log.until({ event: "subscribe-error", namespace: "nonexistent/namespace", track, code: 4 });
  });

  test(`${transport}, announce-subscribe: the subscription reached the publisher`, { timeout: 120_000 }, async ({
    lab,
  }) => {
    // The client sends PUBLISH_NAMESPACE and SUBSCRIBE at the same moment on two connections. When SUBSCRIBE comes first it is
    // refused at once and the client is done at once, so it meets a new relay until it came second: once in three.
    for (let attempt = 0; ; attempt++) {
      const relay = await startRelay(lab);
      await runCase(lab, relay[url], "announce-subscribe");
      const [upstream] = relay.log.all({ event: "upstream-subscribe", namespace, track });
      if (upstream === undefined && attempt < 40) continue;
      const [announced] = relay.log.all({ event: "publish-namespace-ok", namespace });
      expect(upstream?.session).toBe(announced?.session);
      expect(relay.log.all({ event: "subscribe-ok", namespace, track })).toHaveLength(1);
      return;
    }
  });

  test(`${transport}, subscribe-before-announce: refused with TRACK_DOES_NOT_EXIST, and the announcement that follows is accepted`, async ({
    lab,
  }) => {
    const relay = await startRelay(lab);
    await runCase(lab, relay[url], "subscribe-before-announce");
    expect(relay.log.all({ event: "subscribe-error", namespace, track })).toMatchObject([{ code: 4 }]);
    await relay.log.until({ event: "publish-namespace-ok", namespace });
  });
}
