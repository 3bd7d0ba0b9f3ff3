/** Two QMux connections over a link in virtual time that behaves like TCP with a buffer nobody sees the end of. */
import { VirtualClock } from "@moqingbird/testing";
import type { CloseInfo } from "../../src/connection.ts";
import type { Carrier } from "../../src/qmux/carrier.ts";
import { type Frame, FrameReader } from "../../src/qmux/frames.ts";
import { QmuxConnection } from "../../src/qmux/qmux-connection.ts";
import type { QmuxSettings } from "../../src/qmux/settings.ts";
import { parseSubprotocol, type WireVersion } from "../../src/qmux/versions.ts";

export interface LinkOptions {
  readonly version?: WireVersion;
  /** One way, milliseconds. */
  readonly delayMs?: number;
  /** Bytes per millisecond. */
  readonly rate?: number;
  /** The platform has pings of its own. Default true. */
  readonly pings?: boolean;
  readonly settings?: QmuxSettings;
}

/** One direction, and the end it starts from. */
export class LinkEnd implements Carrier {
  readonly remoteAddress = { address: "192.0.2.1", port: 443 };
  readonly localAddress = { address: "192.0.2.2", port: 50_000 };
  readonly ping?: (sequence: number) => void;
  /** Messages handed over, oldest first. */
  readonly messages: Uint8Array[] = [];
  /** Bytes handed over that have not left the bottleneck. */
  bufferedBytes = 0;
  mostBuffered = 0;
  pings = 0;
  paused = false;
  closed = false;
  /** Nothing gets through any more. */
  dead = false;
  peer!: LinkEnd;
  connection!: QmuxConnection;
  readonly #clock: VirtualClock;
  readonly #delayMs: number;
  rate: number;
  #busyUntil = 0;

  constructor(clock: VirtualClock, { delayMs = 0, rate = Number.POSITIVE_INFINITY, pings = true }: LinkOptions) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.rate = rate;
    if (pings) {
      this.ping = (sequence) => {
        this.pings++;
        this.#carry(8, () => this.peer.#carry(8, () => this.connection.pong(sequence)));
      };
    }
  }

  send(message: Uint8Array): void {
    this.messages.push(message);
    this.#carry(message.length, () => this.peer.connection.received(message));
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#carry(0, () => this.peer.connection.carrierClosed(true, ""));
  }

  abort(): void {
    this.dead = true;
  }

  #carry(bytes: number, arrive: () => void): void {
    this.bufferedBytes += bytes;
    this.mostBuffered = Math.max(this.mostBuffered, this.bufferedBytes);
    this.#busyUntil = Math.max(this.#busyUntil, this.#clock.now()) + bytes / this.rate;
    this.#clock.schedule(this.#busyUntil - this.#clock.now(), () => {
      this.bufferedBytes -= bytes;
      this.#clock.schedule(this.#delayMs, () => {
        if (!this.dead && !this.peer.dead) arrive();
      });
    });
  }
}

export interface LinkedPair {
  readonly clock: VirtualClock;
  readonly client: QmuxConnection;
  readonly server: QmuxConnection;
  readonly up: LinkEnd;
  readonly down: LinkEnd;
  readonly faults: Error[];
}

/** Joins a client and a server. */
export function linked(options: LinkOptions = {}): LinkedPair {
  const { version = "qmux-02", settings } = options;
  const clock = new VirtualClock();
  const up = new LinkEnd(clock, options);
  const down = new LinkEnd(clock, options);
  up.peer = down;
  down.peer = up;
  const faults: Error[] = [];
  const end = (side: "client" | "server", carrier: LinkEnd): QmuxConnection => {
    const subprotocol = parseSubprotocol(version === "webtransport" ? version : `${version}.test`);
    if (subprotocol === undefined) throw new Error(`no such version: ${version}`);
    carrier.connection = new QmuxConnection({
      side,
      subprotocol,
      carrier,
      timers: clock,
      peerName: "the peer",
      serverName: "",
      settings,
      onFault: (error) => faults.push(error),
    });
    return carrier.connection;
  };
  return { clock, up, down, faults, client: end("client", up), server: end("server", down) };
}

/** What a connection ended with, so far. */
export function endOf(connection: QmuxConnection): { info: CloseInfo | undefined } {
  const end: { info: CloseInfo | undefined } = { info: undefined };
  void connection.closed.then((info) => {
    end.info = info;
  });
  return end;
}

/** All frames of some messages. */
export function framesOf(messages: readonly Uint8Array[], version: WireVersion = "qmux-02"): Frame[] {
  return messages.flatMap((message) => {
    const reader = new FrameReader(message, version);
    const frames: Frame[] = [];
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
    return frames;
  });
}
