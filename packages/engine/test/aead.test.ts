/** The packet encryption of the wasm against OpenSSL's. Repeat a failure with `AEAD_SEED=… vitest run packages/engine/test/aead`. */
import { createCipheriv } from "node:crypto";
import { aeadProbe } from "@moqingbird/wasm-build";
import { beforeAll, expect, test } from "vitest";
import { type Certificates, connected, createCertificates } from "./connected.ts";
import { seededBytes, seededRandom } from "./random.ts";

const cases = 4000;

/** Types differ by the cipher's name, behaviour does not: all take the header and the tag alike. */
const nodeName = (name: string) => name as "chacha20-poly1305";

test.each([
  ["chacha20-poly1305", 32],
  ["aes-128-gcm", 16],
  ["aes-256-gcm", 32],
] as const)(
  "messages sealed with %s are OpenSSL's, byte for byte, and open again; forged ones are refused",
  (name, keyBytes) => {
    const seed = Number(process.env.AEAD_SEED ?? Math.floor(Math.random() * 2 ** 32));
    const random = seededRandom(seed);
    const upTo = (most: number) => Math.floor(random() * (most + 1));
    const fill = (bytes: Uint8Array) => {
      const kind = upTo(7);
      for (let i = 0; i < bytes.length; i++) bytes[i] = kind === 0 ? 0xff : kind === 1 ? 0 : upTo(255);
    };
    const probe = aeadProbe(name);
    for (let i = 0; i < cases; i++) {
      const header = upTo(64);
      const length = i % 4 === 0 ? upTo(64) : upTo(2050);
      const where = `AEAD_SEED=${seed}, case ${i}: header ${header}, message ${length} bytes`;
      fill(probe.key);
      probe.useKey();
      fill(probe.nonce);
      fill(probe.body.subarray(0, header + length));
      const message = probe.body.subarray(header, header + length);
      const plain = Buffer.from(message);

      const key = probe.key.subarray(0, keyBytes);
      const cipher = createCipheriv(nodeName(name), key, probe.nonce, { authTagLength: 16 });
      cipher.setAAD(probe.body.subarray(0, header), { plaintextLength: length });
      const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
      probe.seal(header, length);
      expect(sealed.equals(message), where).toBe(true);
      expect(cipher.getAuthTag().equals(probe.tag), where).toBe(true);

      const bit = upTo(127);
      probe.tag[bit >> 3]! ^= 1 << (bit & 7);
      expect(probe.open(header, length), where).toBe(false);
      expect(
        message.every((byte) => byte === 0),
        where,
      ).toBe(true);
      probe.tag[bit >> 3]! ^= 1 << (bit & 7);
      message.set(sealed);
      expect(probe.open(header, length), where).toBe(true);
      expect(plain.equals(message), where).toBe(true);
    }
  },
);

test.each([
  // OpenSSL's initialisation vector is the block counter and the nonce, as QUIC's sample is.
  [
    "chacha20-poly1305",
    32,
    (key: Uint8Array, sample: Uint8Array) => createCipheriv("chacha20", key, sample).update(new Uint8Array(5)),
  ],
  ["aes-128-gcm", 16, (key: Uint8Array, sample: Uint8Array) => createCipheriv("aes-128-ecb", key, null).update(sample)],
  ["aes-256-gcm", 32, (key: Uint8Array, sample: Uint8Array) => createCipheriv("aes-256-ecb", key, null).update(sample)],
] as const)("header masks of %s are what OpenSSL makes of the sample", (name, keyBytes, expected) => {
  const probe = aeadProbe(name);
  for (let i = 0; i < 500; i++) {
    probe.key.set(seededBytes(32, 2 * i));
    probe.useKey();
    const sample = seededBytes(16, 2 * i + 1);
    probe.tag.set(sample);
    probe.mask();
    const mask = expected(probe.key.subarray(0, keyBytes), sample).subarray(0, 5);
    expect(mask.equals(probe.tag.subarray(0, 5)), `case ${i}`).toBe(true);
  }
});

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

test.each([
  ["simd", "ring"],
  ["ring", "simd"],
  ["simd", "simd"],
  ["ring", "ring"],
] as const)("a client on %s and a server on %s exchange a megabyte", (client, server) => {
  const { network, near, far } = connected(certificates, { client: { crypto: client }, server: { crypto: server } });
  const body = seededBytes(500_000);
  network.client.open(near, 1, body);
  network.server.open(far, 1, body);
  for (const host of [network.server, network.client]) {
    network.run(() => [...host.received.values()].some((received) => received.finished));
    expect(body).toEqual(new Uint8Array([...host.received.values()][0]!.bytes()));
  }
  expect(network.client.engine.stats(near).lostPackets + network.server.engine.stats(far).lostPackets).toBe(0);
});

test("the implementation decides only who computes: both send the same bytes", () => {
  const [simd, ring] = (["simd", "ring"] as const).map((crypto) => {
    const { network, near } = connected(certificates, { client: { crypto }, server: { crypto } });
    network.client.keepPackets = true;
    network.client.open(near, 1, seededBytes(20_000));
    network.run(() => [...network.server.received.values()].some((received) => received.finished));
    return network.client.sent;
  });
  expect(simd!.length).toBeGreaterThan(10);
  expect(Buffer.concat(simd!).equals(Buffer.concat(ring!))).toBe(true);
});

test("a name that is no implementation is an error that names them", () => {
  expect(() => connected(certificates, { client: { crypto: "none" as "simd" } })).toThrow(
    expect.objectContaining({ code: "option-invalid", message: expect.stringContaining("simd, ring") }),
  );
});
