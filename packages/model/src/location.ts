/** Locations: where an object stands in its track (moq-transport-14, section "Location Structure"). */

/** A group id and an object id within it; both are safe integers from 0. */
export interface Location {
  readonly group: number;
  readonly object: number;
}

/** Orders locations by group, then object: negative when `a` comes first, 0 when they are the same. */
export function compareLocations(a: Location, b: Location): number {
  return a.group - b.group || a.object - b.object;
}
