/** Locations: where an object stands in its track (moq-transport-14, section "Location Structure"). */

import { ModelError } from "./errors.ts";

/** A group id and an object id within it; both are safe integers from 0. */
export interface Location {
  readonly group: number;
  readonly object: number;
}

/** Orders locations by group, then object: negative when `a` comes first, 0 when they are the same. */
export function compareLocations(a: Location, b: Location): number {
  return a.group - b.group || a.object - b.object;
}

/** @throws ModelError `option-invalid` for what is no id. @internal */
export function checkId(what: string, id: number): void {
  if (id >= 0 && Number.isSafeInteger(id)) return;
  throw new ModelError("option-invalid", `${what} is ${id}; ids are integers from 0 to 2^53 - 1.`);
}

/** @throws ModelError `option-invalid`. @internal */
export function checkPriority(priority: number): void {
  if (priority >= 0 && priority <= 255 && Number.isInteger(priority)) return;
  throw new ModelError("option-invalid", `The priority is ${priority}; it is an integer from 0 (most urgent) to 255.`);
}
