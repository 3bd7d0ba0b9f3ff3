/** `moqb relay` as a process, with somebody well-behaved on it, and what can be seen of both from outside. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const run = (file: string, ...args: string[]): ChildProcess =>
  spawn(process.execPath, ["--conditions=@moqingbird/source", here(file), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });

interface Report {
  readonly published?: number;
  readonly delays?: number[];
  readonly closed?: string;
}

export class RelayProcess {
  readonly port: number;
  /** How each session of the relay ended: `CODE reason`. */
  readonly ends: string[] = [];
  /** What is no line of the log: a crash, an unhandled rejection. */
  readonly noise: string[] = [];
  readonly #relay: ChildProcess;
  readonly #healthy: ChildProcess;
  #reports: Report[] = [];

  private constructor(relay: ChildProcess, port: number) {
    this.#relay = relay;
    this.port = port;
    this.#healthy = run("./healthy.ts", String(port));
    lines(this.#healthy, (line) => this.#reports.push(JSON.parse(line) as Report));
    this.#healthy.stderr?.on("data", (data) => this.noise.push(`healthy: ${data}`));
  }

  static async start(): Promise<RelayProcess> {
    const args = ["relay", "--listen", "127.0.0.1:0", "--tls-generate", "localhost"];
    const relay = run("../../../cli/src/main.ts", ...args);
    let started: RelayProcess | undefined;
    await new Promise<void>((resolve) => {
      createInterface({ input: relay.stderr as NodeJS.ReadableStream }).on("line", (line) => {
        const entry = parse(line);
        if (entry === undefined) started?.noise.push(line);
        else if (entry.event === "session-closed") started?.ends.push(`${entry.code} ${entry.reason}`);
        else if (entry.event === "listening") {
          started = new RelayProcess(relay, entry.port as number);
          resolve();
        }
      });
    });
    const process = started as unknown as RelayProcess;
    while (process.#reports.length < 4) await once(process.#healthy.stdout as NodeJS.ReadableStream, "data");
    return process;
  }

  /** Largest resident memory so far, in MB; 0 where the system does not tell. */
  get peakMegabytes(): number {
    if (process.platform !== "linux") return 0;
    const status = readFileSync(`/proc/${this.#relay.pid}/status`, "utf8");
    return (Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024) / 1e6;
  }

  get running(): boolean {
    return this.#relay.exitCode === null && this.#relay.signalCode === null;
  }

  /** Starts counting anew what comes to the healthy subscriber. */
  watch(): void {
    this.#reports = [];
  }

  /** What came since `watch`, and what is still on its way after a moment. */
  async health(): Promise<{ missing: number; medianMs: number; closed: string[] }> {
    for (let i = 0; i < 4; i++) await once(this.#healthy.stdout as NodeJS.ReadableStream, "data");
    const delays = this.#reports.flatMap((report) => report.delays ?? []).sort((a, b) => a - b);
    const published = this.#reports.reduce((sum, report) => sum + (report.published ?? 0), 0);
    return {
      missing: published - delays.length,
      medianMs: delays[delays.length >> 1] ?? Number.POSITIVE_INFINITY,
      closed: this.#reports.flatMap((report) => report.closed ?? []),
    };
  }

  async stop(): Promise<void> {
    this.#healthy.kill("SIGKILL");
    if (!this.running) return;
    this.#relay.kill("SIGTERM");
    await once(this.#relay, "exit");
  }
}

function lines(child: ChildProcess, listener: (line: string) => void): void {
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", listener);
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
