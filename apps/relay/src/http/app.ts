/** What the relay answers to plain requests, over TCP and over HTTP/3 alike. */
import { serveStatic } from "@hono/node-server/serve-static";
import { type LoadedCertificate, selectCertificate } from "@moqingbird/transport";
import { Hono } from "hono";

export interface HttpAppOptions {
  /** What the relay shows now, for clients that pin it. */
  readonly certificates: () => readonly LoadedCertificate[];
  /** Folder of files to serve beside. */
  readonly pages: string | undefined;
}

/** `/health`, at `/certificate.sha256` the fingerprint in hex of the certificate for the URL's host, for pages of any origin, and the folder's files. */
export function httpApp({ certificates, pages }: HttpAppOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header("access-control-allow-origin", "*");
    context.header("cache-control", "no-store");
  });
  app.get("/health", (context) => context.text("ok\n"));
  app.get("/certificate.sha256", (context) => {
    const { sha256 } = selectCertificate(certificates(), new URL(context.req.url).hostname);
    return context.text(`${Buffer.from(sha256).toString("hex")}\n`);
  });
  return pages === undefined ? app : app.use(serveStatic({ root: pages }));
}
