#!/usr/bin/env node
/** Entry of `moqingbird` and `moqb`: signals, exit code, nothing else. */
import { run } from "./program.ts";

const stop = new AbortController();
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  // The first asks everything to end; the second, from somebody who does not want to wait, ends it.
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(code);
    stop.abort();
  });
}

const { stdin, stdout, stderr, env } = process;
const onReload = (task: () => void) => {
  process.on("SIGHUP", task);
  return () => void process.off("SIGHUP", task);
};
process.exitCode = await run(process.argv.slice(2), { stdin, stdout, stderr, env, signal: stop.signal, onReload });
// A command has closed what it opened when it returns; a standard input that nobody ends must not hold the process.
stdin.destroy();
