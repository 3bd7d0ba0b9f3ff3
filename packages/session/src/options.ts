/** What a session can be told, and what it tells about itself. */

import type { ControlMessage, WireInteger } from "@moqingbird/codec";
import type { Cache } from "@moqingbird/model";
import type { Budget } from "./budget.ts";
import type { AnnounceGate } from "./discovery.ts";
import type { SessionLimits } from "./limits.ts";
import type { Version } from "./negotiation.ts";
import type { PeerProfile } from "./profile.ts";
import type { PeerInfo, SetupRefusal } from "./setup.ts";
import type { Timers } from "./timers.ts";

/**
 * - `connecting`: the connection is there, the control stream is not;
 * - `setup`: the control stream is open, versions are being agreed on;
 * - `established`;
 * - `draining`: one side sent GOAWAY; what runs goes on, nothing new starts;
 * - `closed`.
 */
export type SessionState = "connecting" | "setup" | "established" | "draining" | "closed";

export interface SessionOptions {
  /** Versions to offer or accept, most wanted first. Default: all we speak. */
  readonly versions?: readonly Version[];
  /** Client on raw QUIC: path and query of the URI, sent as PATH. */
  readonly path?: string;
  /** Client on raw QUIC: host and port of the URI, sent as AUTHORITY. */
  readonly authority?: string;
  /**
   * Server over WebTransport: path and query of the request that opened the session. The client's SETUP may then hold neither
   * PATH nor AUTHORITY.
   */
  readonly requestPath?: string;
  /** Name and version of the software, told to the peer. Default `moqingbird`; "" tells none. */
  readonly implementation?: string;
  /** Overrides of single limits. */
  readonly limits?: Partial<SessionLimits>;
  /** Clock and timers. Default: the host's. */
  readonly timers?: Timers;
  /** Where received objects are kept; share one over all sessions of a process. Default: one of its own per broadcast. */
  readonly cache?: Cache;
  /** Bound for what sessions hold beside the cache; share one over all sessions of a process. Default: one of its own. */
  readonly budget?: Budget;
  /** What the peer is taken for. Default: recognised from its SETUP; a client that knows its peer should say so. */
  readonly profile?: PeerProfile;
  /** Server: refuses a client by what its SETUP says. */
  readonly onSetup?: (peer: PeerInfo) => SetupRefusal | undefined;
  /** Refuses announcements of the peer. Default: all are accepted. */
  readonly onPublishNamespace?: AnnounceGate;
  /** Told every control message as it is sent and before a received one is handled, SETUP included: for logs. */
  readonly onMessage?: (direction: "sent" | "received", message: ControlMessage) => void;
  /** Called on every change of state, from `connecting` on. Also a slot of the session. */
  readonly onState?: (state: SessionState) => void;
}

/** How a session ended. */
export interface SessionEnd {
  /** `local`, `peer-application`, or the transport's word (`idle`, `reset`, ...). */
  readonly by: string;
  /** The code as sent, untranslated. */
  readonly code: bigint;
  /** The code's name in the negotiated version, where it has one and an application sent it. */
  readonly name: string | undefined;
  readonly reason: string;
  /** What made us close, or the transport's account of a failure. */
  readonly error: Error | undefined;
  /** It was closed on purpose with NO_ERROR, by either side. */
  readonly clean: boolean;
}

/** Options of `Session.drain`. */
export interface DrainOptions {
  /** How long what runs may go on, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number;
  /** Server only: where the client should connect next. Default: where it is connected now. */
  readonly newSessionUri?: string;
}

/** Options of `Session.close`. */
export interface CloseOptions {
  /** Session termination code. Default 0x0, NO_ERROR. */
  readonly code?: WireInteger;
  readonly reason?: string;
}

/** What this side and the negotiated version can do. */
export interface SessionFeatures {
  /** Objects can travel as datagrams now. */
  readonly datagrams: boolean;
  readonly fetch: boolean;
  readonly trackStatus: boolean;
  /** Publisher-initiated subscriptions (PUBLISH). */
  readonly publishTrack: boolean;
  /** GOAWAY can be sent to this peer. */
  readonly goaway: boolean;
}

/** Sizes of a session's tables. All are 0 after it closed. */
export interface SessionStats {
  /** Subscriptions of the peer's that are served. */
  readonly servedSubscriptions: number;
  /** Namespaces announced to the peer. */
  readonly publications: number;
  /** Prefixes the peer asked for. */
  readonly peerPrefixes: number;
  /** Subscriptions of ours. */
  readonly subscriptions: number;
  /** Namespaces the peer has announced. */
  readonly announcements: number;
  /** Prefixes we asked for. */
  readonly prefixes: number;
  /** Data streams of the peer's that are open. */
  readonly incomingStreams: number;
  /** Track aliases in use, remembered or waited for. */
  readonly trackAliases: number;
  /** Bytes held for subscriptions that are not known yet. */
  readonly earlyBytes: number;
  /** Requests of ours that wait for an answer or an id. */
  readonly pendingRequests: number;
  /** Requests of the peer's that are open. */
  readonly openRequests: number;
  /** Bytes of control messages that have not left. */
  readonly queuedControlBytes: number;
}
