/** Turns option objects into the flat numbers and bytes the set-up calls take, and their statuses into errors. */
import { randomFillSync } from "node:crypto";
import { EngineError } from "./errors.ts";
import type {
  Congestion,
  ConnectionBytes,
  ConnectionStats,
  Crypto,
  EarlyData,
  EndpointOptions,
  EngineClock,
  EngineKeys,
  EngineOptions,
  ServerConfigOptions,
  TransportOptions,
  Trust,
} from "./options.ts";

const utf8 = new TextEncoder();

/** The clocks of the process. */
export const systemClock: EngineClock = {
  micros: () => Math.floor(performance.now() * 1000),
  wallMillis: () => Date.now(),
};

/** The entropy of the process. */
export function systemEntropy(target: Uint8Array): void {
  randomFillSync(target);
}

/** PEM text or bytes as bytes. */
function configBytes(source: Uint8Array | string): Uint8Array {
  return typeof source === "string" ? utf8.encode(source) : source;
}

/** Names, chain and key of each, one after the other; of the one for all other names these are empty. */
export function encodedCertificates(options: ServerConfigOptions): Uint8Array {
  const { certificateChain, privateKey, named = [] } = options;
  const all = [{ names: [], certificateChain, privateKey }, ...named];
  return concatenated(
    all.flatMap((one) => [
      ...withLength(utf8.encode(one.names.join(","))),
      ...withLength(configBytes(one.certificateChain)),
      ...withLength(configBytes(one.privateKey)),
    ]),
  );
}

/** A byte string behind its length (u32, big endian). */
function withLength(bytes: Uint8Array): [Uint8Array, Uint8Array] {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return [length, bytes];
}

/** One array of the pieces. */
export function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** RFC 7301 protocol name list: each name behind its length byte. */
export function encodedAlpn(names: readonly string[]): Uint8Array {
  if (names.length === 0) throw new EngineError("option-invalid", "alpn names no protocol; QUIC needs at least one.");
  return concatenated(
    names.map((name) => {
      const bytes = utf8.encode(name);
      if (bytes.length === 0 || bytes.length > 255) {
        throw new EngineError("option-invalid", `the ALPN protocol "${name}" must have 1 to 255 bytes.`);
      }
      return concatenated([Uint8Array.of(bytes.length), bytes]);
    }),
  );
}

/** The kind and its material: roots as PEM or DER one after the other (a newline between), hashes of 32 bytes each. */
export function encodedTrust(trust: Trust): { kind: number; material: Uint8Array[] } {
  if (trust === "none") return { kind: 0, material: [] };
  if ("sha256" in trust) {
    for (const hash of trust.sha256) {
      if (hash.length !== 32) {
        throw new EngineError(
          "option-invalid",
          `a SHA-256 certificate hash has ${hash.length} bytes; it must have 32.`,
        );
      }
    }
    return { kind: 1, material: [...trust.sha256] };
  }
  // Each root behind its length, so that PEM and DER may be mixed.
  return {
    kind: 2,
    material: trust.roots.flatMap((root) => withLength(configBytes(root))),
  };
}

const congestions: readonly Congestion[] = ["cubic", "newreno", "bbr"];

/** Name, default, lowest and highest value; the order is that of `TransportSettings` in wasm/crates/quic. */
const transportFields = [
  ["idleTimeoutMs", 10_000, 0, 2 ** 31],
  ["keepAliveMs", 4_000, 0, 2 ** 31],
  ["handshakeTimeoutMs", 10_000, 1, 2 ** 31],
  ["streamReceiveWindow", 1 << 20, 1, 2 ** 31],
  ["connectionReceiveWindow", 4 << 20, 1, 2 ** 31],
  ["sendWindow", 8 << 20, 1, 2 ** 31],
  ["maxUniStreams", 128, 0, 1 << 20],
  ["maxBidiStreams", 32, 0, 1 << 20],
  ["streamCreditBytes", 256 << 10, 1, 2 ** 31],
  ["initialMtu", 1200, 1200, 2048],
  ["maxMtu", 1452, 1200, 2048],
  ["datagramReceiveBytes", 256 << 10, 0, 1 << 28],
  ["datagramQueue", 256, 1, 1 << 16],
  ["initialRttMs", 100, 1, 60_000],
  ["ackEveryPackets", 8, 0, 1000],
] as const;

/** Every transport option as a number, in the order of `transportFields`, and the congestion controller's index last. */
export function encodedTransport(options: TransportOptions = {}): Float64Array {
  const numbers = transportFields.map(([name, byDefault, low, high]) => {
    const value = options[name] ?? byDefault;
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new EngineError("option-invalid", `${name} is ${value}; it must be an integer from ${low} to ${high}.`);
    }
    return value;
  });
  const congestion = congestions.indexOf(options.congestion ?? "cubic");
  if (congestion < 0) {
    throw new EngineError("option-invalid", `congestion "${options.congestion}" is none of ${congestions.join(", ")}.`);
  }
  return Float64Array.of(...numbers, congestion);
}

/** The engine's limits, in the order `start` takes them. */
export function encodedLimits({ maxConnections = 4096, maxPeers = 16_384, memoryBytes }: EngineOptions): Uint32Array {
  return Uint32Array.of(maxConnections, maxPeers, checkedMemory(memoryBytes));
}

/** An endpoint's limits, in the order `open_endpoint` takes them; 0 where the engine knows the default. */
export function encodedEndpointLimits(options: EndpointOptions): Uint32Array {
  const limits = [
    ["maxHandshakes", 1024],
    ["maxConnections", 0],
    ["maxHandshakesPerAddress", 0],
    ["maxConnectionsPerAddress", 0],
  ] as const;
  return Uint32Array.from(limits, ([name, byDefault]) => {
    const value = options[name];
    if (value === undefined) return byDefault;
    if (Number.isInteger(value) && value >= 1 && value < 2 ** 32) return value;
    throw new EngineError("option-invalid", `${name} is ${value}; it must be an integer from 1 to ${2 ** 32 - 1}.`);
  });
}

const mostMemoryBytes = 256 * 1024 * 1024;
const leastMemoryBytes = 16 * 1024 * 1024;

/** A budget the engine can keep to. */
export function checkedMemory(bytes = mostMemoryBytes): number {
  if (Number.isInteger(bytes) && bytes >= leastMemoryBytes && bytes <= mostMemoryBytes) return bytes;
  throw new EngineError(
    "option-invalid",
    `memoryBytes is ${bytes}; it must be an integer from ${leastMemoryBytes} to ${mostMemoryBytes}.`,
  );
}

/** What a connection costs before a byte is sent or received, its handshake included. */
const idleConnectionBytes = 48 * 1024;
/** A stream's entries, here and in the state machine. */
const streamBytes = 512;
/** Frames that may wait for earlier ones: on a connection at least, for each so many bytes of its window, and on a stream. */
const waitingFrames = { least: 32 * 1024, windowBytes: 512, ofStream: 2048 };
/** An entry of such a frame, in a table that may be half empty. */
const frameBytes = 2 * 56;

/**
 * What one connection with these options makes the engine hold: at rest, and at most, which are its windows with what the
 * bookkeeping of packets costs, the datagrams that wait both ways, the streams a peer may open and the gaps it may leave in
 * them. Streams this side opens cost 512 bytes each on top. Throws option-invalid.
 */
export function connectionBytes(transport: TransportOptions = {}): ConnectionBytes {
  encodedTransport(transport); // checks them
  const option = (name: (typeof transportFields)[number][0]): number =>
    transport[name] ?? (transportFields.find(([field]) => field === name) as (typeof transportFields)[number])[1];
  const window = option("connectionReceiveWindow");
  // Half as much again: packets that wait keep their headers, sent ones an entry until they are acknowledged.
  const windows = (option("sendWindow") + window) * 1.5;
  const datagrams = option("datagramReceiveBytes") + option("datagramQueue") * (option("maxMtu") + 100);
  const streams = option("maxUniStreams") + option("maxBidiStreams");
  const frames = Math.max(waitingFrames.least, window / waitingFrames.windowBytes);
  const gaps = Math.min(frames, streams * waitingFrames.ofStream) * frameBytes;
  const atMost = idleConnectionBytes + windows + datagrams + streams * streamBytes + gaps;
  return { atRest: idleConnectionBytes, atMost: Math.ceil(atMost) };
}

const cryptos: readonly Crypto[] = ["simd", "ring"];

/** The number `start` takes. */
export function encodedCrypto(crypto: Crypto = "simd"): number {
  const index = cryptos.indexOf(crypto);
  if (index < 0) throw new EngineError("option-invalid", `crypto "${crypto}" is none of ${cryptos.join(", ")}.`);
  return index;
}

const keyBytes = 32;

/** The keys one after the other; empty for none. */
export function encodedKeys(keys: EngineKeys | undefined): Uint8Array {
  if (keys === undefined) return new Uint8Array(0);
  for (const name of ["statelessReset", "token", "ticket"] as const) {
    const { length } = keys[name];
    if (length !== keyBytes) {
      throw new EngineError("option-invalid", `the key ${name} has ${length} bytes; it must have ${keyBytes}.`);
    }
  }
  return concatenated([keys.statelessReset, keys.token, keys.ticket]);
}

/** A handle or count as it is; a negative status as the error it stands for. */
export function checkedStatus(status: number, detail: () => string): number {
  if (status < 0) throw EngineError.fromStatus(status, detail());
  return status;
}

const earlyData: readonly EarlyData[] = ["none", "offered", "accepted", "rejected"];

/** What `connection_early_data` says. */
export function decodedEarlyData(number: number): EarlyData {
  return earlyData[number] ?? "none";
}

/** Names of a connection's counters, in the order of `connection_stats` in wasm/crates/abi. */
const statNames = [
  "rttMicros",
  "minRttMicros",
  "cwndBytes",
  "mtu",
  "sentPackets",
  "lostPackets",
  "receivedPackets",
  "sentBytes",
  "receivedBytes",
  "lostBytes",
  "congestionEvents",
  "blackHoles",
  "openedStreams",
  "acceptedStreams",
  "readyStreams",
  "sentDatagrams",
  "receivedDatagrams",
  "droppedDatagrams",
  "queuedDatagrams",
] as const satisfies readonly (keyof ConnectionStats)[];

/** Counters by name. */
export function decodedStats(numbers: Float64Array): ConnectionStats {
  return Object.fromEntries(statNames.map((name, index) => [name, numbers[index] ?? 0])) as unknown as ConnectionStats;
}

/** The counters of a connection on which nothing happened. */
export const noStats: ConnectionStats = decodedStats(new Float64Array());
