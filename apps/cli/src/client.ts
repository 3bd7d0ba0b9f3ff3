/** A MoQ session to a URL, as every command of `moqb` needs it: trust, path, limits, and the moment it is lost. */
import { Cache, TrackNamespace } from "@moqingbird/model";
import { connect as openSession, protocolsOf, type Session, type SessionEnd } from "@moqingbird/session";
import { connect as openConnection } from "@moqingbird/transport";
import { explain, firstSentence } from "./explain.ts";
import { Failure } from "./failure.ts";
import { readTrust, type TrustValues } from "./tls.ts";
import { parseTarget, type Target } from "./url.ts";

/** Bytes that groups may take in this process, sent or received and not yet taken. */
const bufferBytes = 64 * 1024 * 1024;

/** How long what is still under way may take when a command is done. */
const drainMs = 2000;

export interface Client {
  readonly target: Target;
  readonly session: Session;
  /** What the session receives goes here; also for what this process publishes. */
  readonly cache: Cache;
  /** The result of `work`, or the failure that ended the session first. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Ends the session gracefully; never rejects. */
  close(): Promise<void>;
}

/** Connects and sets the session up. Rejects with a sentence that names the URL. */
export async function openClient(values: TrustValues & { readonly url: string }, signal: AbortSignal): Promise<Client> {
  const target = parseTarget(values.url);
  const trust = await readTrust(values);
  const cache = new Cache({ capacityBytes: bufferBytes, retentionMs: Number.POSITIVE_INFINITY });
  const connection = await openConnection({
    host: target.host,
    port: target.port,
    alpn: protocolsOf(),
    trust,
    signal,
  });
  const session = await openSession(connection, { cache, ...(target.path !== "" && { path: target.path }) });
  return new OpenClient(target, session, cache);
}

class OpenClient implements Client {
  readonly target: Target;
  readonly session: Session;
  readonly cache: Cache;
  readonly #lost: Promise<never>;

  constructor(target: Target, session: Session, cache: Cache) {
    this.target = target;
    this.session = session;
    this.cache = cache;
    this.#lost = session.closed.then((end) => {
      throw lostFailure(target, end);
    });
    this.#lost.catch(() => {}); // it is only told to who waits
  }

  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#lost]);
  }

  async close(): Promise<void> {
    await this.session.drain({ timeoutMs: drainMs });
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
