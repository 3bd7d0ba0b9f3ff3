/** Client configurations in the engine, shared by connections with equal options: 150 system roots are read once. */
import { type Engine, EngineError } from "@moqingbird/engine";
import { TransportError } from "../errors.ts";
import { engineTrust, type Trust, trustKey } from "../tls/trust.ts";
import { numbersOf, type Observing } from "./observing.ts";
import type { TransportSettings } from "./settings.ts";

/** Configurations kept; the one unused for longest goes first. The connections that use it keep it in the engine. */
const kept = 16;

/** By key, least recently used first. */
export class ClientConfigs {
  readonly #engine: Engine;
  readonly #ids = new Map<string, number>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Errors: `certificate-unreadable` (a root), `option-invalid`. */
  id(alpn: readonly string[], trust: Trust, transport: TransportSettings, observing: Observing): number {
    const key = JSON.stringify([alpn, trustKey(trust), transport, observing]);
    const known = this.#ids.get(key);
    this.#ids.delete(key);
    const id = known ?? this.#add(alpn, trust, transport, observing);
    this.#ids.set(key, id);
    if (this.#ids.size > kept) {
      const [oldest, oldestId] = this.#ids.entries().next().value as [string, number];
      this.#ids.delete(oldest);
      this.#engine.freeConfig(oldestId);
    }
    return id;
  }

  #add(alpn: readonly string[], trust: Trust, transport: TransportSettings, observing: Observing): number {
    try {
      return this.#engine.addClientConfig({ alpn, trust: engineTrust(trust), transport, ...numbersOf(observing) });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (error.code === "certificate-invalid") {
        throw new TransportError(
          "certificate-unreadable",
          { where: "trust.roots", detail: error.message },
          { cause: error },
        );
      }
      throw new TransportError("option-invalid", { option: "of connect", detail: error.message }, { cause: error });
    }
  }
}
