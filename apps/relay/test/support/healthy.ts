/**
 * A publisher and a subscriber who behave, in a process of their own: an object every 20 ms, a group every half second. Each
 * line they print says for one quarter of a second how many objects were published, how many came, and how late.
 */
import { BroadcastProducer, type GroupProducer, type SubgroupReader, TrackNamespace } from "@moqingbird/model";
import { connect as connectSession } from "@moqingbird/session";
import { connect } from "@moqingbird/transport";

const port = Number(process.argv[2]);
const namespace = TrackNamespace.parse("healthy/room");
const dial = async () => connectSession(await connect({ host: "127.0.0.1", port, alpn: ["moq-00"], trust: "none" }));
const [publisher, subscriber] = [await dial(), await dial()];
for (const session of [publisher, subscriber]) {
  void session.closed.then(({ reason }) => console.log(JSON.stringify({ closed: reason })));
}

const broadcast = new BroadcastProducer();
const track = broadcast.createTrack("data");
await publisher.publish(namespace, broadcast.consume()).ready;
const consumer = subscriber.subscribe(namespace, "data");
await consumer.ready;

let published = 0;
let delays: number[] = [];
const publishedAt = new Map<number, number>();

consumer.subscribe({
  listener: {
    subgroup(reader) {
      reader.onProgress = () => read(reader);
      read(reader);
    },
  },
});

function read(reader: SubgroupReader): void {
  while (reader.hasObject && reader.availableBytes === reader.objectSizeBytes) {
    const bytes = new Uint8Array(reader.objectSizeBytes);
    reader.read(bytes, 0, bytes.length);
    const number = new DataView(bytes.buffer).getUint32(0);
    delays.push(performance.now() - (publishedAt.get(number) ?? 0));
    publishedAt.delete(number);
    reader.next();
  }
  if (reader.done) reader.close();
}

let group: GroupProducer | undefined;
let number = 0;
setInterval(() => {
  if (number % 25 === 0) {
    group?.finish();
    group = track.appendGroup();
  }
  const bytes = new Uint8Array(1000);
  new DataView(bytes.buffer).setUint32(0, number);
  publishedAt.set(number++, performance.now());
  published++;
  group?.writeObject(bytes);
}, 20);
setInterval(() => {
  console.log(JSON.stringify({ published, delays }));
  published = 0;
  delays = [];
}, 250);
