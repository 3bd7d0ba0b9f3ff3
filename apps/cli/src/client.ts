/** A MoQ session to a URL, as every command of `moqb` needs it: trust, path, limits, and the moment it is lost. */
import { Cache, TrackNamespace } from "@moqingbird/model";
import { connect as openSession, protocolsOf, type Session, type SessionEnd } from "@moqingbird/session";
import {
  type Connection,
  connectWebTransport,
  type ObservingOptions,
  connect as openConnection,
  type Trust,
} from "@moqingbird/transport";
import type { Surroundings } from "./command.ts";
import { explain, firstSentence } from "./explain.ts";
import { Failure } from "./failure.ts";
import { type Observation, type ObserveValues, observe, toldOn } from "./observe.ts";
import { readTrust, type TrustValues } from "./tls.ts";
import { parseTarget, type Target } from "./url.ts";

/** Bytes that groups may take in this process, sent or received and not yet taken. */
const bufferBytes = 64 * 1024 * 1024;

/** How long QUIC is waited for before a WebSocket is tried too: what is published or watched for hours may begin late. */
const headStartMs = 2000;

/** How long what is still under way may take when a command is done. */
const drainMs = 2000;

export interface Client {
  readonly target: Target;
  readonly session: Session;
  /** What the session receives goes here; also for what this process publishes. */
  readonly cache: Cache;
  /** The result of `work`, or the failure that ended the session first. */
  during<T>(work: Promise<T>): Promise<T>;
  /** What the connection measures, for a line of progress. */
  readonly path: string;
  /** Ends the session gracefully; never rejects. */
  close(): Promise<void>;
}

/** Flags of a command that is a client. */
export interface ClientValues extends TrustValues, ObserveValues {
  readonly url: string;
}

/** Connects and sets the session up. Rejects with a sentence that names the URL. */
export async function openClient(values: ClientValues, surroundings: Surroundings): Promise<Client> {
  const observation = observe(values, surroundings, toldOn(surroundings));
  try {
    return await open(values, surroundings.signal, observation);
  } catch (error) {
    observation.stop();
    throw error;
  }
}

async function open(values: ClientValues, signal: AbortSignal, observation: Observation): Promise<Client> {
  const target = parseTarget(values.url);
  const trust = await readTrust(values);
  // A server that speaks plain HTTP tells its certificate itself, where no flag says whom to trust.
  const untold = target.web?.protocol === "http:" && trust === "system";
  const cache = new Cache({ capacityBytes: bufferBytes, retentionMs: Number.POSITIVE_INFINITY });
  const connection = await (target.web === undefined
    ? openConnection({
        host: target.host,
        port: target.port,
        alpn: protocolsOf(),
        trust,
        signal,
        ...observation.options,
      })
    : openWeb(target.web, { trust: untold ? undefined : trust, signal, ...observation.options }));
  // On the web the request has told the path.
  const path = target.web === undefined && target.path !== "" ? { path: target.path } : {};
  const session = await openSession(connection, { cache, ...path });
  return new OpenClient({ target, session, cache, connection, observation });
}

interface WebParts extends ObservingOptions {
  readonly trust: Trust | undefined;
  readonly signal: AbortSignal;
}

/** A session over WebTransport or WebSocket, byte by byte. */
async function openWeb(url: URL, { trust, ...parts }: WebParts): Promise<Connection> {
  const believed = trust === undefined ? {} : { trust };
  const protocols = protocolsOf();
  const session = await connectWebTransport(url, { ...parts, ...believed, protocols, bare: true, headStartMs });
  return session.connection as Connection;
}

interface ClientParts {
  readonly target: Target;
  readonly session: Session;
  readonly cache: Cache;
  readonly connection: Connection;
  readonly observation: Observation;
}

class OpenClient implements Client {
  readonly target: Target;
  readonly session: Session;
  readonly cache: Cache;
  readonly #connection: Connection;
  readonly #observation: Observation;
  readonly #lost: Promise<never>;

  constructor({ target, session, cache, connection, observation }: ClientParts) {
    this.target = target;
    this.session = session;
    this.cache = cache;
    this.#connection = connection;
    this.#observation = observation;
    this.#lost = session.closed.then((end) => {
      throw lostFailure(target, end);
    });
    this.#lost.catch(() => {}); // it is only told to who waits
  }

  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#lost]);
  }

  get path(): string {
    const { rttMicros, sentPackets, lostPackets } = this.#connection.stats();
    const lost = lostPackets === 0 ? "" : `, ${((100 * lostPackets) / sentPackets).toFixed(1)} % of ours lost`;
    return `round trip ${(rttMicros / 1000).toFixed(rttMicros < 10_000 ? 1 : 0)} ms${lost}`;
  }

  async close(): Promise<void> {
    await this.session.drain({ timeoutMs: drainMs });
    this.#observation.stop();
  }
}

/** Why the session ended, when it was not this side that ended it. */
function lostFailure({ label }: Target, end: SessionEnd): Failure {
  if (end.by !== "peer-application" && end.error !== undefined) return explain(end.error);
  const reason = firstSentence(end.reason || end.name || "it gave no reason");
  const code = end.code === 0n ? "" : ` with code 0x${end.code.toString(16)}`;
  return new Failure("connection-lost", `${label} closed the session${code}: ${reason}; see its log, then start again`);
}

/** Reads `--broadcast`. */
export function parseBroadcast(path: string): TrackNamespace {
  try {
    const namespace = TrackNamespace.parse(path.replace(/^\//, ""));
    if (namespace.length > 0) return namespace;
  } catch (error) {
    throw explain(error);
  }
  throw new Failure("usage", "--broadcast is empty; write a path such as live/room1");
}
