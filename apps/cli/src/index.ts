/** The program as a library: run `moqb` with other streams, or read its table of exit codes. */
export type { Surroundings } from "./command.ts";
export { exitCodes, Failure, type FailureKind } from "./failure.ts";
export { run } from "./program.ts";
