/** Transport behaviour that `listen` and `connect` share. */
import type { TransportOptions } from "@moqingbird/engine";
import { TransportError } from "../errors.ts";

/** QUIC transport options; each has its unit and default in its own line. */
export type TransportSettings = TransportOptions;

/** Defaults that sentences and credit need to know; the engine's own, written once more. */
export const defaultIdleTimeoutMs = 10_000;
export const defaultHandshakeTimeoutMs = 10_000;
export const defaultStreamCreditBytes = 262_144;
/** The engine's, for streams the peer may have open. */
export const defaultMaxBidiStreams = 32;
export const defaultMaxUniStreams = 128;

/** Kernel buffer asked for each socket: 4 MiB takes the bursts of several connections. */
export const defaultSocketBufferBytes = 4_194_304;

/** Throws `option-invalid` unless there is at least one protocol and each fits on the wire (RFC 7301 section 3.1). */
export function checkAlpn(alpn: readonly string[]): void {
  if (alpn.length === 0) throw new TransportError("option-invalid", { option: "alpn", detail: "it names no protocol" });
  for (const name of alpn) {
    const bytes = Buffer.byteLength(name);
    if (bytes >= 1 && bytes <= 255) continue;
    throw new TransportError("option-invalid", {
      option: "alpn",
      detail: `a protocol name has 1 to 255 bytes, ${JSON.stringify(name)} has ${bytes}`,
    });
  }
}
