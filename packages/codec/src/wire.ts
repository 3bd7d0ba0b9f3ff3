/**
 * The face of one wire version. A session picks a `Wire` in its negotiation table and uses nothing else of that version, so
 * that adding a version adds a folder and one row.
 */
import type { ErrorTables } from "./error-table.ts";
import type { Limits } from "./limits.ts";
import type { ControlMessage } from "./messages.ts";
import type {
  Datagram,
  DatagramHeader,
  DataStreamVisitor,
  FetchHeader,
  FetchObjectHeader,
  ObjectHeader,
  SubgroupHeader,
} from "./objects.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** What a decoder returns when the bytes so far are a proper start and nothing is wrong: call again with more. */
export const needMore: unique symbol = Symbol("need more bytes");

/** The type of `needMore`. */
export type NeedMore = typeof needMore;

/** Reads one unidirectional data stream as it arrives. Buffers only a header cut by the end of a chunk, never payload. */
export interface DataStreamDecoder {
  /** Bytes consumed since the stream began. */
  readonly offset: number;
  /** Bytes kept of a header that is not complete. */
  readonly bufferedBytes: number;
  /**
   * Takes `bytes[start…end]` and tells the visitor what is in it. Returns the position after the last byte consumed: `end`,
   * unless `pause` was called meanwhile; the rest is then to be given again. Throws CodecError; after that, every further
   * call throws the same error.
   */
  push(bytes: Uint8Array, start: number, end: number, visitor: DataStreamVisitor): number;
  /** Called from a visitor: `push` returns after the current callback, for example when the track is not known yet. */
  pause(): void;
  /** The stream ended with FIN. Throws CodecError `stream-truncated` when it ended inside a header or an object. */
  finish(): void;
}

/**
 * One version of the protocol. The `encode…` functions of the data plane write into a buffer of the caller at an offset and
 * allocate nothing: they return the bytes written, or 0 when these would not fit before `end` (nothing is written then).
 * A value that cannot be encoded is a CodecError of kind "caller".
 */
export interface Wire {
  /** For example "moq-transport-14". */
  readonly name: string;
  /** This version's number in CLIENT_SETUP and SERVER_SETUP; undefined when it is negotiated below (ALPN). */
  readonly setupVersion: number | undefined;
  /** What the version's codes mean. */
  readonly errors: ErrorTables;

  /**
   * The next message of a control stream, consumed from the reader; `needMore` (and nothing consumed) while it is incomplete.
   * Throws CodecError for what can never become a message.
   */
  decodeControl(reader: Reader, limits?: Limits): ControlMessage | NeedMore;
  /** Appends a message with its framing. On a throw the writer is as before. */
  encodeControl(writer: Writer, message: ControlMessage): void;

  createDataStreamDecoder(limits?: Limits): DataStreamDecoder;

  /** No subgroup header is longer than this. */
  readonly maxSubgroupHeaderBytes: number;
  /** Writes a stream's type and subgroup header. */
  encodeSubgroupHeader(target: Uint8Array, offset: number, end: number, header: SubgroupHeader): number;
  /** Bytes `encodeObjectHeader` writes for the same arguments. */
  objectHeaderSize(previousId: number, hasExtensions: boolean, object: ObjectHeader): number;
  /**
   * Writes what precedes an object's payload on a subgroup stream. `previousId` is the id of the object before on this stream,
   * -1 for the first; `hasExtensions` is that of the stream's header.
   */
  encodeObjectHeader(
    target: Uint8Array,
    offset: number,
    end: number,
    previousId: number,
    hasExtensions: boolean,
    object: ObjectHeader,
  ): number;

  /** No fetch header is longer than this. */
  readonly maxFetchHeaderBytes: number;
  /** Writes a stream's type and fetch header. */
  encodeFetchHeader(target: Uint8Array, offset: number, end: number, header: FetchHeader): number;
  /** Bytes `encodeFetchObjectHeader` writes for the same arguments. */
  fetchObjectHeaderSize(previous: FetchObjectHeader | undefined, object: FetchObjectHeader): number;
  /** Writes what precedes an object's payload on a fetch stream. `previous` is the object before, if any: some versions write differences. */
  encodeFetchObjectHeader(
    target: Uint8Array,
    offset: number,
    end: number,
    previous: FetchObjectHeader | undefined,
    object: FetchObjectHeader,
  ): number;

  /** Reads a whole datagram. Throws CodecError; a datagram never needs more. */
  decodeDatagram(bytes: Uint8Array, start: number, end: number, limits?: Limits): Datagram;
  /** Bytes `encodeDatagramHeader` writes. */
  datagramHeaderSize(header: DatagramHeader): number;
  /** Writes a datagram's type and header. The payload follows it directly; with a status other than normal there is none. */
  encodeDatagramHeader(target: Uint8Array, offset: number, end: number, header: DatagramHeader): number;
}
