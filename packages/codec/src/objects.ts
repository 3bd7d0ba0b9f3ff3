/**
 * Objects and the headers around them, in one vocabulary for every wire version. Section numbers are those of
 * draft-ietf-moq-transport-14. Payload is never part of these types: it stays where it lies and is passed as a range of bytes.
 */

/** Object statuses (section 10.2.1.1). The numbers mean the same in all drafts; later ones drop `doesNotExist`. */
export const objectStatus = {
  /** An object with a payload, which may be empty. */
  normal: 0,
  /** This object does not and will not exist. Carries no extensions. */
  doesNotExist: 1,
  /** No object with this id or a larger one exists in the group. */
  endOfGroup: 3,
  /** No object at this location or a larger one exists in the track. */
  endOfTrack: 4,
} as const;

/** A value of `objectStatus`. */
export type ObjectStatus = (typeof objectStatus)[keyof typeof objectStatus];

/** The block of an object without extensions. Shared, so that an object without any costs no allocation. */
export const noExtensions: Uint8Array = new Uint8Array(0);

/** What precedes an object's payload on a subgroup stream. */
export interface ObjectHeader {
  /** Object id, absolute: the wire's deltas are resolved. */
  readonly id: number;
  /** Bytes of payload that follow. 0 unless `status` is normal. */
  readonly sizeBytes: number;
  readonly status: ObjectStatus;
  /**
   * Extension headers as one block of key-value pairs (absolute types, QUIC varints), empty for none. Kept as bytes, so that a
   * relay passes them on unchanged; `decodeKeyValuePairs` reads them. From a decoder it is the receiver's own copy.
   */
  readonly extensions: Uint8Array;
}

/** Start of a subgroup stream (section 10.4.2). */
export interface SubgroupHeader {
  readonly trackAlias: number;
  readonly group: number;
  /** Undefined: the id of the first object on this stream. */
  readonly subgroup: number | undefined;
  /** 0 to 255, lower is more important. Undefined: the track's default (drafts 15 and later); draft 14 then writes 128. */
  readonly publisherPriority: number | undefined;
  /** Whether objects on this stream have room for extensions. An object with extensions cannot be sent without it. */
  readonly hasExtensions: boolean;
  /** The last object before FIN is the last object of the group. */
  readonly endOfGroup: boolean;
}

/** Start of a fetch stream (section 10.4.4). */
export interface FetchHeader {
  /** Request id of the FETCH answered here. */
  readonly requestId: number;
}

/** What precedes an object's payload on a fetch stream (section 10.4.4). */
export interface FetchObjectHeader extends ObjectHeader {
  readonly group: number;
  /** The object id for objects that were published as datagrams. */
  readonly subgroup: number;
  readonly publisherPriority: number | undefined;
}

/** What precedes the payload of an object datagram (section 10.3.1). */
export interface DatagramHeader {
  readonly trackAlias: number;
  readonly group: number;
  readonly object: number;
  readonly publisherPriority: number | undefined;
  /** This object is the last of its group. Only with status normal. */
  readonly endOfGroup: boolean;
  readonly status: ObjectStatus;
  /** See `ObjectHeader.extensions`. */
  readonly extensions: Uint8Array;
}

/** A decoded datagram: its payload is `bytes[payloadStart…payloadEnd]` of what was given to the decoder. */
export interface Datagram extends DatagramHeader {
  readonly payloadStart: number;
  readonly payloadEnd: number;
}

/** Told what a data stream holds, in wire order: one header, then objects, each followed by its payload in pieces. */
export interface DataStreamVisitor {
  /** The stream is a subgroup. */
  subgroup(header: SubgroupHeader): void;
  /** The next object of a subgroup. `payload` follows until `object.sizeBytes` bytes were given; not at all when it is 0. */
  object(object: ObjectHeader): void;
  /** The stream answers a FETCH. */
  fetch(header: FetchHeader): void;
  /** The next object of a fetch. `payload` follows as for `object`. */
  fetchObject(object: FetchObjectHeader): void;
  /** A piece of the current object's payload. Valid during the call only. Never empty. */
  payload(bytes: Uint8Array, start: number, end: number): void;
}
