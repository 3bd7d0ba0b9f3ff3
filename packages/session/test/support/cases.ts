/**
 * What a session does between two well-behaved sides, as one suite for every transport: the in-memory pair with its steps of
 * one byte or one packet, and real QUIC over loopback.
 */

import { BroadcastProducer, Cache, Origin, TrackNamespace } from "@moqingbird/model";
import { afterEach, describe, expect, test } from "vitest";
import { accept, type Connection, connect, type Session, type SessionOptions } from "../../src/index.ts";
import { bytes, emptyStats, type Seen, watch } from "./sessions.ts";

/** Two connected ends. */
export interface Ends {
  readonly client: Connection;
  readonly server: Connection;
}

/** A transport under test. */
export interface TransportUnderTest {
  readonly name: string;
  /** Makes two connected ends; may be called several times in one test. */
  open(): Promise<Ends>;
  /** Resolves when the condition holds; fails when it does not come to hold. */
  until(condition: () => boolean, what: string): Promise<void>;
  /** After each test. */
  close?(): Promise<void>;
}

const namespace = TrackNamespace.of("live", "camera");

export function mainCases(transport: TransportUnderTest): void {
  const { until } = transport;
  const sessions: Session[] = [];

  async function join(options: { client?: SessionOptions; server?: SessionOptions } = {}) {
    const ends = await transport.open();
    const [server, client] = await Promise.all([
      accept(ends.server, { cache: new Cache(), ...options.server }),
      connect(ends.client, { cache: new Cache(), ...options.client }),
    ]);
    sessions.push(client, server);
    return { client, server };
  }

  /** A broadcast published by the client, and the subscriber's view of one of its tracks at the server. */
  async function published(trackName = "video") {
    const { client, server } = await join();
    const broadcast = new BroadcastProducer();
    const track = broadcast.createTrack(trackName);
    const publication = client.publish(namespace, broadcast.consume());
    await publication.ready;
    return { client, server, broadcast, track, publication };
  }

  async function read(session: Session, trackName = "video"): Promise<Seen> {
    const consumer = session.subscribe(namespace, trackName);
    await consumer.ready;
    return watch(consumer);
  }

  describe(`sessions over ${transport.name}`, () => {
    afterEach(async () => {
      await Promise.all(sessions.splice(0).map((session) => session.close()));
      await transport.close?.();
    });

    test("agree on a version and know their peer", async () => {
      const { client, server } = await join({ client: { path: "/live?x=1", authority: "example.org:4443" } });
      expect(client.version).toBe("moq-transport-14");
      expect(server.version).toBe("moq-transport-14");
      expect(server.peer).toMatchObject({
        path: "/live?x=1",
        authority: "example.org:4443",
        implementation: "moqingbird",
      });
      expect([client.state, server.state]).toEqual(["established", "established"]);
    });

    test("a namespace is announced, and withdrawn", async () => {
      const { client, server } = await join();
      const events: string[] = [];
      server.announced(TrackNamespace.of(), {
        added: (name) => events.push(`+${name.toString()}`),
        removed: (name) => events.push(`-${name.toString()}`),
      });
      const publication = client.publish(namespace, new BroadcastProducer().consume());
      await publication.ready;
      expect(publication.state).toBe("active");
      expect(events).toEqual(["+live/camera"]);
      publication.withdraw();
      await until(() => events.length === 2, "the withdrawal");
      expect(events).toEqual(["+live/camera", "-live/camera"]);
    });

    test("a group is delivered while it is written", async () => {
      const { server, track } = await published();
      const seen = await read(server);
      const group = track.appendGroup();
      group.writeObject(bytes("first"));
      await until(() => seen.subgroups[0]?.objects.length === 1, "the first object");
      group.writeObject(bytes("second"));
      group.finish();
      await until(() => seen.subgroups[0]?.end === "finished", "the end of the group");
      expect(seen.subgroups[0]?.objects.map((object) => object.payload)).toEqual(["first", "second"]);
    });

    test("a late subscriber gets the newest group from its first object", async () => {
      const { server, track } = await published();
      for (const name of ["a", "b"]) {
        const group = track.appendGroup();
        group.writeObject(bytes(`${name}0`));
        group.writeObject(bytes(`${name}1`));
        if (name === "a") group.finish();
      }
      const seen = await read(server);
      await until(() => seen.subgroups[0]?.objects.length === 2, "the newest group");
      expect(seen.subgroups).toMatchObject([
        {
          group: 1,
          objects: [
            { id: 0, payload: "b0" },
            { id: 1, payload: "b1" },
          ],
        },
      ]);
    });

    test("large objects arrive whole", async () => {
      const { server, track } = await published();
      const seen = await read(server);
      const payload = "x".repeat(300_000);
      const group = track.appendGroup();
      group.writeObject(bytes(payload));
      group.writeObject(bytes(`${payload}y`));
      group.finish();
      await until(() => seen.subgroups[0]?.end === "finished", "the large group");
      expect(seen.subgroups[0]?.objects.map((object) => object.payload.length)).toEqual([300_000, 300_001]);
      expect(seen.subgroups[0]?.objects[1]?.payload).toBe(`${payload}y`);
    });

    test("ids, statuses, extensions, priorities and subgroup ends survive a hop of relaying", async () => {
      const origin = new Origin();
      const relayed = async (): Promise<Session> => {
        const { client, server } = await join();
        server.publishOrigin(origin);
        server.announced(TrackNamespace.of(), {
          added: (name, broadcast) => void origin.publish(name, broadcast),
          removed: () => {},
        });
        return client;
      };
      const [publisher, viewer] = [await relayed(), await relayed()];
      const fields = TrackNamespace.of(Uint8Array.of(0xff, 0x00), "a/b", "");
      const broadcast = new BroadcastProducer();
      const track = broadcast.createTrack(Uint8Array.of(0x80), { order: "descending" });
      await publisher.publish(fields, broadcast.consume()).ready;
      const consumer = viewer.subscribe(fields, Uint8Array.of(0x80));
      await consumer.ready;
      expect(consumer.order).toBe("descending");
      const seen = watch(consumer);

      const base = track.group(7).subgroup(0, { priority: 3, extensions: true });
      base.begin(2, 4, 0, Uint8Array.of(0x3c, 0x02));
      base.write(bytes("base"));
      base.begin(5, 0, 1);
      base.finish();
      const enhancement = track.group(7).subgroup(9, { priority: 200, endOfGroup: true });
      enhancement.writeObject(bytes("more"), { id: 3 });
      enhancement.writeObject(bytes(""), { id: 11 });
      enhancement.finish();
      const broken = track.group(8).subgroup(1);
      broken.writeObject(bytes("part"));
      const last = track.group(9).subgroup(4);
      last.begin(0, 0, 4);
      last.finish();
      await until(() => seen.subgroups.length === 4 && seen.subgroups[2]?.objects.length === 1, "all subgroups");
      broken.reset(17);
      await until(() => seen.subgroups.every(({ end }) => end !== "open"), "the ends of all subgroups");

      const found = [...seen.subgroups].sort((a, b) => a.group - b.group || a.subgroup - b.subgroup);
      expect(found).toEqual([
        {
          group: 7,
          subgroup: 0,
          priority: 3,
          endOfGroup: false,
          objects: [
            { id: 2, status: 0, extensions: "3c02", payload: "base" },
            { id: 5, status: 1, extensions: "", payload: "" },
          ],
          end: "finished",
        },
        {
          group: 7,
          subgroup: 9,
          priority: 200,
          endOfGroup: true,
          objects: [
            { id: 3, status: 0, extensions: "", payload: "more" },
            { id: 11, status: 0, extensions: "", payload: "" },
          ],
          end: "finished",
        },
        {
          group: 8,
          subgroup: 1,
          priority: 128,
          endOfGroup: false,
          objects: [{ id: 0, status: 0, extensions: "", payload: "part" }],
          end: "reset 17",
        },
        {
          group: 9,
          subgroup: 4,
          priority: 128,
          endOfGroup: false,
          objects: [{ id: 0, status: 4, extensions: "", payload: "" }],
          end: "finished",
        },
      ]);
    });

    test("datagrams carry one object each", async () => {
      const { server, track } = await published();
      const seen = await read(server);
      track.datagram({ group: 4, object: 2, priority: 9, payload: bytes("tick") });
      track.datagram({ group: 4, object: 3, status: 3 });
      await until(() => seen.datagrams.length === 2, "both datagrams");
      expect(seen.datagrams).toEqual([
        { group: 4, object: 2, priority: 9, status: 0, payload: "tick" },
        { group: 4, object: 3, priority: 128, status: 3, payload: "" },
      ]);
    });

    test("one subscription goes upstream however many read the track", async () => {
      const { client, server, track } = await published();
      const broadcast = server.consume(namespace);
      const readers = [1, 2, 3].map(() => broadcast.track("video"));
      await Promise.all(readers.map((reader) => reader.ready));
      expect(client.stats.servedSubscriptions).toBe(1);
      const seen = readers.map((reader) => watch(reader));
      track.appendGroup().writeObject(bytes("shared"));
      await until(
        () => seen.every(({ subgroups }) => subgroups[0]?.objects.length === 1),
        "the object at every reader",
      );
      for (const reader of readers) reader.close();
      await until(() => client.stats.servedSubscriptions === 0, "the UNSUBSCRIBE");
      expect(track.used).toBe(false);
    });

    test("a track is made when a subscriber asks for it, or refused with the publisher's code", async () => {
      const { client, server } = await join();
      const broadcast = new BroadcastProducer({
        onTrackRequest: (request) => {
          if (request.name.toString() === "clock") request.accept().appendGroup().writeObject(bytes("12:00"));
          else request.reject(0x1, "not for you");
        },
      });
      await client.publish(namespace, broadcast.consume()).ready;
      const seen = await read(server, "clock");
      await until(() => seen.subgroups[0]?.objects.length === 1, "the clock");
      const refused = server.subscribe(namespace, "secret");
      await expect(refused.ready).rejects.toMatchObject({ wireCode: 0x1 });
      expect(refused.ending?.reason).toContain("not for you");
    });

    test("an unknown namespace is refused at once: the track does not exist", async () => {
      const { server } = await join();
      const consumer = server.subscribe(TrackNamespace.of("nobody"), "track");
      await expect(consumer.ready).rejects.toMatchObject({ wireCode: 0x4 });
    });

    test("a track that ends ends at its subscribers, after its last byte", async () => {
      const { client, server, track } = await published();
      const seen = await read(server);
      const group = track.appendGroup();
      group.writeObject(bytes("z".repeat(50_000)));
      group.finish();
      track.finish();
      await until(() => seen.ended !== undefined, "the end of the track");
      expect(seen.ended).toBe("finished");
      expect(seen.subgroups).toMatchObject([{ end: "finished" }]);
      expect(client.stats.servedSubscriptions).toBe(0);
    });

    test("a publisher that leaves ends its tracks", async () => {
      const { client, server, track } = await published();
      const seen = await read(server);
      track.appendGroup().writeObject(bytes("unfinished"));
      await until(() => seen.subgroups[0]?.objects.length === 1, "the object");
      await client.close({ reason: "bye" });
      await until(() => seen.ended !== undefined, "the end of the track");
      expect(seen.ended).toBe("finished");
      expect(seen.subgroups[0]?.end).toBe("reset 3");
      expect(await server.closed).toMatchObject({ by: "peer-application", code: 0n, reason: "bye", clean: true });
    });

    test("a session that closes leaves nothing behind", async () => {
      const { client, server, track } = await published();
      await read(server);
      track.appendGroup().writeObject(bytes("object"));
      await until(() => server.stats.incomingStreams === 1, "the stream");
      await Promise.all([client.close(), server.closed]);
      expect(client.stats).toEqual(emptyStats);
      expect(server.stats).toEqual(emptyStats);
      expect(track.used).toBe(false);
    });

    test("GOAWAY lets what runs go on and ends the session when it is done", async () => {
      const { client, server, track } = await published();
      const seen = await read(server);
      const group = track.appendGroup();
      group.writeObject(bytes("before"));
      await until(() => seen.subgroups[0]?.objects.length === 1, "the object");
      const drained = server.drain({ newSessionUri: "moqt://other.example", timeoutMs: 60_000 });
      expect(await client.goingAway).toEqual({ newSessionUri: "moqt://other.example" });
      expect(() => client.publish(TrackNamespace.of("new"), new BroadcastProducer().consume())).toThrow(/GOAWAY/);
      group.writeObject(bytes("after"));
      group.finish();
      await until(() => seen.subgroups[0]?.end === "finished", "the end of the group");
      seen.close();
      expect(await drained).toMatchObject({ by: "local", code: 0n, clean: true });
    });
  });
}
