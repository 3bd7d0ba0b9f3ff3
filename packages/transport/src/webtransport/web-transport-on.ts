import type { Runtime } from "../quic/runtime.ts";
import { dial } from "./dial.ts";
import { destinationOf, type WebTransportOptions } from "./options.ts";
import { adoptSession, type WebTransport } from "./webtransport.ts";

/**
 * `new WebTransport(url, options)` on a runtime that is not this thread's: a simulated process. Resolves when the session is
 * there. Errors: what the constructor throws, and what its `ready` has as cause.
 */
export async function webTransportOn(
  shared: Runtime,
  url: string,
  options: Omit<WebTransportOptions, "signal"> = {},
): Promise<WebTransport> {
  const { session } = await dial(shared, destinationOf(url, options), new AbortController().signal);
  return adoptSession(session);
}
