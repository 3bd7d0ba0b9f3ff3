import { once } from "node:events";
import { mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import { createAuthority, type TestCertificate, VirtualClock, writeCertificate } from "@moqingbird/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { generateCertificate } from "../src/tls/certificate.ts";
import { type CertificateSource, selectCertificate } from "../src/tls/certificate-source.ts";
import { renewCertificate, renewCertificateBy } from "../src/tls/renewed-certificate.ts";
import { type WatchOptions, watchCertificates } from "../src/tls/watched-certificates.ts";
import { client, closeAll, echo, exchange, Inbox, listener, pair } from "./support/pair.ts";

afterEach(closeAll);

const authority = await createAuthority();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const shownBy = ({ certificates }: CertificateSource) => certificates.map(({ sha256 }) => hex(sha256));

describe("certificates of files", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "moqingbird-certificates-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const open: Disposable[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) one[Symbol.dispose]();
  });

  async function watched(certificate: TestCertificate, options: WatchOptions = {}) {
    const files = await writeCertificate(folder, certificate);
    const changes = new Inbox<CertificateSource["certificates"]>();
    const errors = new Inbox<unknown>();
    const source = await watchCertificates(files, {
      intervalMs: 5,
      onChange: (certificates) => changes.put(certificates),
      onError: (error) => errors.put(error),
      ...options,
    });
    open.push(source);
    return { files, source, changes, errors };
  }

  test("a running listener shows the new certificate to new connections when the files change, on both ports", async () => {
    const [before, after] = [await authority.issue(), await authority.issue()];
    const { source, changes } = await watched(before);
    const { listener: opened, client: first } = await pair({
      serve: echo,
      listen: { certificate: source, webSocket: true },
      connect: { trust: { sha256: [before.sha256] } },
    });
    expect(opened.certificates.map(({ sha256 }) => hex(sha256))).toEqual([hex(before.sha256)]);

    await writeCertificate(folder, after);
    expect((await changes.next()).map(({ sha256 }) => hex(sha256))).toEqual([hex(after.sha256)]);
    await client(opened, { trust: { sha256: [after.sha256] } });
    await expect(client(opened, { trust: { sha256: [before.sha256] } })).rejects.toMatchObject({
      code: "certificate-untrusted",
    });
    expect(await shownOverTcp(opened.address.port)).toBe(hex(after.sha256));
    const { writer, reader } = exchange(first);
    writer.write(Uint8Array.of(1));
    writer.finish();
    expect(await reader.bytes()).toEqual(Uint8Array.of(1));
  });

  test("links that lead elsewhere are a change, as ACME clients and Kubernetes make it", async () => {
    const [before, after] = [await authority.issue(), await authority.issue()];
    const [live, next] = [join(folder, "live"), join(folder, "next")];
    const folders = await Promise.all(
      [before, after].map(async (one, index) => {
        const target = await mkdtemp(join(folder, `${index}-`));
        await writeCertificate(target, one);
        return target;
      }),
    );
    await symlink(folders[0]!, live);
    const changes = new Inbox<CertificateSource["certificates"]>();
    const files = await writeCertificate(live, before);
    open.push(await watchCertificates(files, { intervalMs: 5, onChange: (changed) => changes.put(changed) }));
    await symlink(folders[1]!, next);
    await rename(next, live);
    expect((await changes.next()).map(({ sha256 }) => hex(sha256))).toEqual([hex(after.sha256)]);
  });

  test("files that do not belong together are told once, and taken as soon as they do", async () => {
    const [before, after] = [await authority.issue(), await authority.issue()];
    const { files, source, changes, errors } = await watched(before);
    await writeFile(`${files.chain}.next`, after.chain);
    await rename(`${files.chain}.next`, files.chain);
    expect(await errors.next()).toMatchObject({ code: "key-mismatch" });
    expect(shownBy(source)).toEqual([hex(before.sha256)]);
    await writeFile(`${files.key}.next`, after.key);
    await rename(`${files.key}.next`, files.key);
    await changes.next();
    expect(shownBy(source)).toEqual([hex(after.sha256)]);
    expect(errors.size).toBe(0);
  });

  test("reload reads at once and says what is wrong; what was shown stays", async () => {
    const [before, after] = [await authority.issue(), await authority.issue()];
    const { files, source } = await watched(before, { intervalMs: 0 });
    expect(await source.reload()).toBe(false);
    await writeCertificate(folder, after);
    expect(await source.reload()).toBe(true);
    await writeFile(files.key, "rubbish");
    await expect(source.reload()).rejects.toMatchObject({ code: "key-unreadable" });
    expect(shownBy(source)).toEqual([hex(after.sha256)]);
    source.close();
    await writeCertificate(folder, before);
    expect(await source.reload()).toBe(false);
  });

  test("what a listener cannot use goes to the source, and the listener shows what it showed", async () => {
    const before = await authority.issue();
    const { source, errors } = await watched(before, { intervalMs: 0 });
    const opened = await listener({ certificate: source });
    const wrong = new RangeError("not this one");
    source.subscribe(() => {
      throw wrong;
    });
    await writeCertificate(folder, await authority.issue());
    await source.reload();
    expect(await errors.next()).toBe(wrong);
    expect(opened.certificates).toEqual(source.certificates);
  });

  test("a closed listener hears no more of its source", async () => {
    const { source, errors } = await watched(await authority.issue(), { intervalMs: 0 });
    const opened = await listener({ certificate: source });
    await opened.close();
    await writeCertificate(folder, await authority.issue());
    expect(await source.reload()).toBe(true);
    expect(errors.size).toBe(0);
  });

  test("options out of range and missing files are refused", async () => {
    await expect(watchCertificates([])).rejects.toMatchObject({ code: "option-invalid" });
    const { files } = await watched(await authority.issue());
    await expect(watchCertificates(files, { intervalMs: -1 })).rejects.toMatchObject({ code: "option-invalid" });
    await expect(watchCertificates({ chain: "/none", key: "/none" })).rejects.toMatchObject({
      code: "certificate-unreadable",
    });
  });
});

describe("several certificates", () => {
  const shown = async (port: number, serverName: string, sha256: Uint8Array) => {
    const opened = await client(
      { address: { address: "127.0.0.1", port } },
      { serverName, trust: { sha256: [sha256] } },
    );
    opened.close();
    return hex(sha256);
  };

  test("each client gets the one for the name it asks for, on both ports", async () => {
    const [first, wildcard, exact] = [
      await authority.issue(["relay.test"]),
      await authority.issue(["*.relay.test"]),
      await authority.issue(["a.relay.test", "other.test"]),
    ];
    const { port } = (await listener({ certificate: [first, wildcard, exact], webSocket: true })).address;
    for (const [name, { sha256 }] of [
      ["relay.test", first],
      ["a.relay.test", exact],
      ["B.relay.test", wildcard],
      ["other.test", exact],
      ["nobody.test", first],
    ] as const) {
      expect(await shown(port, name, sha256), name).toBe(hex(sha256));
      expect(await shownOverTcp(port, name), name).toBe(hex(sha256));
    }
    expect(await shownOverTcp(port)).toBe(hex(first.sha256));
  });

  test("names are those of the certificate, and a list may be exchanged", async () => {
    const generated = await generateCertificate({ names: ["Relay.test", "*.x.test", "127.0.0.1"] });
    expect(generated.names).toEqual(["relay.test", "*.x.test"]);
    const opened = await listener({ certificate: [generated] });
    const next = [await authority.issue(["relay.test"]), await authority.issue(["x.test"])];
    opened.setCertificate(next);
    expect(await shown(opened.address.port, "x.test", next[1]!.sha256)).toBe(hex(next[1]!.sha256));
    expect(() => opened.setCertificate([])).toThrow("there is none in the list");
    expect(opened.certificates).toHaveLength(2);
    expect(() => selectCertificate([], "x.test")).toThrow(RangeError);
  });
});

describe("a certificate that renews itself", () => {
  const day = 86_400_000;

  test("is made anew before it expires, each time for 14 days", async () => {
    const clock = new VirtualClock(Date.UTC(2030, 0, 1));
    const changes = new Inbox<CertificateSource["certificates"]>();
    const source = await renewCertificateBy(
      { wallMillis: clock.now, schedule: clock.schedule },
      { onChange: (certificates) => changes.put(certificates) },
    );
    const first = source.certificate;
    expect(first.notAfter.getTime()).toBeLessThanOrEqual(clock.now() + 14 * day);
    await clock.advance(11 * day);
    expect(source.certificate).toBe(first);
    await clock.advance(day);
    const [second] = await changes.next();
    expect(second).toBe(source.certificate);
    expect(hex(second!.sha256)).not.toBe(hex(first.sha256));
    expect(second!.notAfter.getTime()).toBeGreaterThan(clock.now() + 13.9 * day);
    expect(first.notAfter.getTime()).toBeGreaterThan(clock.now() + day); // nobody saw it expired
    await clock.advance(12 * day);
    await changes.next();
    source.close();
    expect(clock.pending).toBe(0);
  });

  test("a host that slept past the moment renews within the hour", async () => {
    const clock = new VirtualClock(Date.UTC(2030, 0, 1));
    let slept = 0;
    const changes = new Inbox<CertificateSource["certificates"]>();
    const source = await renewCertificateBy(
      { wallMillis: () => clock.now() + slept, schedule: clock.schedule },
      { onChange: (certificates) => changes.put(certificates) },
    );
    slept = 30 * day;
    await clock.advance(3_600_000);
    expect((await changes.next())[0]!.notAfter.getTime()).toBeGreaterThan(clock.now() + slept);
    source.close();
  });

  test("validity and lead that make no sense are refused", async () => {
    await expect(renewCertificate({ days: 15 })).rejects.toMatchObject({ code: "option-invalid" });
    await expect(renewCertificate({ days: 2, renewBeforeDays: 2 })).rejects.toThrow("below the 2 days");
  });
});

/** SHA-256 of what the TCP port shows who asks for that name, or for none. */
async function shownOverTcp(port: number, servername?: string): Promise<string> {
  const socket: TLSSocket = tlsConnect({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    ...(servername === undefined ? {} : { servername }),
  });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256.replaceAll(":", "").toLowerCase();
}
