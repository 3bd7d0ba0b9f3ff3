/**
 * Live media beside bulk on one connection, in the shapes of picoquic's tests: "mediatest" (audio every 20 ms, video every
 * 33 ms with large first frames, a second video, and bulk that takes what is left) and "warptest" (one stream per frame under
 * low limits of streams and bytes). The bars are of the time from writing an object to having it whole.
 */

import { BroadcastProducer, type TrackProducer } from "@moqingbird/model";
import { accept, protocolsOf } from "@moqingbird/session";
import { type LinkSettings, seededBytes } from "@moqingbird/testing";
import type { TransportSettings } from "@moqingbird/transport";
import { cacheOf, follow, join, namespace } from "../media.ts";
import { atMost, type Figures, happened, type Scenario } from "../scenario.ts";
import type { Simulation } from "../simulation.ts";

const durationMs = 10_000;
const settleMs = 500;
/** Frames from one independent frame to the next. */
const groupFrames = 30;

interface Media {
  readonly name: string;
  readonly periodMs: number;
  readonly frameBytes: number;
  /** Of the first frame of each group. */
  readonly firstBytes: number;
  /** 0 is most urgent. */
  readonly priority: number;
}

const media: readonly Media[] = [
  { name: "audio", periodMs: 20, frameBytes: 80, firstBytes: 80, priority: 10 },
  { name: "video", periodMs: 33, frameBytes: 2048, firstBytes: 16_384, priority: 20 },
  { name: "video2", periodMs: 33, frameBytes: 6144, firstBytes: 24_576, priority: 30 },
];

interface Bars {
  readonly meanMs: number;
  readonly deviationMs: number;
  readonly worstMs: number;
}

interface Shape {
  readonly link: LinkSettings;
  readonly transport: TransportSettings;
  /** Every frame is a group, so that it has a stream of its own. */
  readonly streamPerFrame: boolean;
  /** 0: none. */
  readonly bulkBytes: number;
  readonly bars: Bars;
}

/** Latencies of one medium, in ms. */
class Latencies {
  readonly #sentAt = new Map<number, number>();
  readonly #each: number[] = [];
  sent = 0;

  send(atMs: number): number {
    this.#sentAt.set(this.sent, atMs);
    return this.sent++;
  }

  receive(n: number, atMs: number): void {
    this.#each.push(atMs - (this.#sentAt.get(n) as number));
  }

  get received(): number {
    return this.#each.length;
  }

  get figures(): Bars {
    const meanMs = this.#each.reduce((sum, each) => sum + each, 0) / this.#each.length;
    const variance = this.#each.reduce((sum, each) => sum + (each - meanMs) ** 2, 0) / this.#each.length;
    return { meanMs, deviationMs: Math.sqrt(variance), worstMs: Math.max(...this.#each) };
  }
}

async function play(simulation: Simulation, shape: Shape): Promise<Figures> {
  const [server, client] = [simulation.process(), simulation.process()];
  const link = simulation.link(server, client, shape.link);
  const latencies = new Map(media.map(({ name }) => [name, new Latencies()]));
  let bulkReceived = 0;

  const work = async () => {
    const broadcast = new BroadcastProducer({ cache: cacheOf(server) });
    const tracks = new Map<string, TrackProducer>();
    for (const { name, priority } of media) tracks.set(name, broadcast.createTrack(name, { priority }));
    const bulk = broadcast.createTrack("bulk", { priority: 200 });
    await server.listen({
      alpn: protocolsOf(),
      transport: shape.transport,
      onConnection: (connection) => {
        void accept(connection, { timers: server.loop, cache: cacheOf(server) }).then((session) =>
          session.publish(namespace, broadcast.consume()),
        );
      },
    });
    const session = await join(client, server, shape.transport);
    for (const { name } of media) {
      const each = latencies.get(name) as Latencies;
      await follow(client, session, name, ({ payload, atMs }) =>
        each.receive(new DataView(payload.buffer).getUint32(0), atMs),
      );
    }
    await follow(client, session, "bulk", ({ payload }) => {
      bulkReceived += payload.length;
    });
    await new Promise<void>((resolve) => server.loop.schedule(settleMs, resolve));
    const blocks = Math.ceil(shape.bulkBytes / 65_536);
    if (blocks > 0) {
      const group = bulk.appendGroup();
      for (let n = 0; n < blocks; n++) group.writeObject(seededBytes(65_536, simulation.seed + n));
      group.finish();
    }
    await Promise.all(media.map((each) => produce(simulation, each, shape, tracks.get(each.name) as TrackProducer)));
    await new Promise<void>((resolve) => server.loop.schedule(1000, resolve));
  };

  const produce = ({ timeline }: Simulation, each: Media, { streamPerFrame }: Shape, track: TrackProducer) => {
    const mine = latencies.get(each.name) as Latencies;
    const endMs = simulation.elapsedMs + durationMs;
    return new Promise<void>((resolve) => {
      let group = track.appendGroup();
      const tick = () => {
        const n = mine.send(simulation.elapsedMs);
        const payload = new Uint8Array(n % groupFrames === 0 ? each.firstBytes : each.frameBytes);
        new DataView(payload.buffer).setUint32(0, n);
        group.writeObject(payload);
        if (streamPerFrame || (n + 1) % groupFrames === 0) {
          group.finish();
          group = track.appendGroup();
        }
        if (simulation.elapsedMs + each.periodMs > endMs) resolve();
        else timeline.plan(timeline.now + each.periodMs * 1000, tick);
      };
      tick();
    });
  };

  await simulation.until(work(), 60_000, "the end of the media");
  const figures: Record<string, number> = { bulkMbps: (bulkReceived * 8) / 1000 / durationMs };
  if (shape.link.suspension !== undefined) happened("suspended", link.forth.counters.suspended);
  for (const [name, each] of latencies) {
    if (each.received !== each.sent) throw new Error(`Of ${each.sent} frames of ${name}, ${each.received} arrived.`);
    const { meanMs, deviationMs, worstMs } = each.figures;
    Object.assign(figures, {
      [`${name}MeanMs`]: meanMs,
      [`${name}DeviationMs`]: deviationMs,
      [`${name}WorstMs`]: worstMs,
    });
  }
  for (const [name, { figures: its }] of latencies) {
    if (name === "video2") continue; // the one that gives way
    atMost(`${name}: meanMs`, its.meanMs, shape.bars.meanMs);
    atMost(`${name}: deviationMs`, its.deviationMs, shape.bars.deviationMs);
    atMost(`${name}: worstMs`, its.worstMs, shape.bars.worstMs);
  }
  return figures;
}

const line: LinkSettings = { rateKbps: 10_000, latencyMs: 10 };
/** 20 suspensions of 150 ms. */
const wifi: LinkSettings = { ...line, suspension: { firstMs: 1000, lengthMs: 150, pauseMs: 350, count: 20 } };
const bars: Bars = { meanMs: 25, deviationMs: 12.5, worstMs: 100 };
const wifiBars: Bars = { meanMs: 60, deviationMs: 60, worstMs: 350 };
const bbr: TransportSettings = { congestion: "bbr" };
const tight: TransportSettings = {
  ...bbr,
  maxUniStreams: 8,
  streamReceiveWindow: 32_768,
  streamCreditBytes: 32_768,
  connectionReceiveWindow: 131_072,
};

const shapes: readonly (Shape & { readonly name: string; readonly summary: string })[] = [
  {
    name: "mediatest",
    summary: "audio and two videos, 10 Mbit/s, 10 ms, bbr",
    link: line,
    transport: bbr,
    streamPerFrame: false,
    bulkBytes: 0,
    bars,
  },
  {
    name: "mediatest-bulk",
    summary: "audio, two videos and bulk, 10 Mbit/s, 10 ms, bbr",
    link: line,
    transport: bbr,
    streamPerFrame: false,
    bulkBytes: 8_000_000,
    bars,
  },
  {
    name: "mediatest-wifi",
    summary: "audio and two videos with 20 suspensions of 150 ms",
    link: wifi,
    transport: bbr,
    streamPerFrame: false,
    bulkBytes: 0,
    bars: wifiBars,
  },
  {
    name: "warptest",
    summary: "one stream per frame, 8 streams and 128 KiB allowed",
    link: line,
    transport: tight,
    streamPerFrame: true,
    bulkBytes: 0,
    bars,
  },
];

export const mediaShapes: readonly Scenario[] = shapes.map(({ name, summary, ...shape }) => ({
  name,
  summary: `${summary}: audio and video on average within ${shape.bars.meanMs} ms, none later than ${shape.bars.worstMs} ms`,
  weight: "heavy",
  run: (simulation) => play(simulation, shape),
}));
