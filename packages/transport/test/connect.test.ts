import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { createAuthority, selfSigned, type TestCertificate } from "@moqingbird/testing";
import { type Connection, connect, listen, type TransportErrorCode, transportErrors } from "@moqingbird/transport";
import { afterEach, expect, test, vi } from "vitest";
import { certificate, client, closeAll, echo, exchange, listener, pair } from "./support/pair.ts";

vi.mock("node:dns/promises", { spy: true });

afterEach(closeAll);

/** What the resolver says of the next name. */
function resolvesTo(...addresses: string[]): void {
  const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  vi.mocked(lookup).mockResolvedValueOnce(found as never);
}

/** The error a promise rejects with. */
async function failure(promise: Promise<Connection>): Promise<{ code: TransportErrorCode; message: string }> {
  return promise.then(
    (connection) => {
      connection.close();
      throw new Error("it connected");
    },
    (error) => error,
  );
}

test("a connection knows both addresses, its side, protocol and server name", async () => {
  const { client: near, server: far, listener: opened } = await pair({ connect: { serverName: "relay.test" } });
  expect([near.side, far.side]).toEqual(["client", "server"]);
  expect([near.protocol, far.protocol]).toEqual(["test", "test"]);
  expect(far.serverName).toBe("relay.test");
  expect(near.remoteAddress).toEqual(opened.address);
  expect(far.remoteAddress).toEqual(near.localAddress);
});

test("a listener on all addresses serves IPv6 and IPv4", async () => {
  const opened = await listen({ certificate: await certificate(), alpn: ["test"], onConnection: () => {} });
  for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
    const connection = await client(opened, { host });
    expect(connection.remoteAddress.port).toBe(opened.address.port);
    connection.close();
  }
  await opened.close();
  expect(opened.socketBuffers.receive).toMatchObject({ asked: 4_194_304 });
  expect(opened.socketBuffers.receive.granted).toBeGreaterThan(0);
});

test("the server's favourite protocol is chosen, whatever order the client has", async () => {
  const opened = await listener({ alpn: ["moqt-18", "moq-00", "h3"] });
  const chosen = async (...alpn: string[]) => (await client(opened, { alpn })).protocol;
  expect(await chosen("h3", "moq-00")).toBe("moq-00");
  expect(await chosen("h3", "moqt-18", "moq-00")).toBe("moqt-18");
  expect(await chosen("h3")).toBe("h3");
});

test("no common protocol is no-common-alpn and names ours", async () => {
  const opened = await listener({ alpn: ["moq-00"] });
  expect(await failure(client(opened, { alpn: ["other", "h3"] }))).toMatchObject({
    code: "no-common-alpn",
    message: `127.0.0.1:${opened.address.port} and this side share no application protocol (offered here: other, h3). Check that it speaks one of them.`,
  });
});

test("a port where nothing listens is connection-refused, at once", async () => {
  const probe = createSocket("udp4").bind(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  const start = performance.now();
  expect(await failure(connect({ host: "127.0.0.1", port, alpn: ["test"], trust: "none" }))).toMatchObject({
    code: "connection-refused",
    message: `Nothing listens at 127.0.0.1:${port}: the host refused the packets. Check host and port, and that the server runs.`,
  });
  expect(performance.now() - start).toBeLessThan(2000);
});

test("a host that answers nothing is handshake-timeout after the given time", async () => {
  const silent = createSocket("udp4").bind(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address();
  const start = performance.now();
  const error = await failure(connect({ host: "127.0.0.1", port, alpn: ["test"], trust: "none", timeoutMs: 300 }));
  expect(error.code).toBe("handshake-timeout");
  expect(error.message).toContain(`No QUIC answer from 127.0.0.1:${port} within 300 ms.`);
  expect(performance.now() - start).toBeGreaterThanOrEqual(299);
  silent.close();
});

test("a dead address of a host costs a quarter of a second, a refusing one nothing", async () => {
  const opened = await listener();
  const silent = createSocket("udp4").bind(opened.address.port, "127.0.0.2");
  await once(silent, "listening");
  resolvesTo("127.0.0.2", "127.0.0.3", "127.0.0.1"); // silent, refusing, serving
  const start = performance.now();
  const connection = await client(opened, { host: "several.test" });
  expect(connection.remoteAddress.address).toBe("127.0.0.1");
  expect(performance.now() - start).toBeGreaterThanOrEqual(249);
  expect(performance.now() - start).toBeLessThan(1500);
  silent.close();
});

test("of several failing addresses the most telling failure is told", async () => {
  const opened = await listener({ alpn: ["other"] });
  resolvesTo("127.0.0.3", "127.0.0.1");
  expect((await failure(client(opened, { host: "several.test" }))).code).toBe("no-common-alpn");
  await opened.close();
  resolvesTo("127.0.0.3", "127.0.0.1");
  expect(await failure(client(opened, { host: "several.test" }))).toMatchObject({
    code: "connection-refused",
    message: expect.stringContaining(`Nothing listens at several.test:${opened.address.port}:`),
  });
});

test("an address that cannot be sent to is unreachable", async () => {
  expect(
    await failure(connect({ host: "255.255.255.255", port: 1, alpn: ["test"], trust: "none", timeoutMs: 2000 })),
  ).toMatchObject({ code: "unreachable" });
});

test("a full listener refuses further connections, and says so", async () => {
  const { listener: opened, server } = await pair({ listen: { limits: { maxConnections: 1 } } });
  expect((await failure(client(opened))).code).toBe("server-refused");
  expect(opened.connections).toEqual(new Set([server]));
});

test("an address with as many connections as it may have is refused further ones, and the log can say why", async () => {
  const rejected = vi.fn();
  const limits = { maxConnectionsPerAddress: 1 };
  const { listener: opened, server } = await pair({ listen: { limits, onRejected: rejected } });
  expect((await failure(client(opened))).code).toBe("server-refused");
  expect(opened.connections).toEqual(new Set([server]));
  expect(rejected.mock.lastCall).toMatchObject([
    { info: { code: 2n, reason: "no room for another connection of this address" } },
  ]);
});

test("a limit that is no number of clients is refused in words", async () => {
  await expect(listener({ limits: { maxHandshakesPerAddress: 0 } })).rejects.toThrow(
    "The option limits is unusable: maxHandshakesPerAddress is 0; it must be an integer from 1 to 4294967295.",
  );
});

test("an unknown host name, a bad port and bad options are said before any packet", async () => {
  const common = { alpn: ["test"], trust: "none" } as const;
  vi.mocked(lookup).mockRejectedValueOnce(Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" }));
  expect((await failure(connect({ host: "no-such-host.invalid", port: 1, ...common }))).code).toBe("host-not-found");
  expect((await failure(connect({ host: "127.0.0.1", port: 0, ...common }))).code).toBe("address-invalid");
  expect((await failure(connect({ host: "127.0.0.1", port: 70_000, ...common }))).code).toBe("address-invalid");
  expect((await failure(connect({ host: "127.0.0.1", port: 1, ...common, alpn: [] }))).code).toBe("option-invalid");
  expect((await failure(connect({ host: "127.0.0.1", port: 1, ...common, alpn: [""] }))).code).toBe("option-invalid");
  expect((await failure(connect({ host: "127.0.0.1", port: 1, ...common, timeoutMs: 0 }))).code).toBe("option-invalid");
  expect((await failure(connect({ host: "127.0.0.1", port: 1, ...common, serverName: "a b" }))).code).toBe(
    "option-invalid",
  );
});

test("trust by authority, by fingerprint, or none", async () => {
  const authority = await createAuthority();
  const leaf = await authority.issue(["localhost", "127.0.0.1"]);
  const opened = await listener({ certificate: leaf });
  for (const trust of [{ roots: [authority.root] }, { sha256: [leaf.sha256] }, "none"] as const) {
    expect((await client(opened, { trust })).protocol).toBe("test");
  }
});

test("a certificate that is not trusted says why", async () => {
  const authority = await createAuthority();
  const serving = (leaf: TestCertificate) => listener({ certificate: leaf });
  const reason = async (leaf: TestCertificate, options: Parameters<typeof client>[1]) => {
    const { code, message } = await failure(client(await serving(leaf), options));
    return [code, /not trusted: (.*)\. Give/.exec(message)?.[1]];
  };
  const good = await authority.issue();
  const roots = { trust: { roots: [authority.root] } };
  const untrusted = (why: string) => ["certificate-untrusted", why];
  expect(await reason(good, { trust: "system" })).toEqual(untrusted("no trusted authority signed it"));
  expect(await reason(good, { trust: { roots: [(await createAuthority("Another authority")).root] } })).toEqual(
    untrusted("no trusted authority signed it"),
  );
  expect(await reason(good, { trust: { roots: [(await createAuthority()).root] } })).toEqual(
    untrusted("its signature is not that of the trusted authority it names"),
  );
  expect(await reason(good, { ...roots, serverName: "other.test" })).toEqual(
    untrusted("it was made for another host name"),
  );
  const expired = await authority.issue(undefined, { fromMs: -7_200_000, toMs: -3_600_000 });
  expect(await reason(expired, roots)).toEqual(untrusted("it has expired (or the clock of this host is wrong)"));
  const future = await authority.issue(undefined, { fromMs: 3_600_000, toMs: 7_200_000 });
  expect(await reason(future, roots)).toEqual(untrusted("it is not valid yet (or the clock of this host is wrong)"));
  expect(await reason(good, { trust: { sha256: [(await selfSigned()).sha256] } })).toEqual(
    untrusted("its SHA-256 is not among the pinned ones"),
  );
});

test("a new certificate serves new connections while open ones go on", async () => {
  const { client: first, listener: opened } = await pair({ serve: echo });
  const next = await selfSigned();
  opened.setCertificate(next);
  expect((await client(opened, { trust: { sha256: [next.sha256] } })).protocol).toBe("test");
  expect((await failure(client(opened))).code).toBe("certificate-untrusted");
  const { writer, reader } = exchange(first);
  writer.write(new Uint8Array([1]));
  writer.finish();
  expect(await reader.bytes()).toHaveLength(1);
  expect(() => opened.setCertificate({ chain: "junk", key: "junk" })).toThrow("the given chain");
});

test("listening fails with the address or the option that is wrong", async () => {
  const opened = await listener();
  const { port } = opened.address;
  await expect(listener({ port })).rejects.toMatchObject({
    code: "address-in-use",
    message: `Another program already listens at 127.0.0.1:${port}. Stop it or choose another port.`,
  });
  await expect(listener({ host: "192.0.2.1" })).rejects.toMatchObject({ code: "address-invalid" });
  await expect(listener({ port: 65_536 })).rejects.toMatchObject({ code: "address-invalid" });
  await expect(listener({ alpn: [] })).rejects.toMatchObject({ code: "option-invalid" });
  await expect(listener({ certificate: { chain: "", key: "" } })).rejects.toMatchObject({
    code: "certificate-unreadable",
  });
  const { chain } = await selfSigned();
  const { key } = await selfSigned();
  await expect(listener({ certificate: { chain, key } })).rejects.toMatchObject({ code: "key-mismatch" });
  await expect(listener({ certificate: { chain, key: "junk" } })).rejects.toMatchObject({ code: "key-unreadable" });
});

test("an aborted connect rejects with the signal's reason and an aborted listener closes", async () => {
  const silent = createSocket("udp4").bind(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address();
  const why = new Error("changed my mind");
  await expect(
    connect({ host: "127.0.0.1", port, alpn: ["test"], trust: "none", signal: AbortSignal.abort(why) }),
  ).rejects.toBe(why);
  const controller = new AbortController();
  const connecting = connect({ host: "127.0.0.1", port, alpn: ["test"], trust: "none", signal: controller.signal });
  silent.once("message", () => controller.abort(why));
  await expect(connecting).rejects.toBe(why);
  silent.close();

  const stop = new AbortController();
  const { listener: opened, client: connection } = await pair({ listen: { signal: stop.signal } });
  stop.abort();
  expect(await opened.closed).toBeUndefined();
  expect((await connection.closed).by).toBe("peer-application");
  await expect(listener({ signal: stop.signal })).rejects.toMatchObject({ name: "AbortError" });
});

test("datagrams pass both ways, and what can never fit is refused", async () => {
  const got = Promise.withResolvers<string>();
  const { client: near } = await pair({
    serve: (connection) => ({
      datagram: (bytes, start, end) => connection.sendDatagram(bytes.slice(start, end)),
    }),
  });
  near.handler = { datagram: (bytes, start, end) => got.resolve(Buffer.from(bytes.subarray(start, end)).toString()) };
  expect(near.maxDatagramSize).toBeGreaterThan(1000);
  expect(near.sendDatagram(new TextEncoder().encode("ping"))).toBe(true);
  expect(await got.promise).toBe("ping");
  expect(near.sendDatagram(new Uint8Array(near.maxDatagramSize + 1))).toBe(false);
  expect(near.sendDatagram(new Uint8Array(10_000))).toBe(false);
});

test("every error code has a sentence of its own", () => {
  const codes = transportErrors.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  for (const { code, says } of transportErrors) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(says).toMatch(/^[A-Z{].*\.$/);
  }
});
