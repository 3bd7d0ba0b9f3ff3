/** aiomoqt on picoquic: the strictest client at hand. It waits for each answer and looks at its code. */
import { expect } from "vitest";
import { test } from "../../src/lab/lab.ts";
import { startRelay, ways } from "../../src/lab/ours.ts";
import { startAiomoqt } from "../../src/lab/peers.ts";
import { parseTap } from "../../src/lab/tap.ts";

const cases = [
  "setup-only",
  "announce-only",
  "publish-namespace-done",
  "subscribe-error",
  "announce-subscribe",
  "subscribe-before-announce",
];

for (const { transport, url } of ways) {
  test(`aiomoqt passes its six cases over ${transport}, and our log tells the same story`, async ({ lab }) => {
    const relay = await startRelay(lab);
    const client = startAiomoqt(lab, relay[url]);
    expect(await client.exits(20_000)).toEqual({ code: 0, signal: null });
    const results = parseTap(client.lines);
    expect(results.map(({ name, ok }) => [name, ok])).toEqual(cases.map((name) => [name, true]));
    const message = (name: string): string => results.find((result) => result.name === name)?.fields.message ?? "";
    expect(message("announce-only")).toContain("PUBLISH_NAMESPACE_OK received");
    expect(message("subscribe-error")).toContain("code=4");
    expect(message("announce-subscribe")).toContain("SUBSCRIBE_OK received");

    await relay.log.count({ event: "session-open", transport, version: "moq-transport-14" }, cases.length);
    await relay.log.count({ event: "publish-namespace-ok" }, 4);
    await relay.log.until({ event: "namespace-gone", namespace: /publish-namespace-done$/ });
    const forwarded = await relay.log.until({ event: "upstream-subscribe", namespace: /announce-subscribe$/ });
    const [owner] = relay.log.all({ event: "publish-namespace-ok", namespace: /announce-subscribe$/ });
    expect(forwarded.session).toBe(owner?.session);
    await relay.log.until({ event: "subscribe-error", namespace: "nonexistent/namespace", code: 4 });
  });

  for (const testCase of ["fetch", "join"]) {
    test(`aiomoqt gets an answer to ${testCase} over ${transport}`, async ({ lab }) => {
      const relay = await startRelay(lab);
      const client = startAiomoqt(lab, relay[url], testCase);
      expect(await client.exits(15_000)).toEqual({ code: 0, signal: null });
      expect(parseTap(client.lines)).toMatchObject([{ name: testCase, ok: true }]);
      const { session } = await relay.log.until({ event: "session-open" });
      await relay.log.until({ event: "request-refused", request: "fetch", session, code: 3 });
    });
  }
}
