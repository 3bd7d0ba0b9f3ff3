/**
 * Certificates for tests: a certification authority with leaves it signed, and leaves that signed themselves.
 * ECDSA P-256 throughout. A leaf is never its own root (CA:TRUE as a server's own certificate is refused by rustls).
 */
import "reflect-metadata"; // @peculiar/x509 wants the polyfill to be there before it loads
import { createHash, webcrypto } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const day = 86_400_000;

x509.cryptoProvider.set(webcrypto);

/** A certificate and its key, as a server is given them. */
export interface TestCertificate {
  /** PEM, leaf first. */
  readonly chain: string;
  /** PEM, PKCS#8. */
  readonly key: string;
  /** SHA-256 of the leaf's DER: what a client pins. */
  readonly sha256: Uint8Array;
}

/** An authority for one test run. */
export interface TestAuthority {
  /** PEM of the root: what a client is told to trust. */
  readonly root: string;
  /** A leaf for `names` (host names or IP literals). */
  issue(names?: readonly string[], validity?: Validity): Promise<TestCertificate>;
}

/** From when to when a certificate is valid, in milliseconds from now. Default: an hour ago to ten days ahead. */
export interface Validity {
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** Names that loopback tests use. */
export const loopbackNames: readonly string[] = ["localhost", "127.0.0.1", "::1"];

/** A new authority, with a key of its own. */
export async function createAuthority(commonName = "Moqingbird test authority"): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${commonName}`,
    ...period({}),
    keys: keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    root: root.toString("pem"),
    async issue(names = loopbackNames, validity = {}) {
      const leafKeys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const leaf = await x509.X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        subject: `CN=${names[0]}`,
        issuer: root.subject,
        ...period(validity),
        publicKey: leafKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: leafExtensions(names),
      });
      return bundle(leaf, leafKeys.privateKey);
    },
  };
}

/** A leaf that signed itself (CA:FALSE): for pinned fingerprints. */
export async function selfSigned(
  names: readonly string[] = loopbackNames,
  validity: Validity = {},
): Promise<TestCertificate> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const leaf = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${names[0]}`,
    ...period(validity),
    keys: keys,
    signingAlgorithm: algorithm,
    extensions: leafExtensions(names),
  });
  return bundle(leaf, keys.privateKey);
}

/** Writes `chain.pem` and `key.pem` into `folder`, for programs that take files. */
export async function writeCertificate(
  folder: string,
  certificate: TestCertificate,
): Promise<{ readonly chain: string; readonly key: string }> {
  const chain = join(folder, "chain.pem");
  const key = join(folder, "key.pem");
  await Promise.all([writeFile(chain, certificate.chain), writeFile(key, certificate.key, { mode: 0o600 })]);
  return { chain, key };
}

function leafExtensions(names: readonly string[]): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(
      names.map((value) => ({ type: isIP(value) ? ("ip" as const) : ("dns" as const), value })),
    ),
  ];
}

async function bundle(leaf: x509.X509Certificate, key: webcrypto.CryptoKey): Promise<TestCertificate> {
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", key);
  return {
    chain: leaf.toString("pem"),
    key: x509.PemConverter.encode(pkcs8, "PRIVATE KEY"),
    sha256: new Uint8Array(createHash("sha256").update(new Uint8Array(leaf.rawData)).digest()),
  };
}

function period({ fromMs = -3_600_000, toMs = 10 * day }: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() + fromMs), notAfter: new Date(Date.now() + toMs) };
}

function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40; // positive, and never with a leading zero byte
  return Buffer.from(bytes).toString("hex");
}
