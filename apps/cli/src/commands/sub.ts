/** `moqb sub`: a broadcast becomes standard output or a file. */
import type { Ending } from "@moqingbird/model";
import { z } from "zod";
import { type Client, openClient, parseBroadcast } from "../client.ts";
import { defineCommand, type Surroundings } from "../command.ts";
import { Failure } from "../failure.ts";
import { flag } from "../flags.ts";
import { observeFlags } from "../observe.ts";
import { count, formatBytes } from "../quantity.ts";
import { Reception } from "../subscribe/reception.ts";
import { trustFlags } from "../tls.ts";

const flags = z.object({
  url: flag(z.string(), {
    positional: true,
    value: "URL",
    description: "the relay: moqt://, https://, http:// or wss://host:port",
  }),
  broadcast: flag(z.string(), { value: "PATH", description: "name of the broadcast, such as live/room1" }),
  track: flag(z.string().optional(), {
    value: "NAME",
    description: "one track, its objects end to end",
    defaultSays: "the fragmented MP4 that .catalog describes, or else the track data",
  }),
  output: flag(z.string().optional(), {
    value: "FILE",
    description: "where to write",
    defaultSays: "standard output",
  }),
  ...trustFlags,
  ...observeFlags,
});

export const subCommand = defineCommand({
  name: "sub",
  summary: "subscribe to a broadcast and write it to standard output or a file",
  description:
    "Waits for the broadcast, then writes what it carries, in order, from the newest group on until the broadcast ends. Groups that were lost are named on stderr and make the exit code 8.",
  flags,
  examples: [
    { says: "watch a live picture", line: "moqb sub moqt://relay.example --broadcast live/film | ffplay -" },
    {
      says: "receive a file",
      line: "moqb sub moqt://127.0.0.1:4443 --broadcast backup --output backup.tar",
    },
    {
      says: "one track of somebody else's broadcast",
      line: "moqb sub moqt://127.0.0.1:4443 --broadcast live/film --track 0.mp4 > init.mp4",
    },
  ],
  async run(values, surroundings) {
    const namespace = parseBroadcast(values.broadcast);
    const client = await openClient(values, surroundings);
    try {
      await receive(client, new Reception({ ...values, namespace, client, surroundings }), surroundings);
    } finally {
      await client.close();
    }
  },
});

/** Runs the reception and tells how it ended: a line on stderr when all is well, a failure otherwise. */
async function receive(client: Client, reception: Reception, { stderr }: Surroundings): Promise<void> {
  let ending: Ending | undefined;
  try {
    ending = await client.during(reception.run());
  } finally {
    reception.stop();
  }
  const { broadcast, lostGroups, groups, bytes } = reception;
  const received = `${count(groups, "group")}, ${formatBytes(bytes)}`;
  if (lostGroups > 0) {
    throw new Failure(
      "data-lost",
      `${count(lostGroups, "group")} of broadcast ${broadcast} were lost, ${received} received; publish at a lower --rate or read faster`,
    );
  }
  if (ending === undefined) return; // Ctrl-C or SIGTERM: as asked
  if (ending.code === "aborted") {
    throw new Failure(
      "connection-lost",
      `broadcast ${broadcast} ended early (${ending.reason.replace(/\.$/, "")}), ${received} received; start again when its publisher is back`,
    );
  }
  stderr.write(`moqb: broadcast ${broadcast} ended; ${received} received\n`);
}
