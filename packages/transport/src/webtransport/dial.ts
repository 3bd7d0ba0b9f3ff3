/** From a destination to a session: QUIC with ALPN "h3", SETTINGS, extended CONNECT; one time-out over all of it. */
import { TransportError } from "../errors.ts";
import { type OpenedSession, openSession } from "../h3/client.ts";
import { Http3Connection } from "../h3/http3-connection.ts";
import { connectOn } from "../quic/connect.ts";
import type { Runtime } from "../quic/runtime.ts";
import type { Destination } from "./options.ts";

/** Opens a connection and a session on it; the connection ends with the session. Errors: those of `connect` and `openSession`. */
export async function dial(shared: Runtime, destination: Destination, signal: AbortSignal): Promise<OpenedSession> {
  const { host, port, trust, transport, timeoutMs, authority, observing } = destination;
  const attempt = new AbortController();
  const giveUp = () => attempt.abort(signal.reason);
  if (signal.aborted) giveUp();
  signal.addEventListener("abort", giveUp, { once: true });
  const timer = shared.executor.schedule(timeoutMs, () => {
    attempt.abort(new TransportError("handshake-timeout", { where: authority, ms: timeoutMs }));
  });
  try {
    const quic = await connectOn(shared, {
      host,
      port,
      trust,
      transport,
      timeoutMs,
      alpn: ["h3"],
      signal: attempt.signal,
      ...observing,
    });
    const http3 = new Http3Connection(quic, { timers: shared.executor, maxSessions: 1 });
    try {
      const opened = await openSession(http3, destination, attempt.signal);
      void opened.session.closed.then(() => http3.closeAfter([opened.session.told()]));
      return opened;
    } catch (error) {
      http3.close();
      throw error;
    }
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", giveUp);
  }
}
