import { createTransportPair, settle, VirtualClock } from "@moqingbird/testing";
import { describe, expect, test } from "vitest";
import {
  accept,
  cloudflareDraft14,
  connect,
  SessionError,
  type SessionState,
  type Version,
  versions,
} from "../src/index.ts";
import { ByteSource, RawPeer } from "./support/raw-peer.ts";
import { join } from "./support/sessions.ts";

function open(protocol?: string) {
  const clock = new VirtualClock();
  const pair = createTransportPair(protocol === undefined ? {} : { protocol });
  return { clock, pair };
}

/** How a promise fails. */
async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    () => {
      throw new Error("It did not fail.");
    },
    (error: Error) => error,
  );
}

describe("setting a session up", () => {
  test("passes through its states on both sides", async () => {
    const client: SessionState[] = [];
    const server: SessionState[] = [];
    const sessions = await join({
      client: { onState: (state) => client.push(state) },
      server: { onState: (state) => server.push(state) },
    });
    await sessions.client.close();
    await sessions.server.closed;
    expect(client).toEqual(["setup", "established", "closed"]);
    expect(server).toEqual(["setup", "established", "closed"]);
  });

  test("sends SETUP as the draft says, and a window of request ids", async () => {
    const { clock, pair } = open();
    const peer = new RawPeer(pair.server);
    const session = connect(pair.client, {
      timers: clock,
      limits: { maxOpenRequests: 10 },
      path: "/a",
      implementation: "test 1",
    });
    await settle();
    expect(peer.last("clientSetup")).toEqual({
      type: "clientSetup",
      versions: [0xff00000e],
      parameters: { path: "/a", maxRequestId: 21, implementation: "test 1" },
    });
    await peer.accept();
    expect((await session).peer).toMatchObject({ maxRequestId: 1000, profile: { name: "conforming" } });
    await (await session).close();
  });

  test("names both sides' versions when they have none in common", async () => {
    const { clock, pair } = open();
    const peer = new RawPeer(pair.client);
    const accepted = failure(accept(pair.server, { timers: clock }));
    peer.open();
    await peer.say({ type: "clientSetup", versions: [0xff000007, 0xff0dad02], parameters: {} });
    const error = (await accepted) as SessionError;
    expect(error).toBeInstanceOf(SessionError);
    expect(error.code).toBe("no-common-version");
    expect(error.message).toBe(
      "No common version: we speak moq-transport-14 (0xff00000e); the peer speaks moq-transport-07 (0xff000007), moq-lite-02 (0xff0dad02).",
    );
    expect(error.theirs).toEqual(["moq-transport-07 (0xff000007)", "moq-lite-02 (0xff0dad02)"]);
    expect(peer.closed).toMatchObject({ code: 0x15n, reason: error.message });
    expect(clock.pending).toBe(0);
  });

  test("the client hears the server's versions from the reason of the close", async () => {
    const { clock, pair } = open();
    const only18: Version = { ...(versions[0] as Version), name: "moq-transport-18", setupVersion: 0xff000012 };
    const accepted = failure(accept(pair.server, { timers: clock }));
    const error = await failure(connect(pair.client, { timers: clock, versions: [only18] }));
    expect(error).toMatchObject({ code: "no-common-version" });
    expect(error.message).toContain("we speak moq-transport-18 (0xff000012)");
    expect(error.message).toContain("we speak moq-transport-14 (0xff00000e)");
    expect(await accepted).toMatchObject({ code: "no-common-version" });
  });

  test("reads the versions of a client that speaks a draft with other framing", async () => {
    const { clock, pair } = open();
    const peer = new RawPeer(pair.client);
    const accepted = failure(accept(pair.server, { timers: clock }));
    peer.open();
    // CLIENT_SETUP of draft 07: type 0x40, length as varint, one version, parameters.
    peer.control.write(Uint8Array.from(Buffer.from("4040 0b 01 c0000000ff000007 01 00 01".replaceAll(" ", ""), "hex")));
    await settle();
    expect(await accepted).toMatchObject({
      code: "no-common-version",
      theirs: ["moq-transport-07 (0xff000007)"],
    });
    expect(peer.closed?.code).toBe(0x15n);
  });

  test("refuses a server that chooses a version it was not offered", async () => {
    const { clock, pair } = open();
    const peer = new RawPeer(pair.server);
    const connected = failure(connect(pair.client, { timers: clock }));
    await settle();
    await peer.say({ type: "serverSetup", version: 0xff00000d, parameters: {} });
    expect((await connected).message).toContain("it chose moq-transport-13 (0xff00000d), which was not offered");
    expect(peer.closed?.code).toBe(0x15n);
  });

  test("refuses a connection whose protocol is none of ours, naming those", async () => {
    const { pair } = open("h3");
    const error = await failure(connect(pair.client));
    expect(error).toMatchObject({ code: "protocol-unknown" });
    expect(error.message).toBe('The connection agreed on protocol "h3", which is none of ours: moq-00.');
    expect(await pair.server.closed).toMatchObject({ by: "peer-application" });
  });

  test("is set up over WebTransport where no protocol was agreed on, with the path of its request", async () => {
    const { clock, pair } = open("");
    const accepting = accept(pair.server, { timers: clock, requestPath: "/room" });
    const session = await connect(pair.client, { timers: clock });
    expect(session.version).toBe("moq-transport-14");
    expect((await accepting).peer.path).toBe("/room");
  });

  test.each([
    ["PATH", { path: "/room" }, 0x8n],
    ["AUTHORITY", { authority: "relay.example" }, 0x19n],
  ])("refuses a SETUP with %s over WebTransport", async (name, misplaced, code) => {
    const { clock, pair } = open("");
    const accepting = failure(accept(pair.server, { timers: clock, requestPath: "/" }));
    const error = await failure(connect(pair.client, { timers: clock, ...misplaced }));
    expect(error.message).toContain(name);
    expect((await accepting).message).toContain(name);
    expect(await pair.client.closed).toMatchObject({ by: "peer-application", code });
  });

  test("takes a client's connection for connect, and a server's for accept", async () => {
    const { pair } = open();
    expect(await failure(connect(pair.server))).toMatchObject({ code: "option-invalid" });
    const error = await failure(accept(pair.client));
    expect(error.message).toBe("An option is wrong: the connection is a client's; use connect on it.");
  });

  test("gives up on a silent peer, on both sides", async () => {
    const { clock, pair } = open();
    const peer = new RawPeer(pair.server);
    const connected = failure(connect(pair.client, { timers: clock, limits: { setupTimeoutMs: 3000 } }));
    await clock.advance(2999);
    expect(peer.closed).toBeUndefined();
    await clock.advance(1);
    expect(await connected).toMatchObject({ code: "setup-timeout" });
    expect(await pair.server.closed).toMatchObject({ code: 0x11n });

    const other = open();
    new RawPeer(other.pair.client);
    const accepted = failure(accept(other.pair.server, { timers: other.clock }));
    await other.clock.advance(10_000);
    expect(await accepted).toMatchObject({ code: "setup-timeout" });
    expect(other.clock.pending).toBe(0);
  });

  test("fails with the peer's words when the peer closes instead of answering", async () => {
    const { clock, pair } = open();
    const connected = failure(connect(pair.client, { timers: clock }));
    new RawPeer(pair.server);
    await settle();
    pair.server.close({ code: 2, reason: "members only" });
    const error = await connected;
    expect(error).toMatchObject({ code: "setup-refused" });
    expect(error.message).toContain("members only");
  });

  test("lets a server refuse a client by its path", async () => {
    const { clock, pair } = open();
    const accepted = failure(
      accept(pair.server, {
        timers: clock,
        onSetup: ({ path }) => (path === "/ok" ? undefined : { code: 0x8, reason: `nothing at ${path}` }),
      }),
    );
    const connected = failure(connect(pair.client, { timers: clock, path: "/no" }));
    expect((await connected).message).toContain("nothing at /no");
    expect(await accepted).toMatchObject({ code: "setup-refused" });
    expect(await pair.client.closed).toMatchObject({ code: 8n });
  });

  test("recognises Cloudflare's draft-14 code, and grants it every request id", async () => {
    const { clock, pair } = open();
    const peer = new RawPeer(pair.client);
    const accepted = accept(pair.server, { timers: clock });
    await peer.connect({ maxRequestId: 100 });
    expect(peer.last("serverSetup").parameters.maxRequestId).toBe(0xffffffff);
    const session = await accepted;
    expect(session.peer.profile).toBe(cloudflareDraft14);
    expect(session.features.goaway).toBe(false);
    await session.close();
  });

  describe("the control stream", () => {
    test("a second bidirectional stream is a violation", async () => {
      const { clock, pair } = open();
      const peer = new RawPeer(pair.client);
      const accepted = accept(pair.server, { timers: clock });
      await peer.connect();
      const session = await accepted;
      const second = new ByteSource();
      second.write(Uint8Array.of(1));
      pair.client.openBidirectional(second, { data() {}, finished() {}, reset() {} }, [0, 0, 0, 0]);
      await settle();
      expect(peer.closed).toMatchObject({ code: 3n });
      expect(await session.closed).toMatchObject({ by: "local", name: "PROTOCOL_VIOLATION", clean: false });
    });

    test("a bidirectional stream from a server is a violation", async () => {
      const { clock, pair } = open();
      const peer = new RawPeer(pair.server);
      const connected = connect(pair.client, { timers: clock });
      await peer.accept();
      await connected;
      const second = new ByteSource();
      second.write(Uint8Array.of(1));
      pair.server.openBidirectional(second, { data() {}, finished() {}, reset() {} }, [0, 0, 0, 0]);
      await settle();
      expect(peer.closed).toMatchObject({ code: 3n });
    });

    for (const [how, act] of [
      ["finished", (peer: RawPeer) => peer.control.finish()],
      ["reset", (peer: RawPeer) => peer.control.stream?.reset(5)],
      ["stopped being read", (peer: RawPeer) => peer.control.stream?.stop(5)],
    ] as const) {
      test(`one that is ${how} is a violation`, async () => {
        const { clock, pair } = open();
        const peer = new RawPeer(pair.client);
        const accepted = accept(pair.server, { timers: clock });
        await peer.connect();
        const session = await accepted;
        act(peer);
        await settle();
        expect(peer.closed).toMatchObject({ code: 3n });
        expect((await session.closed).reason).toContain("control stream");
      });
    }

    test("anything before SETUP, and SETUP again, is a violation", async () => {
      const first = open();
      const early = new RawPeer(first.pair.client);
      const refused = failure(accept(first.pair.server, { timers: first.clock }));
      early.open();
      await early.say({ type: "unsubscribe", requestId: 0 });
      expect(early.closed).toMatchObject({ code: 3n });
      await refused;

      const again = open();
      const peer = new RawPeer(again.pair.client);
      const accepted = accept(again.pair.server, { timers: again.clock });
      await peer.connect();
      await accepted;
      await peer.say({ type: "clientSetup", versions: [0xff00000e], parameters: {} });
      expect(peer.closed).toMatchObject({ code: 3n });
    });

    test("PATH from a server is an invalid path", async () => {
      const { clock, pair } = open();
      const peer = new RawPeer(pair.server);
      const connected = failure(connect(pair.client, { timers: clock }));
      await settle();
      // SERVER_SETUP: version, one parameter: PATH "/x".
      peer.control.write(
        Uint8Array.from(Buffer.from("21 000d c0000000ff00000e 01 01 02 2f78".replaceAll(" ", ""), "hex")),
      );
      await connected;
      expect(peer.closed).toMatchObject({ code: 8n });
    });

    test("a peer that does not read it is cut off", async () => {
      const { clock, pair } = open();
      const peer = new RawPeer(pair.client);
      const accepted = accept(pair.server, { timers: clock, limits: { maxQueuedControlBytes: 2000 } });
      await peer.connect();
      const session = await accepted;
      pair.server.allow(0);
      for (let id = 0; id < 100 && session.state !== "closed"; id += 2) {
        await peer.say({ type: "trackStatus", ...subscribeFields(id) });
      }
      expect(await session.closed).toMatchObject({ by: "local", code: 1n });
      expect((await session.closed).reason).toContain("does not read its control stream");
    });
  });
});

function subscribeFields(requestId: number) {
  return {
    requestId,
    namespace: [Uint8Array.of(1)],
    trackName: Uint8Array.of(2),
    subscriberPriority: 1,
    groupOrder: "publisher",
    forward: true,
    filter: { type: "largestObject" },
    parameters: {},
  } as const;
}
