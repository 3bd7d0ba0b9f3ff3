/**
 * The way to the relay: the browser's WebTransport, or a WebSocket where there is none (Safari), where it fails, and where it
 * never answers, as behind networks without UDP.
 */
import { connect, overWebTransport, protocolsOf, type Session } from "@moqingbird/session";
import { connectWebSocket, race } from "@moqingbird/transport/browser";

/** Milliseconds that WebTransport is waited for before a WebSocket is tried beside it. */
const headStartMs = 1000;

/** Opens a session with the relay at an `https:` URL; a page that came without TLS may ask for a WebSocket without it too. */
export async function dial(relay: URL): Promise<Session> {
  return connect(
    await race<Parameters<typeof connect>[0]>({
      better: (signal) => byWebTransport(relay, signal),
      other: (signal) => connectWebSocket(socketUrl(relay), { protocols: protocolsOf(), bare: true, signal }),
      headStartMs,
      discard: (late) => late.close({ code: 0, reason: "" }),
    }),
  );
}

async function byWebTransport(relay: URL, signal: AbortSignal) {
  if (typeof WebTransport === "undefined") throw new Error("This browser has no WebTransport.");
  const hash = await pinned(signal);
  const options = hash === undefined ? {} : { serverCertificateHashes: [{ algorithm: "sha-256", value: hash }] };
  const transport = new WebTransport(relay, options);
  signal.addEventListener("abort", () => transport.close(), { once: true });
  return overWebTransport(transport);
}

/** The fingerprint that the server of this page tells; undefined where it tells none, and authorities are asked. */
async function pinned(signal: AbortSignal): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const response = await fetch("/certificate.sha256", { signal });
  const digits = (await response.text()).trim();
  if (!response.ok || !/^[0-9a-f]{64}$/.test(digits)) return undefined;
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

function socketUrl(relay: URL): URL {
  const url = new URL(relay);
  url.protocol = location.protocol === "http:" ? "ws:" : "wss:";
  return url;
}
