/** The sending side of `bulk`: one stream, bytes made just in time, for a number of seconds after a warm-up. */
import { connect, type SendSource, type SendStream } from "@moqingbird/transport";
import { parameters, Stopwatch } from "./child.ts";

const { port, sha256, seconds } = parameters<{ port: number; sha256: string; seconds: number }>();
const warmUpMs = 500;

/** Copies a block of text into every packet, as a real sender copies its payload. */
class Bulk implements SendSource {
  readonly #block = new Uint8Array(64 * 1024).map((_, index) => index * 31);
  #at = 0;
  pending = true;
  finished = false;
  sentBytes = 0;
  onAcked: () => void = () => {};

  pull(target: Uint8Array, offset: number, max: number): number {
    const count = Math.min(max, this.#block.length - this.#at);
    target.set(this.#block.subarray(this.#at, this.#at + count), offset);
    this.#at = (this.#at + count) % this.#block.length;
    this.sentBytes += count;
    return count;
  }

  acked(): void {
    this.onAcked();
  }

  end(stream: SendStream): void {
    this.pending = false;
    this.finished = true;
    stream.activate();
  }
}

const connection = await connect({
  host: "127.0.0.1",
  port,
  alpn: ["bulk"],
  trust: { sha256: [Uint8Array.from(Buffer.from(sha256, "hex"))] },
});
connection.handler = {};
const source = new Bulk();
const stream = connection.openUnidirectional(source, [1, 0, 0, 0]);
stream.activate();

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
await wait(warmUpMs);
const before = { packets: connection.stats().sentPackets, bytes: source.sentBytes };
const watch = new Stopwatch();
await wait(seconds * 1000);
const stats = connection.stats();
const measured = {
  packets: stats.sentPackets - before.packets,
  bytes: source.sentBytes - before.bytes,
  lostPackets: stats.lostPackets,
  rttMicros: stats.rttMicros,
  mtu: stats.mtu,
  ...watch.read(),
};
await new Promise<void>((resolve) => {
  source.onAcked = resolve;
  source.end(stream);
});
process.send?.({ ...measured, sentBytes: source.sentBytes });
