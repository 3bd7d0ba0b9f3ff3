/** Relays under load: ours, and Cloudflare's draft-14 relay where `./run interop` has built it. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createAuthority } from "@moqingbird/testing";
import { inCache } from "@moqingbird/toolchain";
import { ourNode, type Reading, Side } from "./side.ts";

/** Memory of a process, in bytes. */
export interface Memory {
  readonly rss: number;
  /** What lives in JavaScript's heap; the engine's memory is beside it. NaN where there is none. */
  readonly heap: number;
}

/** A relay that runs in a process of its own. */
export interface Relay {
  readonly port: number;
  begin(profile?: string): Promise<void>;
  /** User and system time of the process since `begin`, in seconds. */
  cpuSeconds(): Promise<number>;
  memory(): Promise<Memory>;
  end(): Promise<void>;
}

/** How a relay is started, and its name. */
export interface RelayKind {
  readonly name: string;
  start(leaf: Leaf): Promise<Relay>;
}

export type Leaf = Awaited<ReturnType<typeof createLeaf>>;

/** A certificate for loopback and the root it chains to. */
export async function createLeaf() {
  const authority = await createAuthority();
  return { root: authority.root, ...(await authority.issue(["localhost", "127.0.0.1"])) };
}

/** What `moqb relay` sets for its heap, and a way to collect garbage before memory is read. */
const relayFlags = ["--semi-space-growth-factor=1", "--heap-growing-percent=50", "--expose-gc"];

export const ourRelay: RelayKind = {
  name: "ours",
  async start({ chain, key }) {
    const side = new Side({ file: "sides/relay.ts", parameters: { chain, key }, runner: ourNode(...relayFlags) });
    const { port } = await side.next<{ port: number }>();
    return {
      port,
      begin: (profile) => side.ask(`begin ${profile ?? ""}`),
      cpuSeconds: async () => (await side.ask<Reading>("end")).cpuSeconds,
      memory: () => side.ask<Memory>("memory"),
      end: () => side.end(),
    };
  },
};

const cloudflareProgram = inCache("peers", "bin", "moq-relay-ietf");

/** The other relays that are here to be compared with. Linux only: their CPU time is read from /proc. */
export function otherRelays(): RelayKind[] {
  if (!existsSync(cloudflareProgram) || !existsSync("/proc/self/stat")) return [];
  return [{ name: "moq-relay-ietf", start: startCloudflare }];
}

async function startCloudflare({ chain, key }: Leaf): Promise<Relay> {
  const folder = mkdtempSync(join(tmpdir(), "moqingbird-bench-"));
  const file = (name: string, text = ""): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const files = ["--tls-cert", file("cert.pem", chain), "--tls-key", file("key.pem", key)];
  const args = ["--bind", "127.0.0.1:0", ...files, "--coordinator-file", join(folder, "coordinator.json")];
  const child = spawn(cloudflareProgram, args, {
    env: { ...process.env, RUST_LOG: "info", NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const end = async (): Promise<void> => {
    const exited = new Promise((resolve) => child.once("exit", resolve));
    if (child.exitCode === null && child.kill("SIGKILL")) await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  const port = await listeningPort(child).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  const { pid = 0 } = child;
  let before = 0;
  return {
    port,
    async begin() {
      before = processCpuSeconds(pid);
    },
    cpuSeconds: async () => processCpuSeconds(pid) - before,
    memory: async () => ({
      rss: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024,
      heap: Number.NaN,
    }),
    end,
  };
}

/** What its log says. */
function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("moq-relay-ietf does not listen after 10 s")), 10_000);
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const port = /listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error("moq-relay-ietf ended")));
  });
}

/** utime and stime of proc(5), in ticks of 10 ms. */
function processCpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
