/** One instance of the wasm: what it imports, what may call it when, and what is left after it has trapped. */
import { type Glue, type HotExports, Layout } from "./abi.ts";
import { checkedStatus, encodedCrypto, encodedKeys, encodedLimits, systemClock, systemEntropy } from "./encode.ts";
import { EngineError } from "./errors.ts";
import { bindGlue, compiledModule } from "./loader.ts";
import type { EngineOptions } from "./options.ts";

/** A table whose every function throws: stands in for the wasm while it must not be called. */
function refusing(error: () => EngineError): HotExports {
  return new Proxy({} as HotExports, {
    get: () => () => {
      throw error();
    },
  });
}

const reentrant = refusing(() => new EngineError("reentrant"));

export class Instance {
  /** All of its memory; never another buffer. */
  readonly buffer: ArrayBuffer;
  /** What hot calls go through: the wasm, or a table that throws while it must not be called. */
  wasm: HotExports;

  readonly #glue: Glue;
  readonly #exports: HotExports;
  #live: HotExports;
  /** The first throw of a prepare call since it was last asked for, when nobody else takes it. */
  #prepareError: { readonly error: unknown } | undefined;
  readonly #onCrash: ((error: EngineError) => void) | undefined;
  readonly #panicMessage: Uint8Array;

  constructor(options: EngineOptions) {
    const clock = options.clock ?? systemClock;
    const entropy = options.entropy ?? systemEntropy;
    const { prepare, onPrepareError } = options;
    const crypto = encodedCrypto(options.crypto);
    const keys = encodedKeys(options.keys);
    const limits = encodedLimits(options);
    this.#onCrash = options.onCrash;
    const start = clock.micros();
    this.#glue = bindGlue({
      host: {
        prepare: (connection, stream, offset, max) => {
          this.wasm = reentrant;
          try {
            return prepare(connection, stream, offset, max);
          } catch (error) {
            if (onPrepareError) onPrepareError(error, connection, stream);
            else this.#prepareError ??= { error };
            return -1;
          } finally {
            this.wasm = this.#live;
          }
        },
      },
      crypto: {
        getRandomValues: (target) => {
          entropy(target);
          return target;
        },
      },
      performance: { now: () => (clock.micros() - start) / 1000 },
      Date: { now: () => clock.wallMillis() },
    });
    const exports = this.#glue.initSync({ module: compiledModule() });
    this.#exports = exports;
    this.#live = exports;
    this.wasm = exports;
    const seed = new Uint8Array(32);
    entropy(seed);
    this.#status(this.#glue.start(start, clock.wallMillis(), seed, keys, limits, crypto));
    this.buffer = exports.memory.buffer;
    this.#panicMessage = new Uint8Array(this.buffer, this.at(Layout.PANIC), this.at(Layout.PANIC_BYTES));
  }

  /** An address or a size of its memory's layout, one of {@link Layout}. */
  at(index: number): number {
    return this.#glue.layout(index) >>> 0;
  }

  /** Throws while the wasm must not be called: inside prepare, and after a crash. */
  check(): void {
    if (this.wasm !== this.#exports) this.wasm.events();
  }

  /** A call that may allocate on either side, and whose status may be an error. */
  setup(call: (glue: Glue) => number): number {
    this.check();
    let status: number;
    try {
      status = call(this.#glue);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      return this.crash(error);
    }
    return this.#status(status);
  }

  /** Throws what a prepare call threw, once. */
  throwPrepareError(): void {
    if (this.#prepareError === undefined) return;
    const { error } = this.#prepareError;
    this.#prepareError = undefined;
    throw error;
  }

  /** What a call threw. A trap leaves the instance in an unknown state: nothing may call it again. */
  crash(cause: unknown): never {
    if (cause instanceof EngineError) throw cause;
    const message = new TextDecoder().decode(this.#panicMessage.subarray(0, this.#panicMessage.indexOf(0)));
    const says =
      message === "" ? undefined : `The engine instance trapped; all of its connections are gone: ${message}`;
    const error = new EngineError("crashed", says, { cause });
    const refuse = refusing(() => error);
    this.#live = refuse;
    this.wasm = refuse;
    this.#onCrash?.(error);
    throw error;
  }

  #status(status: number): number {
    return checkedStatus(status, () => this.#glue.last_error());
  }
}
