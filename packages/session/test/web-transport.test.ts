/** Sessions over WebTransport on loopback: byte by byte, and over W3C streams as browsers have them. */
import { generateCertificate, type Listener, listen, WebTransport, WebTransportError } from "@moqingbird/transport";
import { overWebTransport } from "../src/index.ts";
import { type Ends, mainCases } from "./support/cases.ts";

// What browsers have as a global.
Object.assign(globalThis, { WebTransportError });

const listeners: Listener[] = [];

/** The session without what browsers lack. */
function asInBrowsers(session: WebTransport): WebTransport {
  return new Proxy(session, {
    get: (target, name) => {
      if (name === "connection") return undefined;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

for (const [name, dressed] of [
  ["WebTransport, byte by byte", (session: WebTransport) => session],
  ["WebTransport, W3C streams", asInBrowsers],
] as const) {
  mainCases({
    name,
    async open() {
      const certificate = await generateCertificate({ names: ["localhost"] });
      const arrived = Promise.withResolvers<Ends["server"]>();
      const here = await listen({
        host: "127.0.0.1",
        certificate,
        webTransport: {
          onRequest: async (request) =>
            arrived.resolve(await overWebTransport(dressed(request.accept()), { side: "server" })),
        },
      });
      listeners.push(here);
      const url = `https://127.0.0.1:${here.address.port}/`;
      const session = new WebTransport(url, { trust: { sha256: [certificate.sha256] } });
      return { client: await overWebTransport(dressed(session)), server: await arrived.promise };
    },
    async until(condition, what) {
      const deadline = performance.now() + 10_000;
      while (!condition()) {
        if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}.`);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
    async close() {
      await Promise.all(listeners.splice(0).map((each) => each.close()));
    },
  });
}
