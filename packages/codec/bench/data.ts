/**
 * How long the data plane takes per object, and whether writing allocates. Objects have 1200 bytes (about one packet) and
 * come in chunks of that size; payload is not copied, so this is the cost of headers. Run:
 * node --expose-gc --min-semi-space-size=1024 --max-semi-space-size=1024 --conditions=@moqingbird/source packages/codec/bench/data.ts
 * (a young generation so large that nothing is collected meanwhile: the heap's growth is then what was allocated).
 */
import { type DataStreamVisitor, draft14, noExtensions, type ObjectHeader, objectStatus } from "@moqingbird/codec";

const rounds = 2_000_000;
const sizeBytes = 1200;

function measure(name: string, run: (rounds: number) => number): void {
  run(rounds / 10);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const start = performance.now();
  const result = run(rounds);
  const ns = ((performance.now() - start) * 1e6) / rounds;
  const bytes = (process.memoryUsage().heapUsed - before) / rounds;
  console.log(`${name}: ${ns.toFixed(1)} ns, heap grew ${bytes.toFixed(3)} bytes per operation (${result})`);
}

const target = new Uint8Array(1500);

function encodeObjects(object: { -readonly [Key in keyof ObjectHeader]: ObjectHeader[Key] }, hasExtensions: boolean) {
  return (rounds: number): number => {
    let written = 0;
    for (let id = 0; id < rounds; id++) {
      object.id = id;
      written += draft14.encodeObjectHeader(target, 0, target.length, id - 1, hasExtensions, object);
    }
    return written;
  };
}

const plain = { id: 0, sizeBytes, status: objectStatus.normal, extensions: noExtensions };
measure("encode an object header", encodeObjects(plain, false));
measure(
  "encode an object header with 10 bytes of extensions",
  encodeObjects({ ...plain, extensions: target.slice(0, 10) }, true),
);

const header = {
  trackAlias: 7,
  group: 1e9,
  subgroup: 0,
  publisherPriority: 128,
  hasExtensions: false,
  endOfGroup: false,
};
measure("encode a subgroup header", (rounds) => {
  let written = 0;
  for (let i = 0; i < rounds; i++) written += draft14.encodeSubgroupHeader(target, 0, target.length, header);
  return written;
});

let objects = 0;
const visitor: DataStreamVisitor = {
  subgroup() {},
  object() {
    objects++;
  },
  fetch() {},
  fetchObject() {},
  payload() {},
};

/** One object, repeated: the second and later ones of a subgroup look alike. */
function decodeObjects(chunkBytes: number) {
  return (rounds: number): number => {
    const decoder = draft14.createDataStreamDecoder();
    decoder.push(Uint8Array.of(0x10, 7, 1, 128), 0, 4, visitor);
    const object = new Uint8Array(3 + sizeBytes);
    object.set([0x00, 0x44, 0xb0]);
    objects = 0;
    for (let i = 0; i < rounds; i++) {
      for (let at = 0; at < object.length; at += chunkBytes) {
        decoder.push(object, at, Math.min(object.length, at + chunkBytes), visitor);
      }
    }
    return objects;
  };
}

measure("decode an object that comes whole", decodeObjects(2000));
measure("decode an object in chunks of 100 bytes", decodeObjects(100));
