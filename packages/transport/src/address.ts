/**
 * Addresses: text for people and for dgram, bytes for the engine's peer table, and host names to addresses.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { errnoOf, messageOf, TransportError } from "./errors.ts";

/** One end of a UDP path. */
export interface SocketAddress {
  /** IP literal without brackets; IPv4 in dotted form also when the socket is IPv6. */
  readonly address: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** "127.0.0.1:4443", "[::1]:4443": as a URL spells it. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Strips the brackets of "[::1]"; other hosts pass unchanged. */
export function bareHost(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

const mappedPrefix = "::ffff:";

/** "::ffff:10.0.0.1", as a dual-stack socket names IPv4 peers, becomes "10.0.0.1". */
export function unmapAddress(address: string): string {
  return address.startsWith(mappedPrefix) && address.includes(".") ? address.slice(mappedPrefix.length) : address;
}

/**
 * 4 or 16 bytes of an IP literal, undefined when it is none. A zone ("%eth0") is left out. An IPv4 address in IPv6 form
 * keeps its 16 bytes: it is another peer than the same address on an IPv4 socket, and is sent to in that form.
 */
export function addressBytes(address: string): Uint8Array | undefined {
  const zone = address.indexOf("%");
  const literal = zone < 0 ? address : address.slice(0, zone);
  switch (isIP(literal)) {
    case 4:
      return Uint8Array.from(literal.split("."), Number);
    case 6:
      return ipv6Bytes(literal);
    default:
      return undefined;
  }
}

function ipv6Bytes(literal: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const [head = "", tail] = literal.split("::");
  const left = words(head);
  const right = tail === undefined ? [] : words(tail);
  const padded = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  for (const [i, word] of padded.entries()) {
    bytes[i * 2] = word >>> 8;
    bytes[i * 2 + 1] = word & 0xff;
  }
  return bytes;
}

function words(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((word) => {
    if (!word.includes(".")) return [Number.parseInt(word, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = word.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** Throws `address-invalid` unless `port` is a whole number a UDP socket can have. */
export function checkPort(port: number, host: string, lowest: 0 | 1): void {
  if (Number.isInteger(port) && port >= lowest && port <= 65_535) return;
  throw new TransportError("address-invalid", {
    where: formatAddress(host, port),
    detail: `a port is a whole number from ${lowest} to 65535`,
  });
}

/**
 * Addresses of `host`, in the order to try them: the resolver's, families alternating (RFC 8305 section 4), at most
 * `limit`. An IP literal is its own answer. Errors: `host-not-found`.
 */
export async function resolveHost(host: string, limit = 6): Promise<readonly string[]> {
  const bare = bareHost(host);
  if (isIP(bare.split("%")[0] ?? "")) return [bare];
  if (bare === "") throw new TransportError("host-not-found", { host: '""', detail: "the name is empty" });
  let found: { address: string; family: number }[];
  try {
    found = await lookup(bare, { all: true, order: "verbatim" });
  } catch (error) {
    const detail = errnoOf(error) === "ENOTFOUND" ? "the resolver knows no such name" : messageOf(error);
    throw new TransportError("host-not-found", { host: bare, detail }, { cause: error });
  }
  const first = found.filter(({ family }) => family === found[0]?.family);
  const second = found.filter(({ family }) => family !== found[0]?.family);
  const order: string[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    for (const entry of [first[i], second[i]]) if (entry) order.push(entry.address);
  }
  return order.slice(0, limit);
}
