/** Whom a client of `moqb` trusts: three flags, at most one of them. */
import { readFile } from "node:fs/promises";
import { parseFingerprint, type Trust } from "@moqingbird/transport";
import { z } from "zod";
import { Failure, systemReason } from "./failure.ts";
import { flag } from "./flags.ts";

export const trustFlags = {
  tlsDisableVerify: flag(z.boolean().default(false), {
    description: "trust any certificate; for tests on a network of your own",
  }),
  tlsRoot: flag(z.array(z.string()).default([]), {
    value: "FILE",
    description: "trust these authorities (PEM) instead of the system's; may be given again",
    defaultSays: "the system's",
  }),
  tlsFingerprint: flag(z.array(z.string()).default([]), {
    value: "HEX",
    description: "trust exactly the certificate with this SHA-256; may be given again",
    defaultSays: "none",
  }),
};

export interface TrustValues {
  readonly tlsDisableVerify: boolean;
  readonly tlsRoot: readonly string[];
  readonly tlsFingerprint: readonly string[];
}

/** The trust that the flags ask for; the system's roots when none is given. */
export async function readTrust(values: TrustValues): Promise<Trust> {
  const given = [
    values.tlsDisableVerify && "--tls-disable-verify",
    values.tlsRoot.length > 0 && "--tls-root",
    values.tlsFingerprint.length > 0 && "--tls-fingerprint",
  ].filter((name) => name !== false);
  if (given.length > 1) throw new Failure("usage", `${given.join(" and ")} exclude each other; give one of them`);
  if (values.tlsDisableVerify) return "none";
  if (values.tlsFingerprint.length > 0) return { sha256: values.tlsFingerprint.map(readFingerprint) };
  if (values.tlsRoot.length === 0) return "system";
  return { roots: await Promise.all(values.tlsRoot.map(readRoot)) };
}

async function readRoot(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new Failure("certificate", `--tls-root ${file} cannot be read: ${systemReason(error)}; give a PEM file`, {
      cause: error,
    });
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new Failure(
      "certificate",
      `--tls-root ${file} holds no PEM certificate; give a file with BEGIN CERTIFICATE in it`,
    );
  }
  return text;
}

function readFingerprint(text: string): Uint8Array {
  try {
    return parseFingerprint(text);
  } catch (error) {
    const sentence = `--tls-fingerprint "${text}" is no SHA-256; give 64 hex digits, with or without colons`;
    throw new Failure("usage", sentence, { cause: error });
  }
}
