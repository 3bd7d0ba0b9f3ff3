/** Weight on raw QUIC against quic-go and quiche: 20 MB each way, ten thousand streams, a path that loses packets. */
import { ByteReader, ByteWriter } from "@moqingbird/transport";
import { describe, expect } from "vitest";
import { newSeed, seededBytes } from "../../src/lab/files.ts";
import { test } from "../../src/lab/lab.ts";
import { echoed, meet, quicGo, quiche, type Role } from "../../src/quic/meeting.ts";

const sizeBytes = 20_000_000;
const lossySizeBytes = 5_000_000;
const lossPercent = 2;
const streamCount = 10_000;
const roles: readonly Role[] = ["client", "server"];

for (const stack of [quicGo, quiche]) {
  for (const role of roles) {
    describe(`we are the ${role}, ${stack.name} is the other side`, () => {
      test("20 MB go there and come back byte for byte", async ({ lab }) => {
        const seed = newSeed();
        const bytes = seededBytes(seed, sizeBytes);
        const { connection } = await meet(lab, { stack, role });
        expect(Buffer.compare(await echoed(connection, bytes), bytes), `seed ${seed}`).toBe(0);
      });

      test("5 MB go there and come back byte for byte over a path that loses 2 % each way", async ({ lab }) => {
        const seed = newSeed();
        const bytes = seededBytes(seed, lossySizeBytes);
        const loss = { percent: lossPercent, seed: bytes.readUInt32LE() };
        const { connection, path } = await meet(lab, { stack, role, loss });
        expect(Buffer.compare(await echoed(connection, bytes), bytes), `seed ${seed}`).toBe(0);
        const { dropped = 0, passed = 0 } = path ?? {};
        expect((100 * dropped) / (dropped + passed), `seed ${seed}: packets really were lost`).toBeGreaterThan(1);
        expect(connection.stats().lostPackets, `seed ${seed}: and found missing`).toBeGreaterThan(0);
      });
    });
  }
}

for (const role of roles) {
  test(`10 000 one-way streams of ours and as many of quic-go's, we being the ${role}`, async ({ lab }) => {
    const returned = new Set<string>();
    const all = Promise.withResolvers<void>();
    const faults: unknown[] = [];
    const take = async (reader: ByteReader): Promise<void> => {
      returned.add(Buffer.from(await reader.bytes()).toString());
      if (returned.size === streamCount) all.resolve();
    };
    const handler = {
      stream: () => {
        const reader = new ByteReader();
        take(reader).catch((fault) => faults.push(fault));
        return reader;
      },
    };
    const { connection } = await meet(lab, { stack: quicGo, role, handler });
    for (let number = 0; number < streamCount; number++) {
      const writer = ByteWriter.open(connection);
      writer.write(Buffer.from(`stream ${number}`));
      writer.finish();
    }
    const end = connection.closed.then(({ error, reason }) => Promise.reject(error ?? new Error(reason)));
    await Promise.race([all.promise, end]);
    expect(faults).toEqual([]);
    expect(returned).toEqual(new Set(Array.from({ length: streamCount }, (_, number) => `stream ${number}`)));
  });
}
