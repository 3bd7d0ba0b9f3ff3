/** Our relay, quiet. */
import { createLogger, start } from "@moqingbird/relay";
import { idleTimeoutMs } from "./load.ts";
import { obey, parameters } from "./obey.ts";

const { chain, key } = parameters<{ chain: string; key: string }>();
const relay = await start({
  host: "127.0.0.1",
  port: 0,
  certificate: { chain, key },
  maxSessions: 4000,
  idleTimeoutMs,
  log: createLogger({ level: "silent" }),
});
obey(
  {
    totals: () => ({ units: relay.stats.sessions, bytes: 0 }),
    stop: () => relay.close(),
    orders: {
      /** After V8 has collected garbage and given free pages back, as it does by itself in a process that stays idle. */
      async memory() {
        await globalThis.gc?.({ type: "major", execution: "async", flavor: "last-resort" });
        const { rss, heapUsed: heap } = process.memoryUsage();
        return { rss, heap };
      },
    },
  },
  { port: relay.address.port },
);
