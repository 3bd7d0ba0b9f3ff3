/**
 * The machine behind a session: SETUP, the control stream's rules, and the one end (moq-transport-14, section "Sessions").
 *
 *     connecting -> setup -> established -> draining -> closed
 *          \__________\____________\____________________/
 */

import { CodecError, type ControlMessage, errorByCode, type Wire } from "@moqingbird/codec";
import { type Account, Budget } from "./budget.ts";
import { closeCode, doneCode } from "./codes.ts";
import { ControlReceiver, ControlSender, controlSortKey } from "./control-stream.ts";
import type { Core } from "./core.ts";
import { Discovery } from "./discovery.ts";
import { dispatch, type Parts } from "./dispatch.ts";
import { SessionError, Violation } from "./errors.ts";
import { defaultSessionLimits, type SessionLimits } from "./limits.ts";
import {
  chooseVersion,
  chosenVersion,
  foreignVersions,
  noCommonVersion,
  saysNoCommonVersion,
  type Version,
  versionName,
  versionsFor,
} from "./negotiation.ts";
import type { DrainOptions, SessionEnd, SessionOptions, SessionState } from "./options.ts";
import { conformingPeer, type PeerProfile, recogniseProfile } from "./profile.ts";
import { Publisher } from "./publisher.ts";
import { call } from "./report.ts";
import { IncomingRequests, OutgoingRequests } from "./requests.ts";
import { misplaced, type PeerInfo, peerInfo } from "./setup.ts";
import { Subscriber } from "./subscriber.ts";
import { hostTimers, type Timer, type Timers } from "./timers.ts";
import type {
  CloseInfo,
  Connection,
  IncomingBidirectional,
  ReceiveSink,
  ReceiveStream,
  StreamDirection,
} from "./transport.ts";

/** After the last PUBLISH_DONE of a drained session, how long it may take to leave before the session closes. */
const lastWordsMs = 250;

/** "The maximum length of the New Session URI is 8,192 bytes" (section "GOAWAY"). */
const maxUriBytes = 8192;

/** A reason that travels in CONNECTION_CLOSE has to fit into a packet. */
const maxReasonLength = 500;

export class SessionCore implements Core, Parts {
  readonly connection: Connection;
  readonly side: "client" | "server";
  readonly timers: Timers;
  readonly limits: SessionLimits;
  readonly cache: SessionOptions["cache"];
  readonly account: Account;
  readonly startedAt: number;
  readonly requests: OutgoingRequests;
  readonly incoming: IncomingRequests;
  readonly publisher: Publisher;
  readonly subscriber: Subscriber;
  readonly discovery: Discovery;
  readonly closed: Promise<SessionEnd>;
  readonly goingAway: Promise<{ readonly newSessionUri: string }>;
  /** Settles when SETUP is done, or failed. */
  readonly ready: Promise<void>;
  onState: ((state: SessionState) => void) | undefined;
  onGoingAway: ((newSessionUri: string) => void) | undefined;

  readonly #options: SessionOptions;
  readonly #versions: readonly Version[];
  #version: Version;
  #negotiated = false;
  #profile: PeerProfile;
  #peer: PeerInfo | undefined;
  #state: SessionState = "connecting";
  #end: SessionEnd | undefined;
  #draining = false;
  #peerGoingAway = false;
  readonly #sender: ControlSender;
  readonly #receiver: ControlReceiver;
  #hasControl = false;
  #setupTimer: Timer | undefined;
  #drainTimer: Timer | undefined;
  #settleReady!: { resolve: () => void; reject: (error: Error) => void };
  #resolveClosed!: (end: SessionEnd) => void;
  #resolveGoingAway!: (goaway: { readonly newSessionUri: string }) => void;

  /** @throws SessionError `protocol-unknown` when the connection's protocol is none of ours. */
  constructor(connection: Connection, options: SessionOptions) {
    this.#versions = versionsFor(connection.protocol, options.versions);
    this.#version = this.#versions[0] as Version;
    this.connection = connection;
    this.side = connection.side;
    this.#options = options;
    this.timers = options.timers ?? hostTimers;
    this.limits = { ...defaultSessionLimits, ...options.limits };
    this.cache = options.cache;
    this.account = (options.budget ?? new Budget()).open();
    this.startedAt = this.timers.now();
    this.#profile = options.profile ?? conformingPeer;
    this.onState = options.onState;
    this.requests = new OutgoingRequests(this, this.side, this.limits);
    this.incoming = new IncomingRequests(this, this.side, this.limits.maxOpenRequests);
    this.publisher = new Publisher(this);
    this.subscriber = new Subscriber(this);
    this.discovery = new Discovery(
      this,
      (namespace) => this.subscriber.broadcast(namespace).consume(),
      options.onPublishNamespace,
    );
    this.#sender = new ControlSender(this.#controlOwner(), this.wire, this.account, this.limits);
    this.#receiver = new ControlReceiver(this.#controlOwner(), this.wire, this);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.goingAway = new Promise((resolve) => {
      this.#resolveGoingAway = resolve;
    });
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.ready.catch(() => {});
  }

  /** Takes the connection over and starts SETUP. */
  begin(): void {
    this.connection.handler = {
      stream: (stream, direction) => this.#stream(stream, direction),
      datagram: (bytes, start, end) => this.#datagram(bytes, start, end),
      closed: (info) => this.#connectionClosed(info),
    };
    const { setupTimeoutMs } = this.limits;
    this.#setupTimer = this.timers.schedule(setupTimeoutMs, () =>
      this.#closeWith(closeCode.controlMessageTimeout, new SessionError("setup-timeout", { ms: setupTimeoutMs })),
    );
    if (this.side === "client") this.#openControl();
  }

  get wire(): Wire {
    return this.#version.wire;
  }

  get version(): string {
    return this.#version.name;
  }

  get profile(): PeerProfile {
    return this.#profile;
  }

  get peer(): PeerInfo | undefined {
    return this.#peer;
  }

  get state(): SessionState {
    return this.#state;
  }

  get end(): SessionEnd | undefined {
    return this.#end;
  }

  get over(): boolean {
    return this.#end !== undefined;
  }

  get draining(): boolean {
    return this.#draining;
  }

  get queuedControlBytes(): number {
    return this.#sender.queuedBytes;
  }

  refusal(): SessionError | undefined {
    if (this.#end) return new SessionError("session-closed", { reason: this.#end.reason });
    if (this.#draining) return new SessionError("going-away", { side: this.side });
    if (this.#peerGoingAway) return new SessionError("going-away", { side: "peer" });
    return undefined;
  }

  send(message: ControlMessage): void {
    if (this.over) return;
    call(this.#options.onMessage, "sent", message);
    try {
      this.#sender.send(message);
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const detail = { cause: error };
    if (error instanceof Violation || (error instanceof CodecError && error.kind !== "caller")) {
      this.#closeWith(error.sessionCode, new SessionError("peer-violation", { reason }, detail), reason);
    } else {
      const code = error instanceof CodecError ? "option-invalid" : "internal-error";
      this.#closeWith(closeCode.internalError, new SessionError(code, { reason }, detail), reason);
    }
  }

  close(code: number | bigint, reason: string): void {
    this.#closeWith(code, undefined, reason);
  }

  drain(options: DrainOptions): void {
    if (this.over || this.#draining) return;
    const uriBytes = new TextEncoder().encode(options.newSessionUri ?? "").length;
    if (uriBytes > maxUriBytes) {
      const reason = `the new session URI has ${uriBytes} bytes; at most ${maxUriBytes} are allowed.`;
      throw new SessionError("option-invalid", { reason });
    }
    this.#draining = true;
    this.publisher.stopAnnouncing();
    this.requests.failAll(new SessionError("going-away", { side: this.side }), "waiting");
    // "If a server receives a GOAWAY with a non-zero New Session URI Length it MUST terminate the session."
    const newSessionUri = this.side === "server" ? (options.newSessionUri ?? "") : "";
    if (this.#profile.goaway && this.#negotiated) this.send({ type: "goaway", newSessionUri });
    this.#enter("draining");
    const timeoutMs = options.timeoutMs ?? 10_000;
    this.#drainTimer = this.timers.schedule(timeoutMs, () => this.#drainExpired(timeoutMs));
    this.settled();
  }

  settled(): void {
    if (!this.#draining || this.over) return;
    if (this.publisher.subscriptions > 0 || this.subscriber.subscriptions > 0) return;
    this.#drainTimer?.cancel();
    this.#drainTimer = this.timers.schedule(lastWordsMs, () => this.close(closeCode.noError, "Drained."));
  }

  goaway(newSessionUri: string): void {
    if (this.#peerGoingAway) throw new Violation(closeCode.protocolViolation, "The peer sent GOAWAY twice.");
    if (this.side === "server" && newSessionUri !== "") {
      throw new Violation(closeCode.protocolViolation, "The client sent GOAWAY with a new session URI.");
    }
    this.#peerGoingAway = true;
    this.requests.failAll(new SessionError("going-away", { side: "peer" }), "waiting");
    this.#resolveGoingAway({ newSessionUri });
    if (!this.#draining) this.#enter("draining");
    call(this.onGoingAway, newSessionUri);
  }

  // From the connection

  #stream(stream: ReceiveStream | IncomingBidirectional, direction: StreamDirection): ReceiveSink {
    if (this.over) return refusingSink(stream);
    if (direction === "unidirectional") return this.subscriber.stream(stream);
    if (this.side === "client" || this.#hasControl) {
      this.fail(
        new Violation(
          closeCode.protocolViolation,
          "The peer opened a bidirectional stream that is not the control stream.",
        ),
      );
      return refusingSink(stream);
    }
    this.#hasControl = true;
    const control = stream as IncomingBidirectional;
    control.setSource(this.#sender, controlSortKey);
    this.#sender.attach(control);
    this.#receiver.attach(control);
    this.#enter("setup");
    return this.#receiver;
  }

  #datagram(bytes: Uint8Array, start: number, end: number): void {
    if (this.over || !this.#negotiated) return;
    try {
      this.subscriber.datagram(bytes, start, end);
    } catch (error) {
      this.fail(error);
    }
  }

  #connectionClosed(info: CloseInfo): void {
    if (!this.#end) {
      const row = info.by === "peer-application" ? errorByCode(this.wire.errors.session, Number(info.code)) : undefined;
      const said =
        info.reason || info.error?.message || row?.name || `ended by ${info.by}, code 0x${info.code.toString(16)}`;
      const clean = info.by === "peer-application" && info.code === 0n;
      this.#finish({ by: info.by, code: info.code, name: row?.name, reason: said, error: info.error, clean });
    }
    this.#resolveClosed(this.#end as SessionEnd);
  }

  // SETUP

  #openControl(): void {
    this.#hasControl = true;
    const offered = this.#versions.map((version) => version.setupVersion);
    if (!this.#profile.maxRequestIdUpdates) this.incoming.withoutUpdates();
    const { path, authority } = this.#options;
    const stream = this.connection.openBidirectional(this.#sender, this.#receiver, controlSortKey);
    this.#sender.attach(stream);
    this.#receiver.attach(stream);
    this.send({
      type: "clientSetup",
      versions: offered,
      parameters: {
        maxRequestId: this.incoming.granted,
        ...(path !== undefined && { path }),
        ...(authority !== undefined && { authority }),
        ...this.#implementation(),
      },
    });
    this.#enter("setup");
  }

  #message(message: ControlMessage): void {
    call(this.#options.onMessage, "received", message);
    if (this.#negotiated) {
      dispatch(this, this, message);
    } else if (message.type === "clientSetup" && this.side === "server") {
      const version = chooseVersion(this.#versions, message);
      if (!version) {
        this.#closeWith(
          closeCode.versionNegotiationFailed,
          noCommonVersion(this.#versions, { numbers: message.versions }),
        );
        return;
      }
      const profile = this.#options.profile ?? recogniseProfile(message.parameters);
      const { requestPath } = this.#options;
      const peer = peerInfo(message.parameters, profile, requestPath);
      const misuse = requestPath === undefined ? undefined : misplaced(message.parameters);
      const refused = misuse ?? this.#options.onSetup?.(peer);
      if (refused) {
        this.#closeWith(refused.code, new SessionError("setup-refused", { reason: refused.reason }), refused.reason);
        return;
      }
      if (!profile.maxRequestIdUpdates) this.incoming.withoutUpdates();
      this.#use(version);
      this.send({
        type: "serverSetup",
        version: version.setupVersion,
        parameters: { maxRequestId: this.incoming.granted, ...this.#implementation() },
      });
      this.#establish(peer);
    } else if (message.type === "serverSetup" && this.side === "client") {
      const version = chosenVersion(this.#versions, message);
      if (!version) {
        this.#closeWith(
          closeCode.versionNegotiationFailed,
          noCommonVersion(this.#versions, { said: `it chose ${versionName(message.version)}, which was not offered` }),
        );
        return;
      }
      const profile = this.#options.profile ?? recogniseProfile(message.parameters);
      if (!profile.maxRequestIdUpdates) this.incoming.withoutUpdates();
      this.#use(version);
      this.#establish(peerInfo(message.parameters, profile));
    } else {
      throw new Violation(closeCode.protocolViolation, `The peer's first message is ${message.type}, not SETUP.`);
    }
  }

  #use(version: Version): void {
    this.#version = version;
    this.#sender.wire = version.wire;
    this.#receiver.useWire(version.wire);
  }

  #establish(peer: PeerInfo): void {
    this.#negotiated = true;
    this.#peer = peer;
    this.#profile = peer.profile;
    this.#setupTimer?.cancel();
    this.requests.tellsBlocked = peer.profile.requestsBlocked;
    this.#enter("established");
    this.#settleReady.resolve();
    this.requests.start(peer.maxRequestId);
  }

  #implementation(): { readonly implementation?: string } {
    const { implementation } = this.#options;
    return implementation === "" ? {} : { implementation: implementation ?? "moqingbird" };
  }

  #controlOwner() {
    const core = this;
    return {
      get over() {
        return core.over;
      },
      message: (message: ControlMessage) => core.#message(message),
      failed: (error: unknown) => core.#controlFailed(error),
    };
  }

  /** What does not read as SETUP may be that of a version we do not speak. */
  #controlFailed(error: unknown): void {
    const numbers = this.#negotiated ? undefined : foreignVersions(this.#receiver.firstBytes);
    if (numbers) this.#closeWith(closeCode.versionNegotiationFailed, noCommonVersion(this.#versions, { numbers }));
    else this.fail(error);
  }

  // The end

  #drainExpired(timeoutMs: number): void {
    this.publisher.endSubscriptions(doneCode.goingAway, "The session is going away.");
    this.subscriber.unsubscribeAll();
    this.#drainTimer?.cancel();
    this.#drainTimer = this.timers.schedule(lastWordsMs, () =>
      this.close(closeCode.goawayTimeout, `Something was still open ${timeoutMs} ms after GOAWAY.`),
    );
  }

  #closeWith(code: number | bigint, error: Error | undefined, reason: string = error?.message ?? ""): void {
    if (this.over) return;
    const wide = BigInt(code);
    const name = errorByCode(this.wire.errors.session, Number(wide))?.name;
    const clean = wide === 0n && error === undefined;
    this.#finish({ by: "local", code: wide, name, reason, error, clean }, () =>
      this.connection.close({ code, reason: reason.slice(0, maxReasonLength) }),
    );
  }

  #finish(end: SessionEnd, closeConnection?: () => void): void {
    this.#end = end;
    this.#setupTimer?.cancel();
    this.#drainTimer?.cancel();
    const error = new SessionError(
      "session-closed",
      { reason: end.reason || "closed" },
      end.error ? { cause: end.error } : {},
    );
    closeConnection?.();
    this.#settleReady.reject(this.#setupError(end));
    this.requests.failAll(error);
    this.subscriber.dispose(error, end.clean);
    this.publisher.dispose(error);
    this.discovery.dispose();
    this.#receiver.stop();
    this.account.close();
    this.#enter("closed");
  }

  /** Why `connect` or `accept` fails. */
  #setupError(end: SessionEnd): Error {
    if (end.by === "local" && end.error) return end.error;
    if (saysNoCommonVersion(end.code) && end.by === "peer-application") {
      return noCommonVersion(this.#versions, { said: end.reason });
    }
    return new SessionError("setup-refused", { reason: end.reason }, end.error ? { cause: end.error } : {});
  }

  #enter(state: SessionState): void {
    if (this.#state === state) return;
    this.#state = state;
    call(this.onState, state);
  }
}

/** For a stream that nobody wants. */
function refusingSink(stream: ReceiveStream): ReceiveSink {
  stream.stop(closeCode.noError);
  return { data() {}, finished() {}, reset() {} };
}
