/** What the parts of a session share: the wire, the connection, the tables of requests, and the one way to fail. */

import type { ControlMessage, Wire } from "@moqingbird/codec";
import type { Cache } from "@moqingbird/model";
import type { Account } from "./budget.ts";
import type { SessionError } from "./errors.ts";
import type { SessionLimits } from "./limits.ts";
import type { PeerProfile } from "./profile.ts";
import type { IncomingRequests, OutgoingRequests } from "./requests.ts";
import type { Timers } from "./timers.ts";
import type { Connection } from "./transport.ts";

export interface Core {
  readonly connection: Connection;
  readonly side: "client" | "server";
  readonly timers: Timers;
  readonly limits: SessionLimits;
  /** Where received groups are kept; undefined gives every broadcast a cache of its own. */
  readonly cache: Cache | undefined;
  /** Charged for what is held on behalf of the peer. */
  readonly account: Account;
  /** When the session began, on the clock of `timers`. */
  readonly startedAt: number;
  /** The negotiated version. Before SETUP is done: the first one we offer. */
  readonly wire: Wire;
  readonly profile: PeerProfile;
  readonly requests: OutgoingRequests;
  readonly incoming: IncomingRequests;
  /** The session is closed: nothing may be sent and nothing that arrives counts. */
  readonly over: boolean;
  /** We sent GOAWAY: the peer's new requests are refused. */
  readonly draining: boolean;
  /** Why a new request of ours cannot start; undefined when it can. */
  refusal(): SessionError | undefined;
  /** Queues a control message; closes the session when the peer does not read them. Nothing happens when over. */
  send(message: ControlMessage): void;
  /** Closes the session: with the draft's code for what the peer did wrong, INTERNAL_ERROR for what we did. */
  fail(error: unknown): void;
  /** Something that kept a draining session open has ended. */
  settled(): void;
}
