/** HTTP over TCP, on the port number that the relay has in UDP. */
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { formatAddress, TransportError } from "@moqingbird/transport";
import type { Hono } from "hono";

/** Connections at a time; further ones are closed at once. */
const maxConnections = 256;
/** How long a request may take to arrive, in milliseconds. */
const requestTimeoutMs = 10_000;

export interface HttpServer {
  close(): Promise<void>;
}

/** Listens. Errors: TransportError `address-in-use`, `address-invalid`. */
export async function listenHttp(
  app: Hono,
  { host, port }: { readonly host: string | undefined; readonly port: number },
): Promise<HttpServer> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  server.maxConnections = maxConnections;
  server.headersTimeout = requestTimeoutMs;
  server.requestTimeout = requestTimeoutMs;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const where = `${formatAddress(host ?? "::", port)} (TCP)`;
      if (error.code === "EADDRINUSE") reject(new TransportError("address-in-use", { where }, { cause: error }));
      else reject(new TransportError("address-invalid", { where, detail: error.message }, { cause: error }));
    });
    server.listen({ port, ...(host !== undefined && { host }) }, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
