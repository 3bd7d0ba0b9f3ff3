/**
 * `moqb clock`: the time of day as a broadcast, compatible with moq-clock-ietf 0.6. Streams: a group per minute, object 0 is
 * "YYYY-MM-DD HH:MM:", every second one more object "SS". Datagrams: a group per second, the whole time as its object.
 */
import {
  BroadcastProducer,
  type Ending,
  type SubgroupProducer,
  type SubgroupReader,
  type TrackProducer,
} from "@moqingbird/model";
import { z } from "zod";
import { type Client, openClient, parseBroadcast } from "../client.ts";
import { defineCommand, type Surroundings } from "../command.ts";
import { Failure } from "../failure.ts";
import { flag } from "../flags.ts";
import { observeFlags } from "../observe.ts";
import { pause } from "../signal.ts";
import { BroadcastWaiter, mayPass } from "../subscribe/wait.ts";
import { trustFlags } from "../tls.ts";

/** Priorities moq-clock-ietf gives its groups and datagrams. */
const streamPriority = 0;
const datagramPriority = 127;

const flags = z.object({
  url: flag(z.string(), {
    positional: true,
    value: "URL",
    description: "the relay: moqt://, https://, http:// or wss://host:port",
  }),
  publish: flag(z.boolean().default(false), { description: "publish the time; without it, subscribe and print it" }),
  datagrams: flag(z.boolean().default(false), { description: "publish datagrams instead of streams" }),
  broadcast: flag(z.string().default("clock"), { value: "PATH", description: "name of the broadcast" }),
  track: flag(z.string().default("now"), { value: "NAME", description: "name of the track" }),
  ...trustFlags,
  ...observeFlags,
});

export const clockCommand = defineCommand({
  name: "clock",
  summary: "publish the time of day, or subscribe to it",
  description:
    "The smallest live broadcast: a line with the time (UTC) every second. Speaks with moq-clock-ietf in both roles.",
  flags,
  examples: [
    { says: "publish", line: "moqb clock moqt://127.0.0.1:4443 --publish" },
    { says: "print it elsewhere", line: "moqb clock moqt://127.0.0.1:4443" },
  ],
  async run(values, surroundings) {
    const namespace = parseBroadcast(values.broadcast);
    const client = await openClient(values, surroundings);
    try {
      if (values.publish) {
        const broadcast = new BroadcastProducer({ cache: client.cache });
        const priority = values.datagrams ? datagramPriority : streamPriority;
        const track = broadcast.createTrack(values.track, { priority });
        await client.during(client.session.publish(namespace, broadcast.consume()).ready);
        await client.during(publishTime(track, values.datagrams, surroundings));
        broadcast.finish();
      } else {
        await client.during(printTime(client, values, surroundings));
      }
    } finally {
      await client.close();
    }
  },
});

/** Publishes and prints the time until the signal aborts. */
async function publishTime(track: TrackProducer, datagrams: boolean, { stdout, signal }: Surroundings): Promise<void> {
  let group = new Date().getUTCMinutes() - 1;
  let minute = "";
  let stream: SubgroupProducer | undefined;
  while (!signal.aborted) {
    const time = timeText(new Date());
    if (datagrams) {
      track.datagram({ group: ++group, object: 0, payload: bytesOf(time) });
    } else {
      if (time.slice(0, 17) !== minute) {
        stream?.finish();
        minute = time.slice(0, 17);
        stream = track.group(++group).subgroup(0, { endOfGroup: true });
        stream.writeObject(bytesOf(minute));
      }
      stream?.writeObject(bytesOf(time.slice(17)));
    }
    stdout.write(`${time}\n`);
    await pause(1000 - (Date.now() % 1000), signal);
  }
  stream?.finish();
}

/** Prints what is received until the track ends or the signal aborts. */
async function printTime(
  client: Client,
  values: z.output<typeof flags>,
  { stdout, signal }: Surroundings,
): Promise<void> {
  const namespace = parseBroadcast(values.broadcast);
  const waiter = new BroadcastWaiter(client.session, namespace, signal);
  const broadcast = client.session.consume(namespace);
  const print = (line: string) => stdout.write(`${line}\n`);
  try {
    do {
      const track = broadcast.track(values.track);
      try {
        await track.ready;
        const { lines, ending } = await follow(track, print, signal);
        if (lines > 0 && ending !== undefined) {
          const early = ending.code === "aborted" ? ` early (${ending.reason.replace(/\.$/, "")})` : "";
          throw new Failure(
            "connection-lost",
            `broadcast ${values.broadcast} ended${early}; start again when its publisher is back`,
          );
        }
      } catch (error) {
        if (!mayPass(error)) throw error;
      } finally {
        track.close();
      }
    } while (await waiter.again());
  } finally {
    waiter.stop();
    broadcast.close();
  }
}

/** Prints the track's times; resolves with their number, and how it ended unless the signal aborted. */
function follow(
  track: ReturnType<Client["session"]["consume"]> extends { track(name: string): infer T } ? T : never,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<{ lines: number; ending: Ending | undefined }> {
  return new Promise((resolve) => {
    let lines = 0;
    const say = (line: string) => {
      lines++;
      print(line);
    };
    signal.addEventListener("abort", () => resolve({ lines, ending: undefined }), { once: true });
    track.subscribe({
      listener: {
        subgroup: (reader) => readMinute(reader, say),
        datagram: ({ payload }) => say(textOf(payload)),
        ended: (ending) => resolve({ lines, ending }),
      },
    });
  });
}

/** Object 0 of a group is the minute; each further one a second of it. */
function readMinute(reader: SubgroupReader, say: (line: string) => void): void {
  let base = "";
  const buffer = new Uint8Array(64);
  const progress = () => {
    while (reader.hasObject && reader.availableBytes === reader.objectSizeBytes - reader.positionBytes) {
      const size = reader.objectSizeBytes;
      const text = size <= buffer.length ? textOf(buffer.subarray(0, reader.read(buffer, 0, size))) : "";
      if (base === "") base = text;
      else if (text !== "") say(base + text);
      reader.next();
    }
    if (reader.done || reader.state === "reset") reader.close();
  };
  reader.onProgress = progress;
  progress();
}

/** `2026-03-01 12:34:56`, UTC. */
function timeText(date: Date): string {
  return date.toISOString().slice(0, 19).replace("T", " ");
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** For a terminal: what a stranger sends must not carry control characters to it. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/\p{Cc}/gu, "?");
}
