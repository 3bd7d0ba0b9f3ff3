/** Publishes one track: objects at an even pace, each with the time of its making in front. */
import { BroadcastProducer, Cache, type GroupProducer, type TrackProducer } from "@moqingbird/model";
import { dial, namespace, objectBytes, objectsPerGroup, sharedNow } from "./moq.ts";
import { obey, parameters } from "./obey.ts";

const { port, root } = parameters<{ port: number; root: string }>();
const cache = new Cache({ retentionMs: 0 });
const broadcast = new BroadcastProducer({ cache });
let track: TrackProducer | undefined;
let group: GroupProducer | undefined;
let units = 0;
const payload = new Uint8Array(objectBytes).fill(7);
const time = new DataView(payload.buffer);

broadcast.onTrackRequest = (request) => {
  track = request.accept();
};
const session = await dial(port, root, cache);
await session.publish(namespace, broadcast.consume()).ready;

function publish(): void {
  if (track === undefined) return; // nobody has asked yet
  if (units % objectsPerGroup === 0) {
    group?.finish();
    group = track.appendGroup();
  }
  time.setFloat64(0, sharedNow());
  group?.writeObject(payload);
  units++;
}

let timer: NodeJS.Timeout | undefined;

obey({
  totals: () => ({ units, bytes: units * objectBytes }),
  async stop() {
    clearInterval(timer);
    await session.close();
  },
  orders: {
    /** Objects per second from now on, at most 1000. */
    pace(objectsPerSecond) {
      clearInterval(timer);
      timer = setInterval(publish, 1000 / Number(objectsPerSecond));
      return {};
    },
  },
});
