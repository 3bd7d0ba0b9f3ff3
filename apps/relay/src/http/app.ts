/** What the relay answers to plain HTTP, over TCP and over HTTP/3 alike. */
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";

export interface HttpAppOptions {
  /** SHA-256 of the relay's certificate, for clients that pin it. */
  readonly sha256: Uint8Array;
}

/** `/health`, and the certificate's fingerprint in hex at `/certificate.sha256`, for pages of any origin. */
export function httpApp({ sha256 }: HttpAppOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header("access-control-allow-origin", "*");
    context.header("cache-control", "no-store");
  });
  app.get("/health", (context) => context.text("ok\n"));
  app.get("/certificate.sha256", (context) => context.text(`${Buffer.from(sha256).toString("hex")}\n`));
  return app;
}

/** The same and, over TCP only, the files of a folder. */
export function withPages(app: Hono, folder: string | undefined): Hono {
  if (folder === undefined) return app;
  return new Hono().route("/", app).use(serveStatic({ root: folder }));
}
