/** Secrets of an engine: what stateless resets, tokens and session tickets are made with. */
import type { EngineKeys } from "@moqingbird/engine";
import { TransportError } from "../errors.ts";

const keyBytes = 32;

/** Keys that live as long as the thread. */
export function randomKeys(entropy: (target: Uint8Array) => void): EngineKeys {
  const key = (): Uint8Array => {
    const bytes = new Uint8Array(keyBytes);
    entropy(bytes);
    return bytes;
  };
  return { statelessReset: key(), token: key(), ticket: key() };
}

/** Copies, so that the caller may wipe its own. Errors: `option-invalid`. */
export function copiedKeys({ statelessReset, token, ticket }: EngineKeys): EngineKeys {
  for (const key of [statelessReset, token, ticket]) {
    if (key.length === keyBytes) continue;
    throw new TransportError("option-invalid", {
      option: "keys",
      detail: `a key has ${keyBytes} bytes, not ${key.length}`,
    });
  }
  return { statelessReset: statelessReset.slice(), token: token.slice(), ticket: ticket.slice() };
}
