/** What the relay answers to plain requests, over TCP and over HTTP/3 alike. */
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";

export interface HttpAppOptions {
  /** SHA-256 of the relay's certificate, for clients that pin it. */
  readonly sha256: Uint8Array;
  /** Folder of files to serve beside. */
  readonly pages: string | undefined;
}

/** `/health`, the certificate's fingerprint in hex at `/certificate.sha256`, for pages of any origin, and the folder's files. */
export function httpApp({ sha256, pages }: HttpAppOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header("access-control-allow-origin", "*");
    context.header("cache-control", "no-store");
  });
  app.get("/health", (context) => context.text("ok\n"));
  app.get("/certificate.sha256", (context) => context.text(`${Buffer.from(sha256).toString("hex")}\n`));
  return pages === undefined ? app : app.use(serveStatic({ root: pages }));
}
