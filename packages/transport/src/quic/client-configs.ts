/** Client configurations in the engine, shared by connections with equal options: 150 system roots are read once. */
import { type Engine, EngineError } from "@moqingbird/engine";
import { TransportError } from "../errors.ts";
import { engineTrust, type Trust, trustKey } from "../tls/trust.ts";
import { numbersOf, type Observing } from "./observing.ts";
import type { TransportSettings } from "./settings.ts";

/** Configurations kept; the one unused for longest goes first. The connections that use it keep it in the engine. */
const kept = 16;

/** What tells one from another; tickets are kept for each. */
export interface ClientConfig {
  readonly alpn: readonly string[];
  readonly trust: Trust;
  readonly transport: TransportSettings;
  /** 0-RTT is offered. */
  readonly earlyData: boolean;
  readonly observing: Observing;
}

/** By key, least recently used first. */
export class ClientConfigs {
  readonly #engine: Engine;
  readonly #ids = new Map<string, number>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Errors: `certificate-unreadable` (a root), `option-invalid`. */
  id({ alpn, trust, transport, earlyData, observing }: ClientConfig): number {
    const key = JSON.stringify([alpn, trustKey(trust), transport, earlyData, observing]);
    const known = this.#ids.get(key);
    this.#ids.delete(key);
    const id = known ?? this.#add({ alpn, trust, transport, earlyData, observing });
    this.#ids.set(key, id);
    if (this.#ids.size > kept) {
      const [oldest, oldestId] = this.#ids.entries().next().value as [string, number];
      this.#ids.delete(oldest);
      this.#engine.freeConfig(oldestId);
    }
    return id;
  }

  #add({ trust, observing, ...rest }: ClientConfig): number {
    try {
      return this.#engine.addClientConfig({ ...rest, trust: engineTrust(trust), ...numbersOf(observing) });
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
