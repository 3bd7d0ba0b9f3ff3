/** `moqb demo`: see demo/demo.ts. */
import { z } from "zod";
import { defineCommand } from "../command.ts";
import { runDemo } from "../demo/demo.ts";
import { flag } from "../flags.ts";
import { parseListenAddress } from "../url.ts";

export const demoCommand = defineCommand({
  name: "demo",
  summary: "a publisher, a relay and two subscribers, with a live table",
  description:
    "Runs a relay, a publisher that loops a small film in real time, and two subscribers, one of them late, all over QUIC on real UDP sockets, and compares every frame that arrives with the film. Ends with exit code 8 if one was missing or wrong.",
  flags: z.object({
    seconds: flag(
      z.coerce.number("give a number").min(3, "give at least 3").max(86_400, "give at most 86400").optional(),
      {
        value: "N",
        description: "end after so many seconds",
        defaultSays: "at Ctrl-C",
      },
    ),
    listen: flag(z.string().default("127.0.0.1:0"), {
      value: "ADDR",
      description: "where the relay listens, so that others can watch",
    }),
  }),
  examples: [
    { says: "until Ctrl-C", line: "moqb demo" },
    { says: "as a test", line: "moqb demo --seconds 10" },
  ],
  run: ({ seconds, listen }, surroundings) => runDemo({ seconds, listen: parseListenAddress(listen) }, surroundings),
});
