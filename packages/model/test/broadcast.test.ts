import { describe, expect, test } from "vitest";
import { ending, ModelError, type TrackRequest } from "../src/index.ts";
import { stage, text, Viewer } from "./support.ts";

function requesting() {
  const { broadcast, ...rest } = stage();
  const requests: TrackRequest[] = [];
  broadcast.onTrackRequest = (request) => requests.push(request);
  return { ...rest, broadcast, requests, consumer: broadcast.consume() };
}

describe("a track made beforehand", () => {
  test("is live for whoever asks, and counts its consumers", () => {
    const { broadcast } = stage();
    const track = broadcast.createTrack("video");
    const edges: string[] = [];
    track.onUsed = () => edges.push("used");
    track.onUnused = () => edges.push("unused");
    broadcast.onUsed = () => edges.push("broadcast used");
    broadcast.onUnused = () => edges.push("broadcast unused");
    const consumer = broadcast.consume();
    const a = consumer.track("video");
    const b = consumer.track(text("video"));
    expect([a.state, track.subscribers, broadcast.used]).toEqual(["live", 2, true]);
    a.close();
    a.close();
    expect(edges).toEqual(["used", "broadcast used"]);
    b.close();
    expect(edges).toEqual(["used", "broadcast used", "unused", "broadcast unused"]);
    consumer.track("video");
    expect(edges.length).toBe(6);
  });

  test("cannot be made twice while it lives, and is made anew after it ended", () => {
    const { broadcast } = stage();
    const first = broadcast.createTrack("video");
    expect(() => broadcast.createTrack("video")).toThrow(/already has a live track video/);
    const consumer = broadcast.consume().track("video");
    first.finish();
    expect(consumer.state).toBe("ended");
    const second = broadcast.createTrack("video");
    expect(broadcast.consume().track("video").state).toBe("live");
    expect([first.subscribers, second.subscribers]).toEqual([1, 1]);
  });

  test("cannot be made after every reader has left, with an error that says so", () => {
    const { broadcast } = stage();
    broadcast.createTrack("before");
    const consumer = broadcast.consume();
    consumer.close();
    expect(() => broadcast.createTrack("video")).toThrow(/Every reader of the broadcast has left.*track video/);
    broadcast.consume();
    broadcast.createTrack("video");
  });
});

describe("a track that nobody made", () => {
  test("is not found when nobody takes requests", async () => {
    const { broadcast } = stage();
    const track = broadcast.consume().track("video");
    expect(track.state).toBe("rejected");
    expect(track.ending?.code).toBe("not-found");
    await expect(track.ready).rejects.toMatchObject({ code: "track-not-found" });
    expect(() => track.subscribe({ listener: new Viewer() })).toThrow(ModelError);
    expect(broadcast.used).toBe(false);
    track.close();
    expect(broadcast.used).toBe(false);
  });

  test("is asked for once, however many wait, and all get it", async () => {
    const { requests, consumer, broadcast } = requesting();
    const waiting = [consumer.track("video"), consumer.track("video"), broadcast.consume().track("video")];
    expect(requests.length).toBe(1);
    expect(requests[0]?.subscribers).toBe(3);
    expect(waiting.map((track) => track.state)).toEqual(["requested", "requested", "requested"]);
    expect(() => waiting[0]?.subscribe({ listener: new Viewer() })).toThrow(/not accepted the track yet/);
    const answers: string[] = [];
    for (const track of waiting) track.onAnswer = () => answers.push(track.state);
    const producer = requests[0]?.accept({ priority: 3, order: "descending", largest: { group: 4, object: 2 } });
    expect(answers).toEqual(["live", "live", "live"]);
    await Promise.all(waiting.map((track) => track.ready));
    expect(waiting[2]).toMatchObject({ priority: 3, order: "descending", largest: { group: 4, object: 2 } });
    expect(producer?.subscribers).toBe(3);
    expect(consumer.track("video").state).toBe("live");
    expect(requests.length).toBe(1);
  });

  test("may be accepted within the request's own call", () => {
    const { broadcast } = stage();
    broadcast.onTrackRequest = (request) => request.accept().group(0).writeObject(text("now"));
    const viewer = new Viewer();
    broadcast.consume().track("video").subscribe({ listener: viewer });
    expect(viewer.payloads).toEqual(["now"]);
  });

  test("is rejected with the publisher's code, and asked for again by the next", async () => {
    const { requests, consumer } = requesting();
    const track = consumer.track("video");
    const { ready } = track;
    requests[0]?.reject(0x4, "no such track");
    expect(track.ending).toEqual({ code: "rejected", wireCode: 4, reason: "no such track" });
    await expect(ready).rejects.toMatchObject({ code: "track-rejected", wireCode: 4 });
    expect(() => requests[0]?.accept()).toThrow(/already rejected/);
    consumer.track("video");
    expect(requests.length).toBe(2);
  });

  test("cannot be accepted when every reader has left, with an error that says so", async () => {
    const { requests, consumer, broadcast } = requesting();
    const a = consumer.track("video");
    const b = consumer.track("video");
    let abandoned = 0;
    const [request] = requests;
    if (request !== undefined) request.onAbandoned = () => abandoned++;
    const { ready } = a;
    a.close();
    expect(abandoned).toBe(0);
    b.close();
    expect(abandoned).toBe(1);
    await expect(ready).rejects.toMatchObject({ code: "closed" });
    expect(broadcast.used).toBe(false);
    expect(() => request?.accept()).toThrow(/Every reader of track video has left/);
    request?.reject(0);
    consumer.track("video");
    expect(requests.length).toBe(2);
  });

  test("is forgotten when it ended: the next consumer asks again, and the old content is freed", () => {
    const { requests, consumer, cache } = requesting();
    const viewer = new Viewer();
    const track = consumer.track("video");
    const producer = requests[0]?.accept();
    track.subscribe({ listener: viewer });
    producer?.group(0).writeObject(text("a"));
    if (producer !== undefined) producer.onUnused = () => producer.finish();
    expect(cache.usedBytes).toBeGreaterThan(0);
    track.close();
    expect(producer?.ending?.code).toBe("finished");
    expect(cache.usedBytes).toBe(0);
    expect(consumer.track("video").state).toBe("requested");
    expect(requests.length).toBe(2);
  });

  test("goes to those who wait when the publisher makes it by itself", () => {
    const { requests, consumer, broadcast } = requesting();
    const track = consumer.track("video");
    broadcast.createTrack("video");
    expect(track.state).toBe("live");
    expect(requests[0]?.state).toBe("accepted");
  });
});

describe("an end", () => {
  test("of the broadcast finishes its tracks, refuses waiting requests and tells every handle once", async () => {
    const { requests, consumer, broadcast } = requesting();
    const track = broadcast.createTrack("audio");
    const live = consumer.track("audio");
    const viewer = new Viewer();
    live.subscribe({ listener: viewer });
    const waiting = consumer.track("video");
    const endings: string[] = [];
    consumer.onEnded = (how) => endings.push(how.code);
    broadcast.finish();
    broadcast.abort(1);
    expect(endings).toEqual(["finished"]);
    expect((await consumer.closed).code).toBe("finished");
    expect(viewer.endings).toMatchObject([{ code: "finished" }]);
    expect([track.ending?.code, waiting.state, requests[0]?.state]).toEqual(["finished", "rejected", "rejected"]);
    expect(() => broadcast.createTrack("late")).toThrow(/The broadcast has ended/);
    expect(consumer.track("audio").state).toBe("rejected");
    expect(broadcast.consume().state).toBe("ended");
  });

  test("by abort carries the publisher's code to every subscription", () => {
    const { broadcast } = stage();
    broadcast.createTrack("audio");
    const viewer = new Viewer();
    broadcast.consume().track("audio").subscribe({ listener: viewer });
    broadcast.abort(0x42, "gone");
    expect(viewer.endings).toEqual([{ code: "aborted", wireCode: 0x42, reason: "gone" }]);
  });

  test("of a layer never ends its parent or its siblings", () => {
    const { broadcast } = stage();
    const audio = broadcast.createTrack("audio");
    const video = broadcast.createTrack("video");
    const group = audio.group(0);
    group.subgroup(0).reset(1);
    const sibling = group.subgroup(1);
    sibling.writeObject(text("x"), { id: 1 });
    audio.abort(9);
    expect(sibling.state).toBe("reset");
    expect(video.ending).toBeUndefined();
    expect(broadcast.ending).toBeUndefined();
    const consumer = broadcast.consume();
    const track = consumer.track("video");
    consumer.close();
    expect(track.state).toBe("live");
    expect(video.ending).toBeUndefined();
    track.close();
    expect(video.ending).toBeUndefined();
  });

  test("of one handle's tracks leaves those of other handles alone", () => {
    const { broadcast } = stage();
    const track = broadcast.createTrack("video");
    const one = broadcast.consume();
    const other = broadcast.consume();
    const viewers = [new Viewer(), new Viewer()];
    const held = [one.track("video"), other.track("video")];
    for (const [i, viewer] of viewers.entries()) held[i]?.subscribe({ listener: viewer });
    one.endTracks(ending("replaced"));
    expect(viewers.map((viewer) => viewer.endings.map((how) => how.code))).toEqual([["replaced"], []]);
    expect(held.map((consumer) => consumer.state)).toEqual(["ended", "live"]);
    expect(track.subscribers).toBe(1);
    held[0]?.close();
    expect(track.subscribers).toBe(1);
  });
});
