/** draft-ietf-moq-transport-14 as a `Wire`. */
import type { Wire } from "../wire.ts";
import { decodeControl, encodeControl } from "./control.ts";
import { datagramHeaderSize, decodeDatagram, encodeDatagramHeader } from "./data/datagram.ts";
import {
  encodeFetchHeader,
  encodeFetchObjectHeader,
  fetchObjectHeaderSize,
  maxFetchHeaderBytes,
} from "./data/fetch.ts";
import { StreamDecoder } from "./data/stream-decoder.ts";
import { encodeObjectHeader, encodeSubgroupHeader, maxSubgroupHeaderBytes, objectHeaderSize } from "./data/subgroup.ts";
import { errorTables } from "./errors.ts";

/** The wire of draft 14. */
export const draft14: Wire = {
  name: "moq-transport-14",
  setupVersion: 0xff00000e,
  errors: errorTables,
  decodeControl,
  encodeControl,
  createDataStreamDecoder: (limits) => new StreamDecoder(limits),
  maxSubgroupHeaderBytes,
  encodeSubgroupHeader,
  objectHeaderSize,
  encodeObjectHeader,
  maxFetchHeaderBytes,
  encodeFetchHeader,
  fetchObjectHeaderSize,
  encodeFetchObjectHeader,
  decodeDatagram,
  datagramHeaderSize,
  encodeDatagramHeader,
};
