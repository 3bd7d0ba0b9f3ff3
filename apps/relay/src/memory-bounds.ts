/** What the connections of a relay may take together of the engine's memory, told when it starts. */
import type { ConnectionBytes } from "@moqingbird/transport";

/** Parts of the budget up to which windows are as they should be, and connections are accepted: transport's `MemoryStats`. */
const easyPart = 0.65;
const acceptingPart = 0.8;

/** A line for the log. */
export interface MemoryBounds {
  /** All connections that are allowed fit while they are at rest. */
  readonly fits: boolean;
  readonly numbers: {
    readonly connections: number;
    readonly connectionBytes: ConnectionBytes;
    readonly budgetBytes: number;
  };
  readonly says: string;
}

/** Sums up so many connections against the engine's budget. */
export function memoryBounds(connections: number, bytes: ConnectionBytes, budgetBytes: number): MemoryBounds {
  const room = budgetBytes * acceptingPart;
  const fits = connections * bytes.atRest <= room;
  const budget = `the engine's ${megabytes(budgetBytes)}`;
  const resting = `${connections} connections at rest take ${megabytes(connections * bytes.atRest)}`;
  const full = `${megabytes(connections * bytes.atMost)} with all windows full`;
  const end = fits
    ? `from ${megabytes(budgetBytes * easyPart)} on windows shrink`
    : `about ${Math.floor(room / bytes.atRest)} will fit, further ones are refused: allow fewer, or give the engine more`;
  return {
    fits,
    numbers: { connections, connectionBytes: bytes, budgetBytes },
    says: `${resting} of ${budget}, ${full}; ${end}.`,
  };
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
