/** The runtime that all listeners and connections of a thread share, and what a program may ask of it. */
import { EngineError, type EngineKeys, type MemoryStats } from "@moqingbird/engine";
import { TransportError } from "../errors.ts";
import type { Executor } from "../executor/executor.ts";
import { Runtime } from "./runtime.ts";

let shared: Runtime | undefined;

/** The runtime of this thread. */
export function runtime(): Runtime {
  shared ??= new Runtime();
  return shared;
}

/**
 * Keys for the QUIC engine of this thread, for a program that goes on where an earlier run of it ended, or beside others on
 * one address: peers of the earlier run are told at once that it has forgotten them, and its tokens and session tickets are
 * good here. Without a call they are random, and outlive a crash of the engine but not the process. Call it before the first
 * `listen` or `connect` of the thread. Errors: `option-invalid`.
 */
export function useKeys(keys: EngineKeys): void {
  runtime().useKeys(keys);
}

/** The executor of this thread: tasks, timers and a port for other threads, on the packet loop. */
export function executor(): Executor {
  return runtime().executor;
}

/** How full the memory of this thread's engine is, and what was done to keep to its budget. */
export function engineMemory(): MemoryStats {
  return runtime().engine.memoryStats();
}

/**
 * Bounds the memory of this thread's engine, which all of its listeners and connections share: an integer from 16 MiB to
 * 256 MiB, the default. Counts at once. What happens as it fills is told by {@link MemoryStats}. Errors: `option-invalid`.
 */
export function setEngineMemory(bytes: number): void {
  try {
    runtime().memoryBytes = bytes;
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "option-invalid") throw error;
    throw new TransportError(
      "option-invalid",
      { option: "of setEngineMemory", detail: error.message },
      { cause: error },
    );
  }
}
