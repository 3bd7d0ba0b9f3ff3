/**
 * Packet encryption: seal and open a packet of 1200 bytes with a header of 20 in wasm, and the same with node:crypto, a cipher
 * object per packet as its interface wants it; then the engine's bulk transfer in memory with our AEAD and with ring's.
 *
 * All are run in turn, in slices short enough to fall between other processes' time slices, and the median slice counts: what
 * else the machine does then meets all of them alike.
 */
import { createCipheriv, createDecipheriv, randomFillSync } from "node:crypto";
import { createAuthority } from "@moqingbird/testing";
import { aeadProbe } from "@moqingbird/wasm-build";
import { alone, compared, type Figure } from "./figure.ts";
import { MemoryPair } from "./memory-pair.ts";

const headerBytes = 20;
const messageBytes = 1200;
const slicePackets = 200;

/** At least this many times faster than node:crypto's AEAD of the same name. */
const budget = 2.5;

interface Contender {
  /** Handles this many packets. */
  readonly run: (packets: number) => void;
  /** Microseconds per packet of each slice. */
  readonly slices: number[];
}

function contender(run: (packets: number) => void): Contender {
  run(5 * slicePackets); // compiled before it is measured
  return { run, slices: [] };
}

function measure(contenders: readonly Contender[], packets: number, seconds: number): void {
  const end = performance.now() + seconds * 1000;
  do {
    for (const { run, slices } of contenders) {
      const start = performance.now();
      run(packets);
      slices.push(((performance.now() - start) * 1000) / packets);
    }
  } while (performance.now() < end);
}

function median({ slices }: Contender): number {
  const sorted = slices.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Runs all and returns the figures: microseconds per packet, and ratios as how many times faster than the peer. */
export async function aead(seconds: number): Promise<Figure[]> {
  const seal = contender(wasmSeal());
  const both = contender(wasmSealAndOpen());
  const mask = contender(wasmMask());
  const chachaSeal = contender(nodeSeal("chacha20-poly1305", 32));
  const chachaOpen = contender(nodeOpen("chacha20-poly1305", 32));
  const aesSeal = contender(nodeSeal("aes-128-gcm", 16));
  const aesOpen = contender(nodeOpen("aes-128-gcm", 16));
  measure([seal, both, mask, chachaSeal, chachaOpen, aesSeal, aesOpen], slicePackets, seconds);
  const open = median(both) - median(seal);

  const leaf = await (await createAuthority()).issue(["localhost"]);
  const simd = contender(transfer(new MemoryPair("simd", leaf)));
  const ring = contender(transfer(new MemoryPair("ring", leaf)));
  measure([simd, ring], 2000, seconds);

  const times = (name: string, micros: number, peer: string, peerMicros: number, wanted: number | null = null) =>
    faster(name, micros, { name: peer, value: peerMicros }, wanted);
  return [
    times("aead-seal-1200", median(seal), "node:crypto chacha20-poly1305", median(chachaSeal), budget),
    times("aead-open-1200", open, "node:crypto chacha20-poly1305", median(chachaOpen), budget),
    times("aead-seal-1200-aes-128-gcm", median(seal), "node:crypto aes-128-gcm", median(aesSeal)),
    times("aead-open-1200-aes-128-gcm", open, "node:crypto aes-128-gcm", median(aesOpen)),
    alone("aead-header-mask", median(mask), "us"),
    times("aead-engine-bulk", median(simd), "the engine with ring's AEAD", median(ring)),
  ];
}

/** A duration beside a peer's, whose ratio is peer / ours: how many times faster we are. */
function faster(
  name: string,
  micros: number,
  peer: { readonly name: string; readonly value: number },
  wanted: number | null,
): Figure {
  const figure = compared(name, micros, "us/packet", peer);
  const ratio = micros > 0 ? peer.value / micros : null;
  return { ...figure, ratio, budget: wanted, ok: wanted === null || (ratio !== null && ratio >= wanted) };
}

function filledProbe() {
  const probe = aeadProbe();
  randomFillSync(probe.key);
  randomFillSync(probe.nonce);
  randomFillSync(probe.body);
  return probe;
}

function wasmSeal() {
  const probe = filledProbe();
  return (packets: number) => {
    for (let i = 0; i < packets; i++) probe.seal(headerBytes, messageBytes);
  };
}

function wasmSealAndOpen() {
  const probe = filledProbe();
  return (packets: number) => {
    for (let i = 0; i < packets; i++) {
      probe.seal(headerBytes, messageBytes);
      if (!probe.open(headerBytes, messageBytes)) throw new Error("a packet just sealed does not open");
    }
  };
}

function wasmMask() {
  const probe = filledProbe();
  return (packets: number) => {
    for (let i = 0; i < packets; i++) probe.mask();
  };
}

type Name = "chacha20-poly1305" | "aes-128-gcm";

/** Types differ by the cipher's name, behaviour does not: both take the header and the tag alike. */
const nodeName = (name: Name) => name as "chacha20-poly1305";

function nodeInput(keyBytes: number) {
  return {
    key: randomFillSync(new Uint8Array(keyBytes)),
    nonce: randomFillSync(new Uint8Array(12)),
    header: randomFillSync(new Uint8Array(headerBytes)),
    message: randomFillSync(new Uint8Array(messageBytes)),
  };
}

function nodeSeal(name: Name, keyBytes: number) {
  const { key, nonce, header, message } = nodeInput(keyBytes);
  return (packets: number) => {
    for (let i = 0; i < packets; i++) {
      const cipher = createCipheriv(nodeName(name), key, nonce, { authTagLength: 16 });
      cipher.setAAD(header, { plaintextLength: messageBytes });
      cipher.update(message);
      cipher.final();
      cipher.getAuthTag();
    }
  };
}

function nodeOpen(name: Name, keyBytes: number) {
  const { key, nonce, header, message } = nodeInput(keyBytes);
  const cipher = createCipheriv(nodeName(name), key, nonce, { authTagLength: 16 });
  cipher.setAAD(header, { plaintextLength: messageBytes });
  const sealed = cipher.update(message);
  cipher.final();
  const tag = cipher.getAuthTag();
  return (packets: number) => {
    for (let i = 0; i < packets; i++) {
      const decipher = createDecipheriv(nodeName(name), key, nonce, { authTagLength: 16 });
      decipher.setAAD(header, { plaintextLength: messageBytes });
      decipher.setAuthTag(tag);
      decipher.update(sealed);
      decipher.final();
    }
  };
}

function transfer(pair: MemoryPair) {
  return (packets: number) => pair.transfer(packets);
}
