/** The fingerprint a server tells over plain HTTP. Whoever is on the path can tell another one: for loopback and labs. */
import { errnoOf, messageOf, TransportError } from "../errors.ts";
import { parseFingerprint } from "./certificate.ts";

/** Options of {@link fetchFingerprint}. */
export interface FetchFingerprintOptions {
  /** Time for the answer, in milliseconds. Default 10000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const fingerprintPath = "/certificate.sha256";
/** A fingerprint has 64 digits, 95 characters with colons; more than this is something else. */
const maxCharacters = 256;

/**
 * Fetches `/certificate.sha256` of an `http:` URL's host, whatever the URL's own path, and returns the 32 bytes, for
 * `trust: { sha256: [...] }`. Errors: `connection-refused`, `host-not-found`, `handshake-timeout`, `certificate-untrusted` when
 * there is none to be had, `option-invalid` for a URL that is not `http:`, and the reason of `signal`.
 */
export async function fetchFingerprint(
  url: string | URL,
  { timeoutMs = 10_000, signal }: FetchFingerprintOptions = {},
): Promise<Uint8Array> {
  const place = placeOf(url);
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(place, {
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      redirect: "error",
    });
    if (!response.ok) throw new Error(`it answers ${fingerprintPath} with HTTP status ${response.status}`);
    return parseFingerprint(await shortText(response));
  } catch (cause) {
    signal?.throwIfAborted();
    const where = place.host;
    if (limit.aborted) throw new TransportError("handshake-timeout", { where, ms: timeoutMs }, { cause });
    throw translated(cause, place);
  }
}

function placeOf(url: string | URL): URL {
  let place: URL;
  try {
    place = new URL(fingerprintPath, url);
  } catch {
    throw new TransportError("option-invalid", { option: "url", detail: `${JSON.stringify(String(url))} is no URL` });
  }
  if (place.protocol === "http:") return place;
  throw new TransportError("option-invalid", { option: "url", detail: `it begins with ${place.protocol}, not http:` });
}

/** `fetch` hides what happened in the cause. */
function translated(error: unknown, { host, hostname }: URL): TransportError {
  const reason = error instanceof TypeError && error.cause !== undefined ? error.cause : error;
  const last = reason instanceof AggregateError ? reason.errors.at(-1) : reason;
  const cause = { cause: error };
  const errno = errnoOf(last) ?? errnoOf(reason);
  // Bun's name for it stands beside Node's.
  if (errno === "ECONNREFUSED" || errno === "ConnectionRefused") {
    return new TransportError("connection-refused", { where: host }, cause);
  }
  if (errno === "ENOTFOUND" || errno?.startsWith("EAI_")) {
    return new TransportError("host-not-found", { host: hostname, detail: messageOf(last) }, cause);
  }
  return new TransportError("certificate-untrusted", { where: host, detail: messageOf(reason) }, cause);
}

async function shortText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxCharacters) throw new Error("it tells more than a fingerprint");
  }
  return text.trim();
}
