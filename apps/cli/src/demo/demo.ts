/**
 * The demo: a relay, a publisher that loops a small film in real time, and two subscribers, one of them late. Everything runs
 * in this process and talks QUIC over UDP sockets of its own; every frame that arrives is compared with the film.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Cache, TrackNamespace } from "@moqingbird/model";
import { createLogger, start as startRelay } from "@moqingbird/relay";
import { connect as openSession, protocolsOf, type Session } from "@moqingbird/session";
import { generateCertificate, connect as openConnection } from "@moqingbird/transport";
import { pageFolder } from "@moqingbird/web";
import { readClip } from "../assets.ts";
import type { Surroundings } from "../command.ts";
import { Failure } from "../failure.ts";
import { count } from "../quantity.ts";
import { untilAborted } from "../signal.ts";
import { LiveLines, type RateMeter } from "../terminal.ts";
import { Clip } from "./clip.ts";
import { ClipPublisher } from "./publisher.ts";
import { ClipSubscriber } from "./subscriber.ts";
import { renderTable, type TableRow } from "./table.ts";

export interface DemoOptions {
  /** Ends by itself after so many seconds; undefined waits for the signal. */
  readonly seconds: number | undefined;
  readonly listen: { readonly host: string | undefined; readonly port: number };
}

const broadcastName = "demo";
/** The late subscriber's delay: in the middle of a group, so that it has something to catch up with. */
const lateMs = 3500;
/** How long guests may take to hear of the end. */
const guestMs = 1000;
/** How long the last frames may take to arrive after the publisher stopped. */
const drainMs = 3000;

interface Viewer {
  readonly name: string;
  readonly subscriber: ClipSubscriber;
  readonly session: Session;
}

export async function runDemo(options: DemoOptions, surroundings: Surroundings): Promise<void> {
  const { signal, stdout } = surroundings;
  const namespace = TrackNamespace.of(broadcastName);
  const certificate = await generateCertificate({ names: ["localhost"] });
  const log = createLogger({ level: "silent" });
  const relay = await startRelay({ ...options.listen, certificate, pages: pageFolder, log });
  const { port } = relay.address;
  const join = async (): Promise<{ session: Session; cache: Cache }> => {
    const cache = new Cache();
    const trust = { sha256: [certificate.sha256] };
    const connection = await openConnection({ host: "127.0.0.1", port, alpn: protocolsOf(), trust, signal });
    return { session: await openSession(connection, { cache }), cache };
  };

  const clip = new Clip(await readClip());
  const { session: publishing, cache } = await join();
  const publisher = new ClipPublisher(clip, `/${broadcastName}`, cache);
  const viewers: Viewer[] = [];
  const addViewer = async (name: string): Promise<void> => {
    const { session } = await join();
    const subscriber = new ClipSubscriber(clip, publisher);
    viewers.push({ name, subscriber, session });
    await subscriber.start(session.consume(namespace), signal);
  };

  const startedAt = performance.now();
  const live = new LiveLines(stdout, () => renderTable(rows(publisher, viewers, startedAt)));
  try {
    await publishing.publish(namespace, publisher.broadcast.consume()).ready;
    live.say(welcome(relay.address, Buffer.from(certificate.sha256).toString("hex")));
    publisher.start();
    await addViewer("viewer");
    const late = sleep(lateMs, undefined, { signal }).then(() => addViewer("late viewer"));
    const end =
      options.seconds === undefined ? untilAborted(signal) : sleep(options.seconds * 1000, undefined, { signal });
    await Promise.race([
      Promise.all([late, end]),
      ...viewers.map(({ session }) => lost(session)),
      lost(publishing),
    ]).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    publisher.stop();
    await Promise.all(viewers.map(({ subscriber }) => subscriber.finished(drainMs)));
    // Whoever watches from outside is told the end, too, before the relay goes.
    if (relay.stats.sessions > viewers.length + 1) await new Promise((resolve) => setTimeout(resolve, guestMs));
  } finally {
    live.stop(true);
    for (const session of [publishing, ...viewers.map((viewer) => viewer.session)]) session.close();
    await relay.close();
  }
  if (stdout.isTTY !== true) stdout.write(`${renderTable(rows(publisher, viewers, startedAt, meanRate)).join("\n")}\n`);
  judge(viewers);
}

/** Exit code 0 only when every viewer has every frame since it joined, unchanged. */
function judge(viewers: readonly Viewer[]): void {
  for (const { name, subscriber } of viewers) {
    const missing = subscriber.missing({ open: false });
    const problems = [
      subscriber.empty && "received nothing",
      missing > 0 && `misses ${count(missing, "frame")}`,
      subscriber.wrong > 0 && `has ${count(subscriber.wrong, "wrong frame")}`,
    ].filter((problem) => problem !== false);
    if (problems.length > 0) {
      throw new Failure("data-lost", `the ${name} ${problems.join(" and ")}; the machine may be too busy: try again`);
    }
  }
}

const currentRate = (meter: RateMeter): number => meter.bitsPerSecond();
const meanRate = (meter: RateMeter): number => meter.meanBitsPerSecond;

function rows(
  publisher: ClipPublisher,
  viewers: readonly Viewer[],
  startedAt: number,
  rate: (meter: RateMeter) => number = currentRate,
): TableRow[] {
  const first: TableRow = {
    name: "publisher",
    state: "live",
    groups: publisher.groups,
    frames: publisher.frames,
    bitsPerSecond: rate(publisher.rate),
    missing: 0,
    wrong: 0,
  };
  const received = viewers.map(({ name, subscriber }): TableRow => {
    const latency = subscriber.latency.percentiles();
    return {
      name,
      state: subscriber.frames > 0 ? "live" : "joining",
      groups: subscriber.groups,
      frames: subscriber.frames,
      bitsPerSecond: rate(subscriber.rate),
      ...(latency && { latency }),
      missing: subscriber.missing({ open: true }),
      wrong: subscriber.wrong,
    };
  });
  if (viewers.length < 2) {
    const seconds = Math.max(0, Math.ceil((lateMs - (performance.now() - startedAt)) / 1000));
    received.push({
      name: "late viewer",
      state: `joins in ${seconds} s`,
      groups: 0,
      frames: 0,
      bitsPerSecond: 0,
      missing: 0,
      wrong: 0,
    });
  }
  return [first, ...received];
}

function welcome({ address, port }: { address: string; port: number }, fingerprint: string): string {
  const at = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  const url = `moqt://${at}`;
  return `A relay listens at ${url}; a publisher sends it a film, two viewers fetch it from there.
See the picture yourself, in a browser:
  http://${at.replace(/^(\[::\]|0\.0\.0\.0):/, "127.0.0.1:")}/
or from another terminal:
  ./run moqb sub ${url} --broadcast ${broadcastName} --tls-fingerprint ${fingerprint} | ffplay -loglevel error -
`;
}

async function lost(session: Session): Promise<never> {
  const end = await session.closed;
  throw new Failure("connection-lost", `a session of the demo ended: ${end.reason}; see moqb demo --help`);
}
