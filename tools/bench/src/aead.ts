/**
 * Packet encryption: seal and open a packet of 1200 bytes with a header of 20 in wasm, and the same with node:crypto, a cipher
 * object per packet as its interface wants it; then the engine's bulk transfer in memory with our AEAD and with ring's.
 */
import { createCipheriv, createDecipheriv, randomFillSync } from "node:crypto";
import { createAuthority } from "@moqingbird/testing";
import { aeadProbe } from "@moqingbird/wasm-build";
import { alone, type Figure, less } from "./figure.ts";
import { MemoryPair } from "./memory-pair.ts";
import { profileRun } from "./profile.ts";
import type { Settings } from "./settings.ts";
import { contender, minus, repeat, takeTurns } from "./slices.ts";

const headerBytes = 20;
const messageBytes = 1200;
const slicePackets = 200;
const enginePackets = 2000;

/** At least this many times faster than node:crypto's AEAD of the same name. */
const budget = 2.5;
const warmUp = 5 * slicePackets;

/** Runs all and returns the figures: microseconds per packet, and ratios as how many times faster than the peer. */
export async function aead({ seconds, rounds, profile }: Settings): Promise<Figure[]> {
  const seal = contender("seal", wasmSeal(), warmUp);
  const both = contender("seal and open", wasmSealAndOpen(), warmUp);
  const mask = contender("mask", wasmMask(), warmUp);
  const chachaSeal = contender("node:crypto chacha20-poly1305", nodeSeal("chacha20-poly1305", 32), warmUp);
  const chachaOpen = contender("node:crypto chacha20-poly1305", nodeOpen("chacha20-poly1305", 32), warmUp);
  const aesSeal = contender("node:crypto aes-128-gcm", nodeSeal("aes-128-gcm", 16), warmUp);
  const aesOpen = contender("node:crypto aes-128-gcm", nodeOpen("aes-128-gcm", 16), warmUp);
  const all = [seal, both, mask, chachaSeal, chachaOpen, aesSeal, aesOpen];
  takeTurns(all, slicePackets, seconds * rounds);
  const { values: open } = minus("open", both, seal);

  const leaf = await (await createAuthority()).issue(["localhost"]);
  const simd = contender("ours", transfer(new MemoryPair({ crypto: "simd", leaf })), enginePackets);
  const ring = contender(
    "the engine with ring's AEAD",
    transfer(new MemoryPair({ crypto: "ring", leaf })),
    enginePackets,
  );
  takeTurns([simd, ring], enginePackets, seconds * rounds);
  if (profile !== undefined)
    await profileRun(`${profile}/seal-and-open.cpuprofile`, () => repeat(both, slicePackets, seconds));

  const unit = "us/packet";
  return [
    less("aead-seal-1200", unit, seal.values, chachaSeal, budget),
    less("aead-open-1200", unit, open, chachaOpen, budget),
    less("aead-seal-1200-aes-128-gcm", unit, seal.values, aesSeal),
    less("aead-open-1200-aes-128-gcm", unit, open, aesOpen),
    alone("aead-header-mask", "us", mask.values),
    less("aead-engine-bulk", unit, simd.values, ring),
  ];
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
