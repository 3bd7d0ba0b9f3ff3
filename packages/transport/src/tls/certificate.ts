/**
 * A server's certificate: read from files, checked with errors that name the file, or made on the spot for pinning.
 */
import { createHash, createPrivateKey, type KeyObject, webcrypto, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { errnoOf, messageOf, TransportError } from "../errors.ts";

/** What a server shows and the key that goes with it. */
export interface Certificate {
  /** PEM, or DER of the leaf alone; the leaf first. */
  readonly chain: string | Uint8Array;
  /** PEM or DER: PKCS#8, SEC1 or PKCS#1, unencrypted. */
  readonly key: string | Uint8Array;
  /** What error sentences call the two; the file names where they were read from files. */
  readonly where?: { readonly chain: string; readonly key: string };
}

/** A checked certificate. */
export interface LoadedCertificate extends Certificate {
  /** PEM. */
  readonly chain: string;
  /** PEM, PKCS#8. */
  readonly key: string;
  /** SHA-256 of the leaf's DER: what a client pins (`trust: { sha256: […] }`). */
  readonly sha256: Uint8Array;
  /** Last moment of the leaf's validity. */
  readonly notAfter: Date;
  /** DNS names the leaf is for, in lower case; "*.example.com" stands for every host there. */
  readonly names: readonly string[];
}

/** Files of `loadCertificate`. */
export interface CertificateFiles {
  /** PEM or DER certificate chain, the leaf first. */
  readonly chain: string | URL;
  /** PEM or DER private key. */
  readonly key: string | URL;
}

/**
 * Reads a certificate chain and its key. Errors: `certificate-unreadable`, `key-unreadable`, `key-mismatch`; each names
 * the file.
 */
export async function loadCertificate(files: CertificateFiles): Promise<LoadedCertificate> {
  const where = { chain: String(files.chain), key: String(files.key) };
  const [chain, key] = await Promise.all([
    readFile(files.chain).catch((error: unknown) => {
      throw unreadable("certificate-unreadable", where.chain, error);
    }),
    readFile(files.key).catch((error: unknown) => {
      throw unreadable("key-unreadable", where.key, error);
    }),
  ]);
  return checkCertificate({ chain, key, where });
}

/** Reads, matches and normalises a certificate given as text or bytes. Errors: as {@link loadCertificate}. */
export function checkCertificate(certificate: Certificate): LoadedCertificate {
  const where = certificate.where ?? { chain: "the given chain", key: "the given key" };
  const chain = certificatesOf(certificate.chain, where.chain);
  const leaf = chain[0] as X509Certificate;
  const key = privateKeyOf(certificate.key, where.key);
  if (!leaf.checkPrivateKey(key)) throw new TransportError("key-mismatch", where);
  return {
    chain: chain.map((entry) => entry.toString()).join(""),
    key: key.export({ type: "pkcs8", format: "pem" }) as string,
    where,
    sha256: fingerprint(leaf.raw),
    notAfter: new Date(leaf.validTo),
    names: namesOf(leaf),
  };
}

/** The subject alternative names that are DNS names. Node quotes what is not plain text; no host name is quoted. */
function namesOf(leaf: X509Certificate): readonly string[] {
  const entries = leaf.subjectAltName?.split(", ") ?? [];
  return entries.flatMap((entry) => /^DNS:([\w*.-]+)$/.exec(entry)?.[1]?.toLowerCase() ?? []);
}

/** The certificates in PEM or DER bytes, at least one. Errors: `certificate-unreadable`. */
export function certificatesOf(source: string | Uint8Array, where: string): readonly X509Certificate[] {
  const text = typeof source === "string" ? source : Buffer.from(source).toString("latin1");
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g);
  try {
    if (blocks !== null) return blocks.map((pem) => new X509Certificate(pem));
    if (text.includes("-----BEGIN ")) throw new Error("the PEM file holds no certificate");
    if (text.trim() === "") throw new Error("it is empty");
    return [new X509Certificate(typeof source === "string" ? Buffer.from(source) : source)];
  } catch (error) {
    throw unreadable("certificate-unreadable", where, error);
  }
}

function privateKeyOf(source: string | Uint8Array, where: string): KeyObject {
  const text = typeof source === "string" ? source : Buffer.from(source).toString("latin1");
  try {
    if (/ENCRYPTED/.test(text)) throw new Error("it is encrypted");
    if (text.includes("-----BEGIN ")) {
      if (!/-----BEGIN (EC |RSA )?PRIVATE KEY-----/.test(text)) throw new Error("the PEM file holds no private key");
      return createPrivateKey({ key: text, format: "pem" });
    }
    if (text.trim() === "") throw new Error("it is empty");
    const key = Buffer.from(source as Uint8Array);
    for (const type of ["pkcs8", "sec1", "pkcs1"] as const) {
      try {
        return createPrivateKey({ key, format: "der", type });
      } catch {}
    }
    throw new Error("it is neither PEM nor a DER key");
  } catch (error) {
    throw unreadable("key-unreadable", where, error);
  }
}

/** SHA-256 of the first certificate in PEM or DER: what a client pins. Errors: `certificate-unreadable`. */
export function certificateFingerprint(chain: string | Uint8Array): Uint8Array {
  return fingerprint((certificatesOf(chain, "the given certificate")[0] as X509Certificate).raw);
}

/** 32 bytes of a fingerprint in hex, with or without colons, as `openssl x509 -fingerprint -sha256` prints it. */
export function parseFingerprint(text: string): Uint8Array {
  const hex = text
    .replace(/^sha-?256[ :=]*(fingerprint=)?/i, "")
    .replaceAll(":", "")
    .trim();
  if (/^[0-9a-f]{64}$/i.test(hex)) return Uint8Array.from(Buffer.from(hex, "hex"));
  throw new TransportError("option-invalid", {
    option: "fingerprint",
    detail: `a SHA-256 fingerprint is 64 hex digits, this is ${JSON.stringify(text)}`,
  });
}

/** Options of {@link generateCertificate}. */
export interface GenerateOptions {
  /** Host names and IP literals the certificate is for. Default: localhost, 127.0.0.1, ::1. */
  readonly names?: readonly string[];
  /** Days of validity, above 0 and at most 14: what browsers accept of a pinned certificate. Default 14. */
  readonly days?: number;
}

const hourMs = 3_600_000;

/**
 * Makes a self-signed ECDSA P-256 leaf (CA:FALSE) for clients that pin its fingerprint. It is valid from an hour ago,
 * for clocks that differ a little. Errors: `option-invalid`.
 */
export function generateCertificate(options: GenerateOptions = {}): Promise<LoadedCertificate> {
  return generateCertificateAt(Date.now(), options);
}

/** `generateCertificate` at a moment that may not be now: milliseconds since 1970. */
export async function generateCertificateAt(now: number, options: GenerateOptions): Promise<LoadedCertificate> {
  const { names = ["localhost", "127.0.0.1", "::1"], days = 14 } = options;
  if (!(days > 0 && days <= 14)) {
    throw new TransportError("option-invalid", {
      option: "days",
      detail: `validity is ${days} days; it must be above 0, and browsers accept at most 14 for a pinned certificate`,
    });
  }
  if (names.length === 0) throw new TransportError("option-invalid", { option: "names", detail: "it is empty" });
  // Loaded only here: few servers make their own certificate. The library wants the polyfill to be there before it.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const notBefore = now - hourMs;
  const leaf = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [names[0] as string] }],
    notBefore: new Date(notBefore),
    notAfter: new Date(notBefore + days * 24 * hourMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) ? ("ip" as const) : ("dns" as const), value })),
      ),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  return checkCertificate({
    chain: leaf.toString("pem"),
    key,
    where: { chain: "the generated certificate", key: "the generated key" },
  });
}

/** 16 random bytes, positive and without a leading zero (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

function fingerprint(der: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(der).digest());
}

function unreadable(code: "certificate-unreadable" | "key-unreadable", where: string, error: unknown): TransportError {
  return new TransportError(code, { where, detail: fileFault(error) }, { cause: error });
}

function fileFault(error: unknown): string {
  switch (errnoOf(error)) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EISDIR":
      return "it is a directory";
    default:
      return messageOf(error);
  }
}
