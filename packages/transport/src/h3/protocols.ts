/**
 * Application protocols of a WebTransport session: WT-Available-Protocols and WT-Protocol (draft-ietf-webtrans-http3-16
 * section 3.3), structured fields of Strings; draft -12 has Tokens. A field that is malformed counts as missing.
 */
import { parseItem, parseList, serializeItem, serializeList, Token } from "structured-headers";

export const availableProtocolsField = "wt-available-protocols";
export const protocolField = "wt-protocol";

/** More protocols than this in one request are not looked at. */
const maxProtocols = 64;

/** What a client offers, its favourite first; empty when the field is missing or malformed. */
export function parseAvailableProtocols(field: string | undefined): readonly string[] {
  if (field === undefined) return [];
  try {
    const names = parseList(field).map(([item]) => nameOf(item));
    return names.every((name) => name !== undefined) ? names.slice(0, maxProtocols) : [];
  } catch {
    return [];
  }
}

/** What a server has chosen; undefined when the field is missing or malformed. */
export function parseProtocol(field: string | undefined): string | undefined {
  if (field === undefined) return undefined;
  try {
    return nameOf(parseItem(field)[0]);
  } catch {
    return undefined;
  }
}

export function availableProtocols(names: readonly string[]): string {
  return serializeList(names.map((name) => [name, new Map()]));
}

export function chosenProtocol(name: string): string {
  return serializeItem([name, new Map()]);
}

/** Names that a structured String can carry: 1 to 512 printable ASCII characters, as the W3C API asks. */
export function isProtocolName(name: string): boolean {
  return /^[\x20-\x7e]{1,512}$/.test(name);
}

function nameOf(item: unknown): string | undefined {
  if (typeof item === "string") return item;
  return item instanceof Token ? item.toString() : undefined;
}
