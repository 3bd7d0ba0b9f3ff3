/** Our sender. Bytes are made just in time, copied from a block as a real sender copies its payload. */
import {
  type Connection,
  connect,
  parseFingerprint,
  type SendSource,
  type SendStream,
  WebTransport,
} from "@moqingbird/transport";
import type { SenderParameters } from "./load.ts";
import { chunkBytes, datagramBytes, idleTimeoutMs, type Load, objectBytes, objectWindow, protocol } from "./load.ts";
import { obey, parameters, type Totals } from "./obey.ts";

const { load, port, root, sha256, over = "quic" } = parameters<SenderParameters>();
const block = new Uint8Array(chunkBytes).map((_, index) => index * 31);

/** One load on one connection. */
interface Sending {
  units: number;
  bytes: number;
  /** Resolves when everything given away has been acknowledged or dropped. */
  stop(): Promise<void>;
}

/** One endless stream. */
class Bulk implements SendSource, Sending {
  #at = 0;
  #onAcked: () => void = () => {};
  readonly #stream: SendStream;
  pending = true;
  finished = false;
  units = 0;
  bytes = 0;

  constructor(connection: Connection) {
    this.#stream = connection.openUnidirectional(this);
    this.#stream.activate();
  }

  pull(target: Uint8Array, offset: number, max: number): number {
    const count = Math.min(max, block.length - this.#at);
    target.set(block.subarray(this.#at, this.#at + count), offset);
    this.#at = (this.#at + count) % block.length;
    this.bytes += count;
    return count;
  }

  acked(): void {
    this.#onAcked();
  }

  stop(): Promise<void> {
    this.pending = false;
    this.finished = true;
    this.#stream.activate();
    return new Promise((resolve) => {
      this.#onAcked = resolve;
    });
  }
}

/** Objects of one stream each, so many under way: where one is acknowledged, the next begins. */
class Objects implements Sending {
  readonly #connection: Connection;
  #open = 0;
  #onEmpty: (() => void) | undefined;
  units = 0;
  bytes = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
    for (let i = 0; i < objectWindow; i++) this.next();
  }

  next(): void {
    this.#open++;
    this.#connection.openUnidirectional(new ObjectSource(this)).activate();
  }

  acked(): void {
    this.units++;
    this.bytes += objectBytes;
    this.#open--;
    if (this.#onEmpty === undefined) this.next();
    else if (this.#open === 0) this.#onEmpty();
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }
}

class ObjectSource implements SendSource {
  readonly #owner: Objects;
  #left = objectBytes;

  constructor(owner: Objects) {
    this.#owner = owner;
  }

  get pending(): boolean {
    return this.#left > 0;
  }

  get finished(): boolean {
    return this.#left === 0;
  }

  pull(target: Uint8Array, offset: number, max: number): number {
    const count = Math.min(max, this.#left);
    target.set(block.subarray(0, count), offset);
    this.#left -= count;
    return count;
  }

  acked(): void {
    this.#owner.acked();
  }
}

/** Keeps the queue of datagrams a quarter to a half full; congestion control empties it. */
class Datagrams implements Sending {
  readonly #connection: Connection;
  readonly #payload = block.subarray(0, datagramBytes);
  #running = true;
  units = 0;
  bytes = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
    void this.#fill();
  }

  async #fill(): Promise<void> {
    while (this.#running) {
      do {
        this.#connection.sendDatagram(this.#payload);
        this.units++;
        this.bytes += datagramBytes;
      } while (this.#connection.queuedDatagrams < 128);
      await this.#connection.datagramRoom(64);
    }
  }

  stop(): Promise<void> {
    this.#running = false;
    return this.#connection.datagramRoom(1);
  }
}

const loads: Record<Load, new (connection: Connection) => Sending> = {
  bulk: Bulk,
  objects: Objects,
  datagrams: Datagrams,
};

const connection = over === "quic" ? await overQuic() : await overWebTransport();
connection.handler = {};
const sending = new loads[load](connection);

function totals(): Totals {
  const { sentPackets: packets, lostPackets, mtu } = connection.stats();
  return { units: sending.units, bytes: sending.bytes, packets, lostPackets, mtu };
}

obey({ totals, stop: () => sending.stop() });

function overQuic(): Promise<Connection> {
  const trust = { roots: [root] };
  return connect({ host: "127.0.0.1", port, alpn: [protocol], trust, transport: { idleTimeoutMs } });
}

async function overWebTransport(): Promise<Connection> {
  const serverCertificateHashes = [{ algorithm: "sha-256", value: parseFingerprint(sha256) }];
  const session = new WebTransport(`https://127.0.0.1:${port}/`, { serverCertificateHashes });
  await session.ready;
  return session.connection as Connection;
}
