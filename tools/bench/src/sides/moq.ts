/** What publisher and subscribers of the relay's benchmarks share. */
import { type Cache, TrackNamespace } from "@moqingbird/model";
import { connect as openSession, protocolsOf, type Session } from "@moqingbird/session";
import { connect } from "@moqingbird/transport";
import { idleTimeoutMs } from "./load.ts";

export const namespace = TrackNamespace.of("bench", "fanout");
export const trackName = "objects";
export const objectBytes = 1200;
export const objectsPerGroup = 10;

/** A thousand sessions that are opened at once on a busy machine take their time. */
const patienceMs = 30_000;

/** A MoQ session with whoever listens on the port of loopback. */
export async function dial(port: number, root: string, cache: Cache): Promise<Session> {
  const connection = await connect({
    host: "127.0.0.1",
    port,
    serverName: "localhost",
    alpn: protocolsOf(),
    trust: { roots: [root] },
    timeoutMs: patienceMs,
    transport: { idleTimeoutMs },
    socketBufferBytes: 256 * 1024, // a thousand sockets
  });
  return openSession(connection, { cache, limits: { setupTimeoutMs: patienceMs, requestTimeoutMs: patienceMs } });
}

/** Milliseconds on a clock that all processes of a machine share. */
export const sharedNow = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;
