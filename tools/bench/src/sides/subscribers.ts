/** Many sessions in one process: `open N` brings their number up to N. They read the track, or are idle. */
import { Cache, type SubgroupReader } from "@moqingbird/model";
import type { Session } from "@moqingbird/session";
import { dial, namespace, sharedNow, trackName } from "./moq.ts";
import { obey, parameters } from "./obey.ts";

const { port, root, subscribe } = parameters<{ port: number; root: string; subscribe: boolean }>();
const cache = new Cache({ retentionMs: 0 });
/** Sessions that are being opened at a time. */
const openersAtOnce = 16;
const sessions: Session[] = [];
const head = new Uint8Array(8);
const time = new DataView(head.buffer);
let latencies: number[] = [];
let units = 0;
let bytes = 0;
let lost = 0;

async function open(count: number): Promise<void> {
  let opening = sessions.length;
  const opener = async (): Promise<void> => {
    while (opening < count) {
      opening++;
      const session = await dial(port, root, cache);
      sessions.push(session);
      void session.closed.then(() => {
        lost++;
      });
      if (subscribe) await read(session);
    }
  };
  await Promise.all(Array.from({ length: openersAtOnce }, opener));
}

async function read(session: Session): Promise<void> {
  const consumer = session.subscribe(namespace, trackName);
  await consumer.ready;
  consumer.subscribe({ listener: { subgroup: follow } });
}

function follow(reader: SubgroupReader): void {
  const progress = (): void => {
    while (reader.hasObject && reader.availableBytes === reader.objectSizeBytes) {
      bytes += reader.objectSizeBytes;
      units++;
      reader.read(head, 0, head.length);
      latencies.push(sharedNow() - time.getFloat64(0));
      reader.next();
    }
    if (reader.done || reader.state === "reset") {
      reader.onProgress = undefined;
      reader.close();
    }
  };
  reader.onProgress = progress;
  progress();
}

obey({
  totals: () => ({ units, bytes, lost }),
  orders: {
    async open(count) {
      await open(Number(count));
      return { sessions: sessions.length - lost };
    },
    /** Milliseconds from publisher to subscriber since the last time this was asked. */
    latency() {
      const sorted = Float64Array.from(latencies).sort();
      latencies = [];
      const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
      return { p50: at(0.5), p99: at(0.99) };
    },
  },
});
