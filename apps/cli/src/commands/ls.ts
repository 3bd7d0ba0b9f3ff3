/** `moqb ls`: the broadcasts a relay has. */
import type { BroadcastConsumer, TrackNamespace } from "@moqingbird/model";
import { directoryNamespace, directoryTrack } from "@moqingbird/relay";
import { z } from "zod";
import { type Client, openClient, parseBroadcast } from "../client.ts";
import { defineCommand, type Surroundings } from "../command.ts";
import { Failure } from "../failure.ts";
import { flag } from "../flags.ts";
import { observeFlags } from "../observe.ts";
import { pause, untilAborted } from "../signal.ts";
import { ObjectReader } from "../subscribe/object.ts";
import { mayPass } from "../subscribe/wait.ts";
import { trustFlags } from "../tls.ts";

/** SUBSCRIBE_NAMESPACE does not say when the current set is complete: it is, when nothing more comes for this long. */
const quietMs = 500;

/** Largest list taken from a relay. */
const largestListBytes = 16 * 1024 * 1024;

const flags = z.object({
  url: flag(z.string(), {
    positional: true,
    value: "URL",
    description: "the relay: moqt://, https://, http:// or wss://host:port",
  }),
  prefix: flag(z.string().optional(), {
    value: "PATH",
    description: "only broadcasts below this path, as the relay announces them",
    defaultSays: "all, from a relay of this kind",
  }),
  follow: flag(z.boolean().default(false), {
    description: "stay, and print + and - as broadcasts come and go",
  }),
  ...trustFlags,
  ...observeFlags,
});

export const lsCommand = defineCommand({
  name: "ls",
  summary: "list the broadcasts of a relay",
  description:
    "Prints one path per line. With --prefix it asks the relay to announce what is below that path (SUBSCRIBE_NAMESPACE); without, it reads the list that moqb relay keeps, because draft 14 has no way to ask for everything.",
  flags,
  examples: [
    { says: "what is there now", line: "moqb ls moqt://127.0.0.1:4443" },
    { says: "what comes and goes below live/", line: "moqb ls moqt://relay.example --prefix live --follow" },
  ],
  async run(values, surroundings) {
    const prefix = values.prefix === undefined ? undefined : parseBroadcast(values.prefix);
    const client = await openClient(values, surroundings);
    const printer = new Printer(surroundings, values.follow);
    try {
      await client.during(
        prefix === undefined
          ? listAll(client, printer, surroundings.signal)
          : listBelow(client, prefix, printer, surroundings.signal),
      );
    } finally {
      await client.close();
    }
  },
});

class Printer {
  readonly #stdout: Surroundings["stdout"];
  readonly follow: boolean;
  lastChange = performance.now();

  constructor({ stdout }: Surroundings, follow: boolean) {
    this.#stdout = stdout;
    this.follow = follow;
  }

  added(path: string): void {
    this.lastChange = performance.now();
    this.#stdout.write(`${this.follow ? "+ " : ""}${path}\n`);
  }

  removed(path: string): void {
    if (this.follow) this.#stdout.write(`- ${path}\n`);
  }
}

/** What the relay announces below a prefix. */
async function listBelow(client: Client, prefix: TrackNamespace, printer: Printer, signal: AbortSignal): Promise<void> {
  const announced = client.session.announced(prefix, {
    added: (namespace) => printer.added(namespace.toString()),
    removed: (namespace) => printer.removed(namespace.toString()),
  });
  await announced.ready;
  if (printer.follow) return untilAborted(signal);
  printer.lastChange = performance.now();
  for (;;) {
    const left = printer.lastChange + quietMs - performance.now();
    if (left <= 0 || signal.aborted) return;
    await pause(left, signal);
  }
}

/** The relay's own list. */
async function listAll(client: Client, printer: Printer, signal: AbortSignal): Promise<void> {
  const broadcast: BroadcastConsumer = client.session.consume(directoryNamespace);
  const reader = new ObjectReader(broadcast, directoryTrack, largestListBytes, signal);
  let known = new Set<string>();
  try {
    do {
      const bytes = await reader.next();
      if (bytes === undefined) return;
      const paths = new Set(
        new TextDecoder()
          .decode(bytes)
          .split("\n")
          .filter((path) => path !== ""),
      );
      for (const path of known) if (!paths.has(path)) printer.removed(path);
      for (const path of paths) if (!known.has(path)) printer.added(path);
      known = paths;
    } while (printer.follow);
  } catch (error) {
    if (signal.aborted) return;
    if (!mayPass(error)) throw error;
    throw new Failure(
      "refused",
      `${client.target.label} keeps no list of its broadcasts; ask for those below a path with --prefix PATH`,
      {
        cause: error,
      },
    );
  } finally {
    reader.close();
  }
}
