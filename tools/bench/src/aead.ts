/**
 * Packet encryption: seal and open a packet of 1200 bytes with a header of 20 in wasm, ChaCha20-Poly1305 and AES-128-GCM, and the
 * same with node:crypto, a cipher object per packet as its interface wants it, and with ring as it compiles for wasm; then the
 * engine's bulk transfer in memory with our ChaCha20-Poly1305 and with ring's.
 */
import { createCipheriv, createDecipheriv, randomFillSync } from "node:crypto";
import { createAuthority } from "@moqingbird/testing";
import { aeadProbe, type ProbeCipher } from "@moqingbird/wasm-build";
import { alone, type Figure, less } from "./figure.ts";
import { MemoryPair } from "./memory-pair.ts";
import { profileRun } from "./profile.ts";
import type { Settings } from "./settings.ts";
import { contender, minus, repeat, takeTurns } from "./slices.ts";

const headerBytes = 20;
const messageBytes = 1200;
const slicePackets = 200;
const enginePackets = 2000;

/** ChaCha20-Poly1305 is at least this many times faster than node:crypto's. */
const budget = 2.5;
/** AES-128-GCM is at least this many times faster than ring's. */
const aesBudget = 3;
const warmUp = 5 * slicePackets;

/** Runs all and returns the figures: microseconds per packet, and ratios as how many times faster than the peer. */
export async function aead({ seconds, rounds, profile }: Settings): Promise<Figure[]> {
  const chacha = inWasm("chacha20-poly1305");
  const aes = inWasm("aes-128-gcm");
  const ringAes = inWasm("ring aes-128-gcm");
  const nodeChacha = inNode("chacha20-poly1305", 32);
  const nodeAes = inNode("aes-128-gcm", 16);
  takeTurns(
    [chacha, aes, ringAes, nodeChacha, nodeAes].flatMap((implementation) => Object.values(implementation)),
    slicePackets,
    seconds * rounds,
  );

  const leaf = await (await createAuthority()).issue(["localhost"]);
  const simd = contender("ours", transfer(new MemoryPair({ crypto: "simd", leaf })), enginePackets);
  const ring = contender("the engine with ring's", transfer(new MemoryPair({ crypto: "ring", leaf })), enginePackets);
  takeTurns([simd, ring], enginePackets, seconds * rounds);
  if (profile !== undefined) {
    await profileRun(`${profile}/seal-and-open.cpuprofile`, () => repeat(chacha.both, slicePackets, seconds));
    await profileRun(`${profile}/seal-and-open-aes.cpuprofile`, () => repeat(aes.both, slicePackets, seconds));
  }

  const unit = "us/packet";
  return [
    less("aead-seal-1200", unit, chacha.seal.values, nodeChacha.seal, budget),
    less("aead-open-1200", unit, opened(chacha), nodeChacha.open, budget),
    alone("aead-header-mask", "us", chacha.mask.values),
    less("aead-aes-128-gcm-seal-1200", unit, aes.seal.values, nodeAes.seal),
    less("aead-aes-128-gcm-open-1200", unit, opened(aes), nodeAes.open),
    less("aead-aes-128-gcm-seal-1200-ring", unit, aes.seal.values, ringAes.seal, aesBudget),
    less("aead-aes-128-gcm-open-1200-ring", unit, opened(aes), { ...ringAes.both, values: opened(ringAes) }, aesBudget),
    less("aead-aes-128-header-mask", "us", aes.mask.values, ringAes.mask),
    less("aead-engine-bulk", unit, simd.values, ring),
  ];
}

/** A cipher of the probe, with names for figures. */
function inWasm(cipher: ProbeCipher) {
  const name = cipher.startsWith("ring") ? "ring's in wasm" : cipher;
  return {
    seal: contender(name, wasmSeal(cipher), warmUp),
    both: contender(name, wasmSealAndOpen(cipher), warmUp),
    mask: contender(name, wasmMask(cipher), warmUp),
  };
}

/** Opening alone: what is opened has to be sealed first. */
function opened({ both, seal }: ReturnType<typeof inWasm>): readonly number[] {
  return minus("open", both, seal).values;
}

function inNode(name: Name, keyBytes: number) {
  return {
    seal: contender(`node:crypto ${name}`, nodeSeal(name, keyBytes), warmUp),
    open: contender(`node:crypto ${name}`, nodeOpen(name, keyBytes), warmUp),
  };
}

function filledProbe(cipher: ProbeCipher) {
  const probe = aeadProbe(cipher);
  randomFillSync(probe.key);
  probe.useKey();
  randomFillSync(probe.nonce);
  randomFillSync(probe.body);
  return probe;
}

function wasmSeal(cipher: ProbeCipher) {
  const probe = filledProbe(cipher);
  return (packets: number) => {
    for (let i = 0; i < packets; i++) probe.seal(headerBytes, messageBytes);
  };
}

function wasmSealAndOpen(cipher: ProbeCipher) {
  const probe = filledProbe(cipher);
  return (packets: number) => {
    for (let i = 0; i < packets; i++) {
      probe.seal(headerBytes, messageBytes);
      if (!probe.open(headerBytes, messageBytes)) throw new Error("a packet just sealed does not open");
    }
  };
}

function wasmMask(cipher: ProbeCipher) {
  const probe = filledProbe(cipher);
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
