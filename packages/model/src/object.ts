/** Objects: status words and the description of a stored one (moq-transport-14, section "Canonical Object Properties"). */

/** Object statuses and their numbers (moq-transport-14, section "Object Status"). */
export const ObjectStatus = {
  /** An ordinary object. */
  normal: 0x0,
  /** The object does not exist at any publisher and never will. */
  doesNotExist: 0x1,
  /** The group's end: this id is one above the last object's. */
  endOfGroup: 0x3,
  /** The track's end: nothing lies at or behind this location. */
  endOfTrack: 0x4,
} as const;

/** One of the status numbers. */
export type ObjectStatus = (typeof ObjectStatus)[keyof typeof ObjectStatus];

/** What is known of an object once its first byte was announced. */
export interface ObjectInfo {
  /** Object id; gaps between ids are kept as the publisher made them. */
  readonly id: number;
  /** Declared payload size in bytes. */
  readonly sizeBytes: number;
  /** How many of them are stored. */
  readonly receivedBytes: number;
  readonly status: ObjectStatus;
  /** Size of the raw extension headers in bytes; 0 for none. */
  readonly extensionBytes: number;
}
