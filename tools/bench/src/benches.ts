/** Every benchmark, by name. */
import { aead } from "./aead.ts";
import { bulk } from "./bulk.ts";
import { datagrams } from "./datagrams.ts";
import { engine } from "./engine.ts";
import { fanOut } from "./fan-out.ts";
import type { Figure } from "./figure.ts";
import { handshakes } from "./handshakes.ts";
import { idleMemory } from "./idle-memory.ts";
import { objects } from "./objects.ts";
import type { Settings } from "./settings.ts";
import { timers } from "./timers.ts";
import { webTransport } from "./web-transport.ts";

export interface Bench {
  readonly says: string;
  run(settings: Settings): Promise<Figure[]>;
}

export const benches: Readonly<Record<string, Bench>> = {
  aead: { says: "packet encryption in wasm against node:crypto, and ours against ring in the engine", run: aead },
  engine: { says: "the QUIC engine in memory, encryption taken off", run: engine },
  bulk: { says: "one stream over loopback against raw dgram sending and other QUIC", run: bulk },
  objects: { says: "1200-byte objects, one stream each, against other QUIC", run: objects },
  datagrams: { says: "1100-byte datagrams against raw dgram sending and other QUIC", run: datagrams },
  "web-transport": {
    says: "the same loads over WebTransport: what HTTP/3 adds, and Deno's beside it",
    run: webTransport,
  },
  handshakes: { says: "full handshakes accepted per core", run: handshakes },
  timers: { says: "arming and cancelling while 100 000 wait", run: timers },
  "fan-out": {
    says: "a relay's CPU per delivered object, 10 to 1000 subscribers",
    run: (settings) => fanOut(settings),
  },
  "idle-memory": { says: "a relay's memory per idle session", run: (settings) => idleMemory(settings) },
};
