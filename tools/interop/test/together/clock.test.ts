/** moq-clock-ietf publishes to our relay and subscribes from it, over streams and over datagrams. */
import { expect } from "vitest";
import { test } from "../../src/lab/lab.ts";
import { startRelay, ways } from "../../src/lab/ours.ts";
import { startMoqClock } from "../../src/lab/peers.ts";

const time = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

const cases = ways.flatMap((way) => [false, true].map((datagrams) => ({ ...way, datagrams })));

for (const { transport, url, datagrams } of cases) {
  test(`moq-clock-ietf publishes and subscribes over ${transport}, in ${datagrams ? "datagrams" : "streams"}`, async ({
    lab,
  }) => {
    const relay = await startRelay(lab);
    const publisher = startMoqClock(lab, relay[url], { publish: true, datagrams, namespace: "wall/clock" });
    const announced = await relay.log.until({ event: "publish-namespace-ok", namespace: "wall/clock" });
    await publisher.matches(time, 2);

    const subscribers = [1, 2].map(() => startMoqClock(lab, relay[url], { namespace: "wall/clock" }));
    const heard = await Promise.all(subscribers.map((subscriber) => subscriber.matches(time, 4)));
    for (const lines of heard) expect(publisher.lines).toEqual(expect.arrayContaining(lines));

    // The log tells the same: two subscriptions came in, one went out, to the session that announced.
    const asked = relay.log.all({ event: "subscribe", namespace: "wall/clock", track: "now" });
    expect(new Set(asked.map(({ session }) => session)).size).toBe(2);
    const forwarded = relay.log.all({ event: "upstream-subscribe", namespace: "wall/clock", track: "now" });
    expect(forwarded.map(({ session }) => session)).toEqual([announced.session]);
    expect(relay.log.all({ event: "subscribe-ok", track: "now" })).toHaveLength(2);
    expect(relay.log.all({ event: "session-open", transport })).toHaveLength(3);
    expect(relay.program.exit).toBeUndefined();
  });
}

test("a clock's late subscriber gets the running minute from its first second", async ({ lab }) => {
  const relay = await startRelay(lab);
  const publisher = startMoqClock(lab, relay.url, { publish: true });
  await relay.log.until({ event: "publish-namespace-ok", namespace: "clock" });
  // The relay is subscribed from here on, so the group's beginning is in its cache and nowhere else on the way.
  await startMoqClock(lab, relay.url).matches(time, 1);
  const published = await publisher.matches(time, 3);

  const late = await startMoqClock(lab, relay.url).matches(time, 3);
  const firstOfMinute = [...publisher.lines]
    .reverse()
    .find((line, index, lines) => line.endsWith(":00") || index === lines.length - 1);
  expect([published[0], firstOfMinute]).toContain(late[0]);
});
