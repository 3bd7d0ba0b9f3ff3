/** Hands messages to the carrier: no sooner than the window has room for them, with a ping behind some to measure it. */
import type { Carrier, CarrierTimer, CarrierTimers } from "./carrier.ts";
import { QmuxError } from "./error.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { Outbox } from "./outbox.ts";
import { SendWindow } from "./send-window.ts";
import type { FullSettings } from "./settings.ts";
import type { WireFeatures } from "./versions.ts";

/** Without pings nothing tells what has arrived: so much may wait in the platform's buffer. */
const unmeasuredBytes = 65_536;
/** How often a buffer that tells nothing is looked at, milliseconds. */
const bufferPollMs = 5;

/** What the sender asks of its connection. */
export interface SenderHost {
  readonly features: WireFeatures;
  /** Nothing is to be sent any more. */
  readonly over: boolean;
  /** The peer's parameters are here, or the wire has none. */
  readonly established: boolean;
  /** The peer is held back: nothing it sends is read. */
  readonly holding: boolean;
  /** Runs what may find fault with the peer. */
  attempt(work: () => void): void;
  /** The peer has been silent for too long. */
  silent(): void;
}

/** What a sender works with. */
export interface SenderParts {
  readonly carrier: Carrier;
  readonly timers: CarrierTimers;
  readonly outbox: Outbox;
  readonly settings: FullSettings;
}

/** The way out of one connection. */
export class Sender {
  readonly window = new SendWindow();
  sentMessages = 0;
  sentBytes = 0;
  readonly #host: SenderHost;
  readonly #carrier: Carrier;
  readonly #timers: CarrierTimers;
  readonly #outbox: Outbox;
  readonly #heartbeat: Heartbeat;
  /** The peer, or its WebSocket, answers pings. */
  readonly #canPing: boolean;
  #pumpDue = false;
  #pumping = false;
  #poll: CarrierTimer | undefined;
  #lastPing = -1n;
  #nextPing = 0n;

  constructor(host: SenderHost, { carrier, timers, outbox, settings }: SenderParts) {
    this.#host = host;
    this.#carrier = carrier;
    this.#timers = timers;
    this.#outbox = outbox;
    this.#canPing = carrier.ping !== undefined || host.features.datagrams;
    this.#heartbeat = new Heartbeat({
      timers,
      pingMs: settings.pingMs,
      deadAfterMs: settings.deadAfterMs,
      ask: this.#canPing ? () => this.#beat() : undefined,
      deaf: () => host.holding,
      dead: () => host.silent(),
    });
  }

  /** Hands over a message that waits for nothing. */
  hand(message: Uint8Array): void {
    this.sentMessages++;
    this.sentBytes += message.length;
    this.window.handed(message.length);
    this.#carrier.send(message);
  }

  /** Sends a ping if one is due to measure with. */
  probe(): void {
    if (!this.#canPing || !this.window.probeDue) return;
    const sequence = this.window.probe(this.#timers.now(), !this.#outbox.pending);
    if (this.#carrier.ping !== undefined) this.#carrier.ping(sequence);
    else this.#ask(sequence);
  }

  /** The outbox has something. Many calls make one pump, when the caller is done. */
  pumpSoon(): void {
    if (this.#pumpDue || this.#pumping || this.#host.over) return;
    this.#pumpDue = true;
    queueMicrotask(() => {
      this.#pumpDue = false;
      this.#pump();
    });
  }

  /** The peer shows that it lives. */
  heard(): void {
    this.#heartbeat.heard();
  }

  /** The peer's WebSocket answered a ping of the carrier's. */
  answered(sequence: number): void {
    if (this.#host.over) return;
    this.window.answered(sequence, this.#timers.now());
    this.probe(); // what left behind the last ping
    if (this.#outbox.pending) this.pumpSoon();
  }

  /** QX_PING came. Throws QmuxError. */
  takePing(sequence: bigint): void {
    if (this.#host.features.strict && sequence <= this.#lastPing) {
      throw new QmuxError("PROTOCOL_VIOLATION", `QX_PING ${sequence} came behind ${this.#lastPing}.`);
    }
    this.#lastPing = sequence;
    this.#outbox.pong(sequence);
  }

  /** The answer to a QX_PING came. Throws QmuxError. */
  takePong(sequence: bigint): void {
    if (this.#host.features.strict && sequence >= this.#nextPing) {
      throw new QmuxError("PROTOCOL_VIOLATION", `QX_PING ${sequence} was answered, and was never sent.`);
    }
    if (this.#carrier.ping === undefined) this.answered(Number(sequence));
  }

  stop(): void {
    this.#heartbeat.stop();
    this.#poll?.cancel();
  }

  get #room(): number {
    return this.#canPing ? this.window.room : unmeasuredBytes - this.#carrier.bufferedBytes;
  }

  #pump(): void {
    const host = this.#host;
    if (this.#pumping || host.over || !host.established) return;
    this.#pumping = true;
    this.#carrier.cork?.();
    try {
      host.attempt(() => {
        while (!host.over && this.#room > 0) {
          const message = this.#outbox.message();
          if (message === undefined || host.over) break;
          this.hand(message);
          this.probe();
        }
      });
    } finally {
      this.#pumping = false;
      this.#carrier.uncork?.();
    }
    for (const stream of this.#outbox.finished.splice(0)) stream.acknowledged();
    if (!this.#canPing && this.#outbox.pending) this.#pollSoon();
  }

  /** The interval's ping. In the drafts that have an idle time-out, it has to be a record of their own. */
  #beat(): void {
    const sequence = this.window.probe(this.#timers.now(), true);
    this.#carrier.ping?.(sequence);
    if (!this.#host.features.datagrams) return;
    this.#host.attempt(() => this.#ask(sequence));
    this.pumpSoon();
  }

  #ask(sequence: number): void {
    this.#nextPing = BigInt(sequence) + 1n;
    this.#outbox.ping(BigInt(sequence));
  }

  #pollSoon(): void {
    this.#poll ??= this.#timers.schedule(bufferPollMs, () => {
      this.#poll = undefined;
      this.#pump();
    });
  }
}
