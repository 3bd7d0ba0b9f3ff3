/**
 * Wire versions of QMux over WebSocket, and the subprotocols that name them: `{version}.{application protocol}`, or the bare
 * version where the application agrees on its protocol in-band. Older than the drafts is `webtransport`: no flow control,
 * no datagrams, one frame a message.
 */
import { TransportError } from "../errors.ts";

/** Drafts of QMux (draft-ietf-quic-qmux), newest first. */
export const qmuxDrafts = ["qmux-02", "qmux-01", "qmux-00"] as const;

/** One draft of QMux. */
export type QmuxDraft = (typeof qmuxDrafts)[number];
/** What may be spoken in the messages of a WebSocket. */
export type WireVersion = QmuxDraft | "webtransport";

/** What a version has. */
export interface WireFeatures {
  /** QUIC v1 frames with variable-length types, transport parameters and flow control. */
  readonly quicFrames: boolean;
  /** A message is a record of one or more frames. Otherwise peers read one frame and forget the rest. */
  readonly records: boolean;
  /** DATAGRAM frames and QX_PING may be sent. */
  readonly datagrams: boolean;
  /** QX_PING sequences must be in order, and transport parameters first; else the connection ends (-02). */
  readonly strict: boolean;
}

/** What each version has. */
export const wireFeatures: Readonly<Record<WireVersion, WireFeatures>> = {
  "qmux-02": { quicFrames: true, records: true, datagrams: true, strict: true },
  "qmux-01": { quicFrames: true, records: true, datagrams: true, strict: false },
  "qmux-00": { quicFrames: true, records: false, datagrams: false, strict: false },
  webtransport: { quicFrames: false, records: false, datagrams: false, strict: false },
};

/** A subprotocol taken apart. */
export interface Subprotocol {
  /** As it stands in Sec-WebSocket-Protocol; "" if none was agreed on. */
  readonly name: string;
  readonly wire: WireVersion;
  /** The application's part; "" if there is none. */
  readonly protocol: string;
}

/** No subprotocol agreed on: peers older than the drafts name none. */
export const noSubprotocol: Subprotocol = { name: "", wire: "webtransport", protocol: "" };

const bareNames: readonly WireVersion[] = [...qmuxDrafts, "webtransport"];
/** A token of HTTP (RFC 9110 section 5.6.2), as subprotocols must be. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The parts of a subprotocol; undefined for one that is not ours. */
export function parseSubprotocol(name: string): Subprotocol | undefined {
  const bare = bareNames.find((version) => version === name);
  if (bare !== undefined) return { name, wire: bare, protocol: "" };
  const draft = qmuxDrafts.find((version) => name.startsWith(`${version}.`));
  if (draft === undefined || name.length === draft.length + 1) return undefined;
  return { name, wire: draft, protocol: name.slice(draft.length + 1) };
}

/**
 * What a client offers: each of its application protocols in every draft, and, if `bare`, the versions alone behind them.
 * Errors: `option-invalid` for a protocol that HTTP cannot carry.
 */
export function offeredSubprotocols(
  protocols: readonly string[],
  bare: boolean,
  drafts: readonly QmuxDraft[] = qmuxDrafts,
): string[] {
  const odd = protocols.find((name) => !token.test(name));
  if (odd !== undefined) {
    const detail = `${JSON.stringify(odd)} is no token of HTTP, which a WebSocket's subprotocol must be`;
    throw new TransportError("option-invalid", { option: "protocols", detail });
  }
  const names = protocols.flatMap((name) => drafts.map((draft) => `${draft}.${name}`));
  return bare ? [...names, ...drafts, "webtransport"] : names;
}

/** Those of a header's subprotocols that are ours, in the client's order. */
export function knownSubprotocols(header: string | undefined): Subprotocol[] {
  const names = (header ?? "").split(",").map((name) => name.trim());
  return names.flatMap((name) => parseSubprotocol(name) ?? []);
}

/**
 * What a server chooses of an offer: the newest draft of `protocol`, or, for no protocol, the newest bare version; undefined
 * if the client did not offer it. A client that offered no subprotocol at all gets none.
 */
export function chosenSubprotocol(
  offered: readonly Subprotocol[],
  protocol: string | undefined,
): Subprotocol | undefined {
  const wanted = protocol ?? "";
  for (const wire of bareNames) {
    const found = offered.find((one) => one.wire === wire && one.protocol === wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}
