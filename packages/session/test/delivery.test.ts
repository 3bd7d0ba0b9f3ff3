import { BroadcastProducer, TrackNamespace } from "@moqingbird/model";
import { settle } from "@moqingbird/testing";
import { describe, expect, test } from "vitest";
import { bytes, join, testCache, watch } from "./support/sessions.ts";

const namespace = TrackNamespace.of("live", "camera");

describe("delivery", () => {
  test("a group published on one side is read on the other", async () => {
    const { client, server, clock } = await join();
    const broadcast = new BroadcastProducer({ cache: testCache(clock) });
    const track = broadcast.createTrack("video");
    const publication = client.publish(namespace, broadcast.consume());
    await publication.ready;
    const consumer = server.subscribe(namespace, "video");
    await consumer.ready;
    const seen = watch(consumer);
    const group = track.appendGroup();
    group.writeObject(bytes("one"));
    group.writeObject(bytes("two"));
    group.finish();
    await settle();
    expect(seen.subgroups).toMatchObject([
      {
        group: 0,
        subgroup: 0,
        end: "finished",
        objects: [
          { id: 0, payload: "one" },
          { id: 1, payload: "two" },
        ],
      },
    ]);
    track.finish();
    await clock.advance(5000);
    expect(seen.ended).toBe("finished");
  });
});
