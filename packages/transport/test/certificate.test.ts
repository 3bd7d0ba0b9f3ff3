import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority, selfSigned, writeCertificate } from "@moqingbird/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  certificateFingerprint,
  checkCertificate,
  generateCertificate,
  loadCertificate,
  parseFingerprint,
} from "../src/tls/certificate.ts";
import { engineTrust, systemRoots, trustKey } from "../src/tls/trust.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqingbird-certificate-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a chain and key of files load, PEM or DER, and come out as PEM with the fingerprint", async () => {
  const certificate = await selfSigned();
  const files = await writeCertificate(folder, certificate);
  const loaded = await loadCertificate(files);
  expect(loaded.sha256).toEqual(certificate.sha256);
  expect(loaded.where).toEqual(files);
  const der = new X509Certificate(certificate.chain).raw;
  for (const type of ["pkcs8", "sec1"] as const) {
    const key = createPrivateKey(certificate.key).export({ type, format: "der" });
    expect(checkCertificate({ chain: der, key })).toMatchObject({ chain: loaded.chain, key: loaded.key });
  }
});

test("each unreadable file is named with the reason", async () => {
  const { chain, key } = await writeCertificate(folder, await selfSigned());
  const write = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const failing = (files: { chain: string; key: string }) => loadCertificate(files).catch((error: unknown) => error);
  const missing = join(folder, "missing.pem");
  expect(await failing({ chain: missing, key })).toMatchObject({
    code: "certificate-unreadable",
    message: `Cannot read a certificate chain from ${missing}: there is no such file. It must be PEM or DER X.509, the leaf first.`,
  });
  expect(await failing({ chain, key: missing })).toMatchObject({ code: "key-unreadable" });
  expect(await failing({ chain: folder, key })).toMatchObject({ code: "certificate-unreadable" });
  expect(await failing({ chain: await write("empty", ""), key })).toMatchObject({ code: "certificate-unreadable" });
  expect(await failing({ chain: await write("noise", "no certificate"), key })).toMatchObject({
    code: "certificate-unreadable",
  });
  expect(await failing({ chain: key, key })).toMatchObject({ code: "certificate-unreadable" });
  expect(await failing({ chain, key: chain })).toMatchObject({ code: "key-unreadable" });
  expect(await failing({ chain, key: await write("noise", "no key") })).toMatchObject({ code: "key-unreadable" });
  const encrypted = createPrivateKey((await selfSigned()).key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "secret",
  });
  const error = await failing({ chain, key: await write("encrypted", encrypted as string) });
  expect(String(error)).toContain("it is encrypted");
});

test("a key of another certificate is a mismatch that names both files", async () => {
  const { chain } = await writeCertificate(folder, await selfSigned());
  const other = join(folder, "other-key.pem");
  await writeFile(other, (await selfSigned()).key);
  await expect(loadCertificate({ chain, key: other })).rejects.toMatchObject({
    code: "key-mismatch",
    message: `The private key (${other}) does not belong to the certificate (${chain}). Give the key that the certificate was made for.`,
  });
});

test("a generated certificate is a P-256 leaf for the given names, at most 14 days valid", async () => {
  const certificate = await generateCertificate({ names: ["relay.test", "127.0.0.1", "::1"] });
  const leaf = new X509Certificate(certificate.chain);
  expect(leaf.ca).toBe(false);
  expect(leaf.checkHost("relay.test")).toBe("relay.test");
  expect(leaf.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(leaf.checkIP("::1")).toBeDefined();
  expect(leaf.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  const validMs = leaf.validToDate.getTime() - leaf.validFromDate.getTime();
  expect(validMs).toBe(14 * 86_400_000);
  expect(leaf.validFromDate.getTime()).toBeLessThan(Date.now());
  expect(certificate.sha256).toEqual(certificateFingerprint(certificate.chain));
  await expect(generateCertificate({ days: 14.5 })).rejects.toThrow("at most 14");
  await expect(generateCertificate({ days: 0 })).rejects.toMatchObject({ code: "option-invalid" });
  await expect(generateCertificate({ names: [] })).rejects.toMatchObject({ code: "option-invalid" });
});

test("fingerprints are read as openssl prints them", async () => {
  const { chain, sha256 } = await selfSigned();
  const printed = new X509Certificate(chain).fingerprint256;
  expect(parseFingerprint(printed)).toEqual(sha256);
  expect(parseFingerprint(`sha256 Fingerprint=${printed}`)).toEqual(sha256);
  expect(parseFingerprint(Buffer.from(sha256).toString("hex"))).toEqual(sha256);
  expect(() => parseFingerprint("abcd")).toThrow("64 hex digits");
});

test("trust is checked before the engine sees it", async () => {
  const { root } = await createAuthority();
  const { sha256 } = await selfSigned();
  expect(engineTrust("none")).toBe("none");
  expect(engineTrust({ sha256: [sha256] })).toEqual({ sha256: [sha256] });
  expect(engineTrust({ roots: [root + root] })).toMatchObject({
    roots: [expect.any(Uint8Array), expect.any(Uint8Array)],
  });
  expect(() => engineTrust({ roots: [] })).toThrow("no root is given");
  expect(() => engineTrust({ sha256: [] })).toThrow("no fingerprint is given");
  expect(() => engineTrust({ sha256: [new Uint8Array(20)] })).toThrow("has 32 bytes, this one has 20");
  expect(() => engineTrust({ roots: ["junk"] })).toThrow("root 1 of trust.roots");
  expect(trustKey({ roots: [root] })).toBe(trustKey({ roots: [root] }));
  expect(trustKey({ roots: [root] })).not.toBe(trustKey({ roots: [root, root] }));
});

test("the system has roots, and each is a certificate", () => {
  const roots = systemRoots();
  expect(roots.length).toBeGreaterThan(0);
  expect(() => new X509Certificate(roots[0] as string)).not.toThrow();
});
