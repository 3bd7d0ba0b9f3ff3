/** A QUIC conversation between two runtimes, by the program that `programs/quic.ts` is. */
import { run } from "@moqingbird/toolchain";
import type { Runtime } from "./runtimes.ts";

const program = "quic.ts";
const timeoutMs = 90_000;
const largestCode = `${2n ** 62n - 1n}`;

/** What each line of a client's must say; `gaps` of its runtime say otherwise. */
const expected: Readonly<Record<string, string>> = {
  connected: "everywhere",
  bulk: "8000000 bytes",
  streams: "300",
  datagrams: "50",
  reset: largestCode,
  stopped: largestCode,
  "port in use": "address-in-use",
  "wrong certificate": "certificate-untrusted",
  "nothing there": "connection-refused",
  "dropped packets": "0",
};

/** One serves and the other dials. Rejects when a step fails, says something else, or a program does not end by itself. */
export async function converse(folder: string, server: Runtime, client: Runtime): Promise<void> {
  const listening = Promise.withResolvers<string>();
  const closed = Promise.withResolvers<string>();
  const serving = start(folder, server, ["serve"], (what, value) => {
    if (what === "listening") listening.resolve(value);
    if (what === "closed") closed.resolve(value);
  });
  serving.catch(listening.reject);
  const [port = "", sha256 = ""] = (await listening.promise).split(" ");
  const said: Record<string, string> = {};
  await start(folder, client, ["dial", port, sha256], (what, value) => {
    said[what] = value;
  });
  await serving;
  for (const [what, value] of Object.entries({ ...expected, ...client.gaps })) compare(client, what, said[what], value);
  compare(server, "closed", await closed.promise, `peer-application ${largestCode} goodbye`);
}

function start(
  folder: string,
  { command, name }: Runtime,
  args: readonly string[],
  heard: (what: string, value: string) => void,
): Promise<void> {
  const [file, ...flags] = command;
  const log = `pack-${args[0]}-${name.replace(" ", "-")}`;
  const onLine = (line: string): void => {
    const [what, value] = line.split(": ", 2);
    if (what !== undefined && value !== undefined) heard(what, value);
  };
  return run(file, [...flags, program, ...args], { cwd: folder, log, onLine, timeoutMs });
}

function compare({ name }: Runtime, what: string, said: string | undefined, wanted: string): void {
  if (said !== wanted) throw new Error(`${name} says "${what}: ${said ?? ""}" instead of "${wanted}".`);
}
