import { ClosedBy, EngineError } from "@moqingbird/engine";
import { createAuthority, type TestCertificate } from "@moqingbird/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { type Certificates, connected, createCertificates, dial, listening, type PairOptions } from "./connected.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

/** Dials and runs until the client's connection is over; both hosts' CLOSED events. */
function failing(options: PairOptions, limitMs = 30_000) {
  const network = listening(certificates, options);
  dial(network, options);
  network.run(() => network.client.seen("CLOSED").length > 0, limitMs);
  network.pass(100);
  return { network, client: network.client.seen("CLOSED"), server: network.server.seen("CLOSED") };
}

describe("protocols", () => {
  test("the server's favourite of the common ones is chosen, and both ends know", () => {
    const { network, near, far } = connected(certificates, {
      clientAlpn: ["old", "new", "newest"],
      serverAlpn: ["new", "old"],
      serverName: "example.test",
    });
    expect(network.client.engine.connectionInfo(near)).toMatchObject({ alpn: "new", side: "client" });
    expect(network.server.engine.connectionInfo(far)).toMatchObject({
      alpn: "new",
      side: "server",
      serverName: "example.test",
    });
  });

  test("without a common one the client hears TLS alert 120 from the peer", () => {
    const { client, network } = failing({ clientAlpn: ["a"], serverAlpn: ["b"] });
    expect(client).toMatchObject([{ flags: ClosedBy.PEER_TRANSPORT, value: 0x178n }]);
    expect(network.server.seen("CONNECTED")).toEqual([]);
  });
});

describe("trust", () => {
  test("a client turned down with its first packet is told of: who, and why", () => {
    const network = listening(certificates, { serverAlpn: ["theirs"] });
    const { client, server } = network;
    dial(network, { clientAlpn: ["ours"] });
    network.run(() => client.seen("CLOSED").length === 1);
    const refused = server.seen("REFUSED");
    expect(refused).toMatchObject([{ connection: server.endpoint, stream: server.peerOf(client), value: 0x178n }]);
    expect(Buffer.from(refused[0]!.bytes).toString()).not.toBe("");
    expect(server.seen("CLOSED")).toEqual([]);
  });

  test("a leaf signed by a given root is believed", () => {
    const { network } = connected(certificates, { trust: { roots: [certificates.authority.root] } });
    expect(network.client.seen("CLOSED")).toEqual([]);
  });

  test("a leaf signed by nobody we know is refused, and both ends hear why", async () => {
    const stranger = await createAuthority("stranger");
    const { client, server } = failing({ trust: { roots: [stranger.root] } });
    expect(client).toMatchObject([{ flags: ClosedBy.TRANSPORT }]);
    expect(client[0]!.value >> 8n).toBe(1n); // 0x100 + TLS alert
    expect(Buffer.from(client[0]!.bytes).toString()).toContain("UnknownIssuer");
    expect(server).toMatchObject([{ flags: ClosedBy.PEER_TRANSPORT, value: client[0]!.value }]);
  });

  test("a leaf for another name is refused", () => {
    const { client } = failing({ trust: { roots: [certificates.authority.root] }, serverName: "elsewhere.test" });
    expect(client).toMatchObject([{ flags: ClosedBy.TRANSPORT }]);
  });

  test("a leaf whose time is over is refused", async () => {
    const expired = await certificates.authority.issue(["localhost"], { fromMs: -7_200_000, toMs: -3_600_000 });
    const network = listening({ ...certificates, leaf: expired });
    dial(network, { trust: { roots: [certificates.authority.root] } });
    network.run(() => network.client.seen("CLOSED").length > 0);
    expect(Buffer.from(network.client.seen("CLOSED")[0]!.bytes).toString()).toMatch(/expired/i);
  });

  test("a pinned leaf is believed without roots, another one is not", () => {
    const { network } = connected(certificates, { trust: { sha256: [new Uint8Array(32), certificates.leaf.sha256] } });
    expect(network.client.seen("CONNECTED")).toHaveLength(1);
    const { client } = failing({ trust: { sha256: [new Uint8Array(32)] } });
    expect(client).toMatchObject([{ flags: ClosedBy.TRANSPORT }]);
  });
});

describe("silence", () => {
  test("a dial that nobody answers ends after the handshake time-out, and says that it never was up", () => {
    const { client, network } = failing({ filter: () => false, clientTransport: { handshakeTimeoutMs: 3000 } });
    expect(client).toMatchObject([{ flags: ClosedBy.IDLE, value: 1n }]);
    expect(client[0]!.at - 1_000_000).toBe(3_000_000);
    expect(network.packets).toBeGreaterThan(2); // it did try again meanwhile
  });

  test("a handshake completes at 30 % loss", () => {
    let dropped = 0;
    const { network } = connected(certificates, {
      filter: ({ index }) => {
        const drop = index % 10 < 3;
        if (drop) dropped++;
        return !drop;
      },
    });
    expect(network.client.seen("CONNECTED")).toHaveLength(1);
    expect(dropped).toBeGreaterThan(1);
  });
});

describe("configurations", () => {
  const config = { alpn: ["test"] };
  const code = (call: () => unknown) => {
    try {
      call();
    } catch (error) {
      if (error instanceof EngineError) return error.code;
      throw error;
    }
    return "accepted";
  };

  test("unusable certificates and keys are told apart", async () => {
    const { engine } = listening(certificates).server;
    const { chain, key } = certificates.leaf;
    const other = await certificates.authority.issue(["localhost"]);
    const add = (certificateChain: string | Uint8Array, privateKey: string | Uint8Array) =>
      code(() => engine.addServerConfig({ certificateChain, privateKey, ...config }));
    expect(add("nonsense", key)).toBe("certificate-invalid");
    expect(add("", key)).toBe("certificate-invalid");
    expect(add(chain, "nonsense")).toBe("key-invalid");
    expect(add(chain, other.key)).toBe("key-mismatch");
    expect(add(chain, key)).toBe("accepted");
    const der = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----/g, ""), "base64");
    expect(add(der(chain), der(key))).toBe("accepted");
  });

  test("options out of range, names and addresses are refused with a sentence", () => {
    const { client } = listening(certificates);
    const { engine } = client;
    expect(code(() => engine.addClientConfig({ alpn: [], trust: "none" }))).toBe("option-invalid");
    expect(() => engine.addClientConfig({ ...config, trust: "none", transport: { maxMtu: 100 } })).toThrow(
      "maxMtu is 100; it must be an integer from 1200 to 2048.",
    );
    const id = engine.addClientConfig({ ...config, trust: "none" });
    const peer = engine.internPeer(Uint8Array.of(10, 0, 0, 2), 4433);
    expect(() => engine.connect(client.endpoint, id, peer, "not a name", 0)).toThrow(
      '"not a name" is neither a DNS name nor an IP address.',
    );
    const nowhere = engine.internPeer(Uint8Array.of(0, 0, 0, 0), 4433);
    expect(code(() => engine.connect(client.endpoint, id, nowhere, "localhost", 0))).toBe("address-invalid");
    engine.freeConfig(id);
    expect(code(() => engine.connect(client.endpoint, id, peer, "localhost", 0))).toBe("stale-handle");
  });

  test("a client sees the certificate for the name it asks for, by exact name, by wildcard, or else the default", async () => {
    const network = listening(certificates);
    const { client, server } = network;
    const [exact, wildcard] = [await certificates.authority.issue(), await certificates.authority.issue()];
    const entry = (names: string[], { chain, key }: TestCertificate) => ({
      names,
      certificateChain: chain,
      privateKey: key,
    });
    const fresh = server.engine.addServerConfig({
      certificateChain: certificates.leaf.chain,
      privateKey: certificates.leaf.key,
      named: [entry(["*.relay.test"], wildcard), entry(["b.example", "a.relay.test", "*.relay.test"], exact)],
      ...config,
    });
    server.engine.setServerConfig(server.endpoint, fresh);
    const shown = (serverName: string, { sha256 }: { sha256: Uint8Array }) => {
      const before = client.seen("CONNECTED").length + client.seen("CLOSED").length;
      dial(network, { serverName, trust: { sha256: [sha256] } });
      network.run(() => client.seen("CONNECTED").length + client.seen("CLOSED").length > before);
      return client.seen("CLOSED").length === 0;
    };
    expect(shown("A.relay.test", exact)).toBe(true);
    expect(shown("b.example", exact)).toBe(true);
    expect(shown("b.relay.test", wildcard)).toBe(true);
    for (const other of ["deep.b.relay.test", "relay.test", "elsewhere.test", "10.0.0.1"]) {
      expect(shown(other, certificates.leaf), other).toBe(true);
    }
    expect(shown("b.relay.test", exact)).toBe(false);
    const { chain } = exact;
    const unusable = { named: [{ names: ["x.test"], certificateChain: chain, privateKey: wildcard.key }] };
    const { chain: certificateChain, key: privateKey } = certificates.leaf;
    expect(code(() => server.engine.addServerConfig({ certificateChain, privateKey, ...unusable, ...config }))).toBe(
      "key-mismatch",
    );
  });

  test("a new certificate counts for new connections, the old ones live on", async () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    const renewed = await certificates.authority.issue(["localhost"]);
    const fresh = server.engine.addServerConfig({
      certificateChain: renewed.chain,
      privateKey: renewed.key,
      ...config,
    });
    server.engine.setServerConfig(server.endpoint, fresh);
    dial(network, { trust: { sha256: [renewed.sha256] } });
    network.run(() => client.seen("CONNECTED").length === 2);
    client.open(near, 1, Uint8Array.of(1));
    network.run(() => server.seen("DATA").length === 1);
  });
});

describe("limits", () => {
  test("above maxConnections clients are refused, and those inside go on", () => {
    const { network, near } = connected(certificates, { server: { maxConnections: 1 } });
    dial(network);
    network.run(() => network.client.seen("CLOSED").length > 0);
    expect(network.client.seen("CLOSED")).toMatchObject([{ flags: ClosedBy.PEER_TRANSPORT, value: 2n }]); // CONNECTION_REFUSED
    expect(network.server.seen("REFUSED")).toMatchObject([{ value: 2n }]);
    network.client.open(near, 1, Uint8Array.of(1));
    network.run(() => network.server.seen("DATA").length === 1);
  });

  test("with many handshakes under way a client must prove its address first (Retry)", () => {
    const network = listening(certificates);
    const { client, server } = network;
    const config = server.engine.addServerConfig({
      certificateChain: certificates.leaf.chain,
      privateKey: certificates.leaf.key,
      alpn: ["test"],
    });
    server.endpoint = server.engine.openEndpoint(config, { maxHandshakes: 1 });
    const retries: number[] = [];
    network.filter = ({ bytes, from, index }) => {
      if (from === server && bytes[0]! >> 4 === 0xf) retries.push(index); // long header, type 3
      return true;
    };
    dial(network);
    network.run(() => client.seen("CONNECTED").length === 1);
    expect(retries).toHaveLength(1);
  });
});
