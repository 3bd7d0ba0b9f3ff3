/** The MoQ layers of simulated processes: relays, publishers, subscribers, and what arrives. */
import { BroadcastProducer, Cache, type SubgroupReader, TrackNamespace } from "@moqingbird/model";
import { createLogger, Hub, relayWindows } from "@moqingbird/relay";
import { connect, protocolsOf, type Session } from "@moqingbird/session";
import { createTransportPair } from "@moqingbird/testing";
import type { TransportSettings } from "@moqingbird/transport";
import type { Process } from "./process.ts";

export const namespace = TrackNamespace.parse("simulated/broadcast");

/** Groups stay until the room is needed: what a scenario loses, it must lose to the network. */
const retentionMs = 3_600_000;
const cacheBytes = 64 << 20;

/** A cache on the process's clock. */
export function cacheOf({ loop }: Process): Cache {
  return new Cache({ now: loop.now, schedule: loop.schedule, retentionMs, capacityBytes: cacheBytes });
}

/** A relay's hub behind its port. */
export async function startRelay(process: Process, transport: TransportSettings = {}): Promise<Hub> {
  const hub = new Hub({ log: createLogger({ level: "silent" }), timers: process.loop, retentionMs, cacheBytes });
  await process.listen({
    alpn: protocolsOf(),
    transport: { ...relayWindows, ...transport },
    onConnection: (connection) => hub.join(connection),
  });
  return hub;
}

/** A session with the server of another process. */
export async function join(process: Process, server: Process, transport: TransportSettings = {}): Promise<Session> {
  const connection = await process.connect(server, { alpn: protocolsOf(), transport });
  return connect(connection, { timers: process.loop, cache: cacheOf(process) });
}

/** Lets a relay have what another one has under the namespace: a session to that one, and one within the process to its own hub. */
export async function chain(
  process: Process,
  hub: Hub,
  upstream: Process,
  transport: TransportSettings = {},
): Promise<void> {
  const far = await join(process, upstream, { ...relayWindows, ...transport });
  const { client, server } = createTransportPair();
  hub.join(server);
  const near = await connect(client, { timers: process.loop, cache: cacheOf(process) });
  await near.publish(namespace, far.consume(namespace)).ready;
}

/** A broadcast of the process, announced to a server. */
export async function announce(
  process: Process,
  server: Process,
  transport: TransportSettings = {},
): Promise<BroadcastProducer> {
  const broadcast = new BroadcastProducer({ cache: cacheOf(process) });
  const session = await join(process, server, transport);
  await session.publish(namespace, broadcast.consume()).ready;
  return broadcast;
}

/** An object that arrived whole. */
export interface Arrived {
  readonly group: number;
  readonly object: number;
  readonly payload: Uint8Array;
  /** Moment, in ms since the start. */
  readonly atMs: number;
}

/** Subscribes to a track; every object that arrives whole is told. Resolves when the subscription is accepted. */
export async function follow(
  process: Process,
  session: Session,
  name: string,
  arrived: (object: Arrived) => void,
): Promise<void> {
  const track = session.consume(namespace).track(name);
  await track.ready;
  track.subscribe({
    listener: {
      subgroup(reader) {
        const drain = objectReader(reader, (object, payload) => {
          arrived({ group: reader.group, object, payload, atMs: process.simulation.elapsedMs });
        });
        reader.onProgress = drain;
        drain();
      },
      datagram: ({ group, object, payload }) => {
        arrived({ group, object, payload: payload.slice(), atMs: process.simulation.elapsedMs });
      },
      ended() {},
    },
  });
}

/** Takes what a subgroup has, in pieces, and tells each object that is complete. */
function objectReader(reader: SubgroupReader, whole: (object: number, payload: Uint8Array) => void): () => void {
  let payload: Uint8Array | undefined;
  return () => {
    while (reader.hasObject) {
      payload ??= new Uint8Array(reader.objectSizeBytes);
      reader.read(payload, reader.positionBytes, payload.length - reader.positionBytes);
      if (reader.positionBytes < payload.length) return;
      const { objectId } = reader;
      if (!reader.next()) return;
      whole(objectId, payload);
      payload = undefined;
    }
    if (reader.done || reader.state === "reset") reader.close();
  };
}
