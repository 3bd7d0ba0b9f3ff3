/** `moqb` as child processes, the way people run it: what went in, what came out, how it ended. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** How a program ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** One running `moqb`. */
export class Moqb {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  readonly #out: Buffer[] = [];
  #err = "";
  readonly #watchers = new Set<() => void>();

  constructor(
    argv: readonly string[],
    options: { readonly input?: Uint8Array | "open"; readonly env?: NodeJS.ProcessEnv } = {},
  ) {
    this.child = spawn(process.execPath, ["--conditions=@moqingbird/source", main, ...argv], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
    });
    this.child.stdin?.on("error", () => {}); // it may end before it read everything
    if (options.input !== "open") this.child.stdin?.end(options.input);
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.#out.push(chunk);
      this.#tell();
    });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.#err += chunk.toString();
      this.#tell();
    });
    this.ended = once(this.child, "close").then(([code, signal]) => {
      this.#tell();
      return { code, signal, stdout: this.stdout, stderr: this.stderr };
    });
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#out);
  }

  get stderr(): string {
    return this.#err;
  }

  /** Resolves as soon as `look` finds something; rejects when the program ends first. */
  until<T>(look: (moqb: this) => T | undefined | false): Promise<T> {
    return new Promise((resolve, reject) => {
      const watch = (): void => {
        const found = look(this);
        if (found !== undefined && found !== false) {
          this.#watchers.delete(watch);
          resolve(found);
        } else if (this.child.exitCode !== null || this.child.signalCode !== null) {
          this.#watchers.delete(watch);
          reject(new Error(`moqb ended with ${this.child.exitCode ?? this.child.signalCode}: ${this.stderr}`));
        }
      };
      this.#watchers.add(watch);
      watch();
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  #tell(): void {
    for (const watch of [...this.#watchers]) watch();
  }
}

/** An event of the relay's log. */
export interface LogEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** A relay on a port of its own, and its log. */
export class RelayProcess {
  readonly moqb: Moqb;
  readonly url: string;
  readonly port: number;

  private constructor(moqb: Moqb, port: number) {
    this.moqb = moqb;
    this.port = port;
    this.url = `moqt://127.0.0.1:${port}`;
  }

  static async start(...flags: string[]): Promise<RelayProcess> {
    const certificate = flags.includes("--tls-cert") ? [] : ["--tls-generate", "localhost"];
    const moqb = new Moqb(["relay", "--listen", "127.0.0.1:0", ...certificate, ...flags]);
    const listening = await moqb.until(() => events(moqb.stderr).find(({ event }) => event === "listening"));
    return new RelayProcess(moqb, listening.port as number);
  }

  get log(): LogEvent[] {
    return events(this.moqb.stderr);
  }

  /** The first event of this name whose fields match. */
  seen(event: string, fields: Readonly<Record<string, unknown>> = {}): Promise<LogEvent> {
    return this.moqb.until(() =>
      this.log.find(
        (line) => line.event === event && Object.entries(fields).every(([key, value]) => line[key] === value),
      ),
    );
  }
}

function events(text: string): LogEvent[] {
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as LogEvent);
}

/** Programs and folders of one test, all gone after it. */
export class Bench {
  readonly #programs: Moqb[] = [];
  readonly #folders: string[] = [];

  moqb(argv: readonly string[], options?: ConstructorParameters<typeof Moqb>[1]): Moqb {
    const moqb = new Moqb(argv, options);
    this.#programs.push(moqb);
    return moqb;
  }

  /** A client command that trusts the relay's generated certificate. */
  client(
    command: string,
    relay: { readonly url: string },
    argv: readonly string[],
    options?: ConstructorParameters<typeof Moqb>[1],
  ): Moqb {
    return this.moqb([command, relay.url, "--tls-disable-verify", ...argv], options);
  }

  async relay(...flags: string[]): Promise<RelayProcess> {
    const relay = await RelayProcess.start(...flags);
    this.#programs.push(relay.moqb);
    return relay;
  }

  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "moqb-"));
    this.#folders.push(folder);
    return folder;
  }

  async clear(): Promise<void> {
    for (const { child } of this.#programs)
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await Promise.all(this.#programs.map(({ ended }) => ended));
    await Promise.all(this.#folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}
