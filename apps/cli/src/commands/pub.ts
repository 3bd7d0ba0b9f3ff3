/** `moqb pub`: standard input becomes a broadcast. */
import { BroadcastProducer, type TrackProducer } from "@moqingbird/model";
import { z } from "zod";
import { type Client, openClient, parseBroadcast } from "../client.ts";
import { defineCommand, type Surroundings } from "../command.ts";
import { Failure, systemReason } from "../failure.ts";
import { flag } from "../flags.ts";
import { observeFlags } from "../observe.ts";
import { type PaceClock, paced } from "../pacing.ts";
import { BytesPublisher } from "../publish/bytes.ts";
import { Demand } from "../publish/demand.ts";
import { Fmp4Publisher } from "../publish/fmp4.ts";
import { LinesPublisher } from "../publish/lines.ts";
import type { Publisher } from "../publish/publisher.ts";
import { count, formatBytes, formatRate, parseRate } from "../quantity.ts";
import { pause, untilAborted } from "../signal.ts";
import { LiveLines, RateMeter } from "../terminal.ts";
import { trustFlags } from "../tls.ts";

/** The track of `--format bytes` and `lines` when none is named; `moqb sub` looks for the same. */
export const defaultTrackName = "data";

/** Unsent bytes at which the input waits for the relay. */
const backlogBytes = 16 * 1024 * 1024;

/** How long a subscriber may take for what was read before Ctrl-C. */
const farewellMs = 2000;

/** `--wait`: time between the first SUBSCRIBE and the first byte, so that others who wait can join it. */
const joinMs = 500;

const flags = z.object({
  url: flag(z.string(), {
    positional: true,
    value: "URL",
    description: "the relay: moqt://, https://, http:// or wss://host:port",
  }),
  broadcast: flag(z.string(), { value: "PATH", description: "name of the broadcast, such as live/room1" }),
  track: flag(z.string().optional(), {
    value: "NAME",
    description: "name of the track; fmp4 names its tracks itself",
    defaultSays: defaultTrackName,
  }),
  format: flag(z.enum(["bytes", "lines", "fmp4"], "give bytes, lines or fmp4").default("bytes"), {
    value: "FORMAT",
    description: "bytes: 64 KiB objects in 4 MiB groups; lines: an object per line; fmp4: fragmented MP4",
  }),
  rate: flag(
    z
      .string()
      .transform((text, context) => {
        const rate = parseRate(text);
        if (rate === undefined) context.addIssue("give bits per second, such as 100M or 2500k");
        return rate ?? z.NEVER;
      })
      .optional(),
    {
      value: "BITS_PER_S",
      description: "read the input no faster than this, such as 100M",
      defaultSays: "as it comes",
    },
  ),
  wait: flag(z.boolean().default(false), {
    description: "start reading 500 ms after the first subscriber came",
  }),
  ...trustFlags,
  ...observeFlags,
});

export const pubCommand = defineCommand({
  name: "pub",
  summary: "publish standard input as a broadcast",
  description:
    "Announces the broadcast to the relay and publishes standard input until it ends. A subscriber that comes late starts at the newest group. Reading waits while the relay is slower than the input.",
  flags,
  examples: [
    {
      says: "a file, paced like a live source, once somebody listens",
      line: "moqb pub moqt://127.0.0.1:4443 --broadcast backup --rate 100M --wait < backup.tar",
    },
    {
      says: "a live picture",
      line: "ffmpeg -re -i film.mp4 -c copy -f mp4 -movflags +frag_keyframe+empty_moov+default_base_moof+separate_moof - |\n    moqb pub moqt://relay.example --broadcast live/film --format fmp4",
    },
    {
      says: "a log, line by line",
      line: "tail -f app.log | moqb pub moqt://127.0.0.1:4443 --broadcast logs/app --format lines",
    },
  ],
  async run(values, surroundings) {
    if (values.format === "fmp4" && values.track !== undefined) {
      throw new Failure("usage", "--track does not go with --format fmp4, which names its tracks itself; leave it out");
    }
    const namespace = parseBroadcast(values.broadcast);
    const client = await openClient(values, surroundings);
    try {
      const broadcast = new BroadcastProducer({ cache: client.cache });
      const format = createFormat(broadcast, values, namespace.toString());
      const publication = client.session.publish(namespace, broadcast.consume());
      await client.during(publication.ready);
      await client.during(feed(format, values, client, surroundings));
      // Only then: a relay may end what it still passes on when the namespace goes (moq-relay-ietf unsubscribes at once).
      await client.during(Promise.race([format.demand.gone(), afterAbort(surroundings.signal)]));
      broadcast.finish();
    } finally {
      await client.close();
    }
  },
});

interface Format {
  readonly publisher: Publisher;
  readonly tracks: TrackProducer[];
  readonly demand: Demand;
}

function createFormat(broadcast: BroadcastProducer, values: z.output<typeof flags>, namespace: string): Format {
  const demand = new Demand(broadcast);
  const tracks: TrackProducer[] = [];
  if (values.format === "fmp4") {
    const onTracks = (made: readonly TrackProducer[]) => tracks.push(...made);
    return { publisher: new Fmp4Publisher(broadcast, { namespace: `/${namespace}`, onTracks }), tracks, demand };
  }
  const track = broadcast.createTrack(values.track ?? defaultTrackName);
  tracks.push(track);
  const publisher =
    values.format === "lines" ? new LinesPublisher(track, () => performance.now()) : new BytesPublisher(track);
  return { publisher, tracks, demand };
}

/** Reads the input to its end, or to the signal, into the format. */
async function feed(
  { publisher, tracks, demand }: Format,
  values: z.output<typeof flags>,
  client: Client,
  surroundings: Surroundings,
): Promise<void> {
  const { stdin, stderr, signal } = surroundings;
  const meter = new RateMeter();
  const live = new LiveLines(stderr, () => [
    `${values.broadcast}: ${formatRate(meter.bitsPerSecond())}, ${formatBytes(meter.bytes)}, ${count(publisher.groups, "group")}` +
      `${demand.present ? "" : ", nobody subscribed"}, ${client.path}`,
  ]);
  try {
    if (values.wait) {
      live.note(`waiting for a subscriber of ${values.broadcast}`);
      if (!(await demand.come(joinMs, signal))) return;
    }
    const input = readInput(stdin, signal);
    const source = values.rate === undefined ? input : paced(input, values.rate, realClock(signal));
    for await (const chunk of source) {
      publisher.write(chunk);
      meter.add(chunk.length);
      for (const track of tracks) await track.drained(backlogBytes, { signal }).catch(ignoreAbort(signal));
      if (signal.aborted) break;
    }
    publisher.end();
  } finally {
    live.stop();
  }
}

/** Chunks of standard input; ends quietly when the signal aborts. */
async function* readInput(stdin: Surroundings["stdin"], signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stop = () => stdin.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (!signal.aborted) for await (const chunk of stdin) yield chunk as Buffer;
  } catch (error) {
    if (signal.aborted) return;
    throw new Failure("input-output", `standard input cannot be read: ${systemReason(error)}; pipe or redirect it`, {
      cause: error,
    });
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function realClock(signal: AbortSignal): PaceClock {
  return { now: () => performance.now(), sleep: (ms) => pause(ms, signal) };
}

/** After Ctrl-C what was read is still delivered, for this long. */
async function afterAbort(signal: AbortSignal): Promise<void> {
  await untilAborted(signal);
  await new Promise((resolve) => setTimeout(resolve, farewellMs).unref());
}

function ignoreAbort(signal: AbortSignal) {
  return (error: unknown): void => {
    if (!signal.aborted) throw error;
  };
}
