/**
 * Known attacks on QUIC over real sockets: a native rogue, our server in a process of its own, and a healthy client whose
 * round trips may take at most twice of what they take while an honest client sends 4000 packets a second.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Phase, Siege } from "../../src/hostile/siege.ts";

const honestSeconds = 1;
/** What allocators take for the first time, and code that is compiled, stays with the process: growth counts after that. */
const settlingSeconds = 1;
const attackSeconds = 3;
const mostGrowthBytes = 5_000_000;
const mostSlower = 2;

const internalError = 0x1;
const transportParameterError = 0x8;
const connectionIdLimitError = 0x9;
const protocolViolation = 0xa;

/** With the codes that end a connection, which a rogue then opens anew; none where the attack is borne. */
const attacks: readonly { readonly attack: string; readonly what: string; readonly codes?: readonly number[] }[] = [
  { attack: "path-challenges", what: "PATH_CHALLENGE frames whose answers are never acknowledged" },
  {
    attack: "connection-ids",
    what: "connection ids that retire one another without acknowledgement",
    codes: [connectionIdLimitError], // RFC 9000 section 5.1.2
  },
  { attack: "crypto-gaps", what: "CRYPTO frames with gaps after the handshake", codes: [internalError] },
  { attack: "fragments", what: "single bytes with gaps on every stream", codes: [internalError] },
  {
    attack: "optimistic-acks",
    what: "acknowledgements ahead of what was sent",
    codes: [protocolViolation], // RFC 9000 section 13.1
  },
  { attack: "ack-ranges", what: "acknowledgements with as many ranges as fit" },
  { attack: "resets", what: "streams opened and reset in a loop" },
  {
    attack: "handshake-done",
    what: "HANDSHAKE_DONE from a client",
    codes: [protocolViolation], // RFC 9000 section 19.20
  },
  {
    attack: "parameters",
    what: "transport parameters told twice",
    codes: [transportParameterError], // RFC 9000 section 7.4
  },
  { attack: "half-open", what: "handshakes that go no further than their first packet" },
  { attack: "coalesced", what: "datagrams full of first packets" },
];

let siege: Siege;
let honest: Phase;

beforeAll(async () => {
  siege = await Siege.begin();
  await siege.phase("honest", honestSeconds); // compiles what the server runs
  honest = await siege.phase("honest", honestSeconds);
});
afterAll(() => siege?.end());

test.each(attacks)("$what", async ({ attack, codes = [] }) => {
  const before = honest;
  const settled = await siege.phase(attack, settlingSeconds);
  const during = await siege.phase(attack, attackSeconds);
  // What strangers left half open makes the server ask for proofs of address, which no rogue has.
  if (during.connections > 0) honest = await siege.phase("honest", honestSeconds);
  const slower = during.medianMs / Math.max(before.medianMs, honest.medianMs);
  const resident = during.memory.residentBytes - settled.memory.residentBytes;
  const engine = during.memory.engineBytes - before.memory.engineBytes;
  console.log(
    `${attack}: ${during.sent} packets on ${during.connections} connections, codes ${JSON.stringify(during.codes)}, ` +
      `${during.retries} Retry; round trips ${during.medianMs.toFixed(2)} ms (${slower.toFixed(2)} of honest), ` +
      `memory ${(resident / 1e6).toFixed(1)} MB, engine ${(engine / 1e6).toFixed(1)} MB`,
  );
  expect(siege.server.exit, "the server lives").toBeUndefined();
  expect(await siege.admits()).toBe(true);
  expect(during.sent).toBeGreaterThan(50);
  expect(during.trips).toBeGreaterThan(20);
  expect(Object.keys(during.codes).map(Number)).toEqual(codes);
  expect(slower).toBeLessThan(mostSlower);
  expect(engine).toBeLessThan(mostGrowthBytes);
  expect(resident).toBeLessThan(mostGrowthBytes);
  if (attack === "half-open") expect(during.retries).toBeGreaterThan(1000);
});
