/**
 * A camera through our relay, in real time: publishers of the same picture and sound, moq-pub and moqb, over raw QUIC and over
 * WebTransport, and for each of them subscribers that come late, moq-sub and moqb: one the same way as the publisher, one
 * the other.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { test } from "../../src/lab/lab.ts";
import { startMoqb, startRelay, trust, ways } from "../../src/lab/ours.ts";
import { startMoqPub, startMoqSub } from "../../src/lab/peers.ts";
import { makeClip } from "../../src/media/clip.ts";
import { feed } from "../../src/media/feeder.ts";
import { type Movie, parseMovie } from "../../src/media/movie.ts";
import { decodingErrors, probe } from "../../src/media/probe.ts";

const seconds = 20;
/** When the subscribers come, in seconds of the clip. */
const joinAt = 3.4;

test("what moq-pub and moqb publish, moq-sub and moqb receive packet for packet from the group they join", {
  timeout: 90_000,
}, async ({ lab }) => {
  const relay = await startRelay(lab);
  const movie = parseMovie(await readFile(await makeClip(lab.folder, { seconds })));
  const publishers = ways.flatMap(({ transport, url }) => {
    const names = { theirs: `camera/${transport}/moq-pub`, ours: `camera/${transport}/moqb` };
    const moqb = ["pub", relay[url], "--broadcast", names.ours, "--format", "fmp4", ...trust(lab)];
    return [
      { killed: true, url, broadcast: names.theirs, program: startMoqPub(lab, relay[url], names.theirs) },
      { killed: false, url, broadcast: names.ours, program: startMoqb(lab, moqb) },
    ];
  });
  for (const { broadcast } of publishers)
    await relay.log.until({ event: "publish-namespace-ok", namespace: broadcast });
  const playing = feed(
    movie,
    publishers.map(({ program }) => program.stdin),
  );
  await delay(joinAt * 1000);

  const subscribers = publishers.flatMap(({ broadcast, url, killed }) => {
    const file = (name: string): string => lab.file(`${broadcast.replaceAll("/", "-")}-${name}.mp4`);
    const otherUrl = url === "url" ? relay.webUrl : relay.url;
    const moqb = ["sub", relay[url], "--broadcast", broadcast, "--output", file("moqb"), ...trust(lab)];
    return [
      { file: file("moq-sub"), program: startMoqSub(lab, otherUrl, broadcast, file("moq-sub")), misses: false },
      { file: file("moqb"), program: startMoqb(lab, moqb), misses: killed },
    ];
  });
  // The subscriptions to the pictures: from here on everybody has joined.
  await relay.log.count({ event: "subscribe", track: "1.m4s" }, subscribers.length);
  const joinedBy = playing.position();
  await playing.finished;
  for (const { program } of publishers) program.stdin.end();
  await delay(500); // moq-pub has no end of its own: it is killed, and must have sent what it was fed
  for (const { killed, program } of publishers) if (killed) program.signal("SIGKILL");

  // moqb says goodbye; of a killed moq-pub the relay learns by its silence, ten seconds later.
  for (const { killed, program } of publishers) {
    if (!killed) expect(await program.exits()).toEqual({ code: 0, signal: null });
  }
  for (const { program, file, misses } of subscribers) {
    const exit = await program.exits(20_000);
    await expectWholeFromJoin(movie, file, joinedBy);
    // Nobody can know that a killed one had no more to say in its last group: moqb names it, moq-sub is content.
    expect(exit, file).toMatchObject({ code: misses ? 8 : 0 });
    if (!misses) continue;
    expect(program.lines.filter((line) => line.includes("lost group")).sort()).toEqual([
      expect.stringContaining(`lost group ${seconds - 1} of track 1.m4s`),
      expect.stringContaining(`lost group ${seconds - 1} of track 2.m4s`),
    ]);
  }

  // One subscription upstream per track, whoever asked: catalog, init, picture and sound.
  for (const { broadcast } of publishers) {
    const upstream = relay.log.all({ event: "upstream-subscribe", namespace: broadcast }).map(({ track }) => track);
    expect(upstream.sort()).toEqual([".catalog", "0.mp4", "1.m4s", "2.m4s"]);
  }
});

/** The file holds the header and, per track, exactly the fragments that were fed from the one it begins with. */
async function expectWholeFromJoin(movie: Movie, file: string, joinedBy: number): Promise<void> {
  const received = parseMovie(await readFile(file));
  expect(received.header.equals(movie.header), `${file}: header`).toBe(true);
  const expected: number[] = [];
  for (const track of movie.tracks) {
    const got = received.fragments.filter((fragment) => fragment.track === track);
    const start = got[0]?.seconds ?? Number.NaN;
    // The newest group at the time of joining: groups are a second long.
    expect(start, `${file}: start of track ${track}`).toBeGreaterThan(joinAt - 1.1);
    expect(start, `${file}: start of track ${track}`).toBeLessThan(joinedBy);
    const fed = movie.fragments.filter((fragment) => fragment.track === track && fragment.seconds >= start);
    const times = (fragments: typeof fed): number[] => fragments.map((fragment) => fragment.seconds);
    expect(times(got), `${file}: times of track ${track}`).toEqual(times(fed));
    const bytes = (fragments: typeof fed): Buffer => Buffer.concat(fragments.map((fragment) => fragment.bytes));
    expect(bytes(got).equals(bytes(fed)), `${file}: bytes of track ${track}`).toBe(true);
    expected.push(fed.length);
  }
  expect((await probe(file)).map(({ codec, packets }) => [codec, packets])).toEqual([
    ["h264", expected[0]],
    ["aac", expected[1]],
  ]);
  expect(await decodingErrors(file)).toBe("");
}
