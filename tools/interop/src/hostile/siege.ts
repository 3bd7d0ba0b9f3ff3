/** A server, a healthy client that measures its round trips, and rogues. */
import { setTimeout as wait } from "node:timers/promises";
import { inRoot } from "@moqingbird/toolchain";
import { ByteReader, ByteWriter, type Connection, connect } from "@moqingbird/transport";
import { Program } from "../lab/program.ts";
import { rogueProgram } from "../peers/rogue.ts";

/** What the server's process uses. */
export interface ServerMemory {
  readonly residentBytes: number;
  /** Of the engine's memory, at most since it was asked before. */
  readonly engineBytes: number;
}

/** What a rogue says in the end. */
export interface RogueReport {
  /** Datagrams. */
  readonly sent: number;
  readonly connections: number;
  /** Retry packets it was answered with. */
  readonly retries: number;
  /** How often each code ended a connection. */
  readonly codes: Readonly<Record<string, number>>;
}

/** One rogue's time. */
export interface Phase extends RogueReport {
  /** The healthy client's round trips, in milliseconds. */
  readonly medianMs: number;
  readonly trips: number;
  readonly memory: ServerMemory;
}

const pauseMs = 5;
const rogueMs = 20_000;

export class Siege {
  readonly server: Program;
  readonly #port: number;
  readonly #healthy: Connection;

  private constructor(server: Program, port: number, healthy: Connection) {
    this.server = server;
    this.#port = port;
    this.#healthy = healthy;
  }

  static async begin(): Promise<Siege> {
    const server = new Program({
      name: "server",
      program: process.execPath,
      args: ["--expose-gc", "--conditions=@moqingbird/source", inRoot("tools/interop/src/hostile/server.ts")],
    });
    const port = Number((await server.line(/^port (\d+)$/))[1]);
    return new Siege(server, port, await dial(port));
  }

  /** A rogue does so for a while, and the healthy client goes on. */
  async phase(attack: string, seconds: number): Promise<Phase> {
    const rogue = new Program({
      name: `rogue ${attack}`,
      program: rogueProgram(),
      args: [`127.0.0.1:${this.#port}`, attack, String(seconds)],
    });
    try {
      await rogue.line(/^begun$/);
      const ended = rogue.line(/^\{.*\}$/, rogueMs);
      let over = false;
      ended.then(
        () => (over = true),
        () => (over = true),
      );
      const trips: number[] = [];
      while (!over) {
        trips.push(await this.roundTrip());
        await wait(pauseMs);
      }
      const report = JSON.parse((await ended)[0]) as RogueReport;
      return { ...report, medianMs: median(trips), trips: trips.length, memory: await this.#memory() };
    } finally {
      rogue.stdin.end();
      await rogue.stop();
    }
  }

  /** A newcomer is let in. */
  async admits(): Promise<boolean> {
    const connection = await dial(this.#port);
    connection.close();
    return connection.protocol === "healthy";
  }

  /** A hundred bytes on a stream of their own, there and back. */
  async roundTrip(): Promise<number> {
    const begun = performance.now();
    const [writer, reader] = [new ByteWriter(), new ByteReader()];
    this.#healthy.openBidirectional(writer, reader);
    writer.write(new Uint8Array(100));
    writer.finish();
    await reader.bytes();
    return performance.now() - begun;
  }

  async end(): Promise<void> {
    this.#healthy.close();
    await this.server.stop();
  }

  async #memory(): Promise<ServerMemory> {
    const seen = this.server.lines.length;
    this.server.stdin.write("memory\n");
    let line = 0;
    return this.server.until("figures of memory", (text) => {
      line++;
      return line > seen && text.startsWith("{") ? (JSON.parse(text) as ServerMemory) : undefined;
    });
  }
}

function dial(port: number): Promise<Connection> {
  return connect({ host: "127.0.0.1", port, alpn: ["healthy"], trust: "none" });
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
