/** Whom a client believes: the system's authorities, given ones, exact certificates by fingerprint, or anybody. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import * as tls from "node:tls"; // not by name: getCACertificates is missing before Node 22.15
import type { Trust as EngineTrust } from "@moqingbird/engine";
import { TransportError } from "../errors.ts";
import { certificatesOf } from "./certificate.ts";

/**
 * - "system": the operating system's authorities and those of NODE_EXTRA_CA_CERTS.
 * - roots: only these authorities, each PEM (one or several) or DER.
 * - sha256: exactly these leaf certificates, by the SHA-256 of their DER; name and dates are not looked at, as the pin
 *   says more than they do.
 * - "none": anybody. Only for tests: whoever is on the path can read and change everything.
 */
export type Trust =
  | "system"
  | "none"
  | { readonly roots: readonly (string | Uint8Array)[] }
  | { readonly sha256: readonly Uint8Array[] };

/** What the engine is told. Errors: `certificate-unreadable` for a root, `option-invalid` for an odd fingerprint. */
export function engineTrust(trust: Trust): EngineTrust {
  if (trust === "none") return "none";
  if (trust === "system") return { roots: systemRoots() };
  if ("sha256" in trust) {
    if (trust.sha256.length === 0) throw unusable("no fingerprint is given, so no server could be trusted");
    for (const pin of trust.sha256) {
      if (pin.length !== 32) throw unusable(`a SHA-256 fingerprint has 32 bytes, this one has ${pin.length}`);
    }
    return { sha256: trust.sha256 };
  }
  if (trust.roots.length === 0) throw unusable("no root is given, so no server could be trusted");
  const roots = trust.roots.flatMap((root, index) => certificatesOf(root, `root ${index + 1} of trust.roots`));
  return { roots: roots.map((certificate) => new Uint8Array(certificate.raw)) };
}

/** A short text that is the same for the same trust. */
export function trustKey(trust: Trust): string {
  if (typeof trust === "string") return trust;
  const hash = createHash("sha256");
  const [kind, material] = "sha256" in trust ? ["sha256", trust.sha256] : ["roots", trust.roots];
  for (const item of material) hash.update(item).update("\0");
  return `${kind}:${hash.digest("hex")}`;
}

function unusable(detail: string): TransportError {
  return new TransportError("option-invalid", { option: "trust", detail });
}

/** Where systems keep their authorities in one file: Debian and Alpine, Fedora, openSUSE, BSD. */
const bundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

let cachedRoots: readonly string[] | undefined;

/**
 * PEM certificates of the system's authorities and NODE_EXTRA_CA_CERTS. Node 22.15 and later ask the system itself;
 * before, the usual bundle file is read. A system without any (a bare container) gets those Node brings.
 */
export function systemRoots(): readonly string[] {
  cachedRoots ??= readSystemRoots();
  return cachedRoots;
}

function readSystemRoots(): readonly string[] {
  const roots = new Set<string>();
  if (typeof tls.getCACertificates === "function") {
    for (const kind of ["system", "extra"] as const) for (const pem of tls.getCACertificates(kind)) roots.add(pem);
  } else {
    const file = [process.env.SSL_CERT_FILE, ...bundles].find((path) => path !== undefined && existsSync(path));
    for (const path of [file, process.env.NODE_EXTRA_CA_CERTS]) {
      if (path !== undefined && existsSync(path))
        for (const pem of pemBlocks(readFileSync(path, "utf8"))) roots.add(pem);
    }
  }
  return roots.size > 0 ? [...roots] : tls.rootCertificates;
}

function pemBlocks(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
}
