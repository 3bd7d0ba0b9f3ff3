/** Reading data streams: subgroups (section 10.4.2) and answers to FETCH (section 10.4.4). */
import { copyBytes } from "../../bytes.ts";
import { type HeaderCursor, IncrementalDecoder, short } from "../../incremental.ts";
import { defaultLimits, type Limits } from "../../limits.ts";
import {
  type DataStreamVisitor,
  type FetchHeader,
  type FetchObjectHeader,
  noExtensions,
  type ObjectHeader,
  type ObjectStatus,
  objectStatus,
  type SubgroupHeader,
} from "../../objects.ts";
import { fetchType } from "./fetch.ts";
import { checkExtensionLength, checkExtensions, checkStatus } from "./object.ts";
import { subgroupType } from "./subgroup.ts";

type Header =
  | { readonly kind: "subgroup"; readonly header: SubgroupHeader }
  | { readonly kind: "fetch"; readonly header: FetchHeader }
  | { readonly kind: "object"; readonly header: ObjectHeader }
  | { readonly kind: "fetchObject"; readonly header: FetchObjectHeader };

/** See `Wire.createDataStreamDecoder`. */
export class StreamDecoder extends IncrementalDecoder {
  readonly #limits: Limits;
  #stream: "unknown" | "subgroup" | "fetch" = "unknown";
  #hasExtensions = true;
  #previousId = -1;
  /** A subgroup's group or track ended by status: nothing may follow. */
  #ended = false;
  #next: Header | undefined;

  // What `#readTail` found.
  #sizeBytes = 0;
  #status: ObjectStatus = objectStatus.normal;
  #extensions: Uint8Array = noExtensions;

  constructor(limits: Limits = defaultLimits) {
    super();
    this.#limits = limits;
  }

  protected readHeader(cursor: HeaderCursor): number {
    if (this.#stream === "subgroup") return this.#readObject(cursor);
    return this.#stream === "fetch" ? this.#readFetchObject(cursor) : this.#readStreamHeader(cursor);
  }

  protected deliver(visitor: DataStreamVisitor): void {
    const next = this.#next!;
    this.#next = undefined;
    this.#extensions = noExtensions;
    switch (next.kind) {
      case "subgroup":
        visitor.subgroup(next.header);
        break;
      case "fetch":
        visitor.fetch(next.header);
        break;
      case "object":
        visitor.object(next.header);
        break;
      case "fetchObject":
        visitor.fetchObject(next.header);
        break;
    }
  }

  #readStreamHeader(cursor: HeaderCursor): number {
    const at = cursor.position;
    const type = cursor.varint("Type");
    if (type === short) return short;
    if (isSubgroupType(type)) return this.#readSubgroupHeader(cursor, type);
    if (type !== fetchType) throw cursor.error("stream-type-unknown", "Type", at);
    const requestId = cursor.varint("Request ID");
    if (requestId === short) return short;
    this.#stream = "fetch";
    this.#next = { kind: "fetch", header: { requestId } };
    return 0;
  }

  #readSubgroupHeader(cursor: HeaderCursor, type: number): number {
    const trackAlias = cursor.varint("Track Alias");
    if (trackAlias === short) return short;
    const group = cursor.varint("Group ID");
    if (group === short) return short;
    let subgroup: number | undefined = 0;
    if ((type & subgroupType.explicitId) !== 0) {
      subgroup = cursor.varint("Subgroup ID");
      if (subgroup === short) return short;
    } else if ((type & subgroupType.firstObjectId) !== 0) {
      subgroup = undefined;
    }
    const publisherPriority = cursor.u8();
    if (publisherPriority === short) return short;
    const hasExtensions = (type & subgroupType.hasExtensions) !== 0;
    const endOfGroup = (type & subgroupType.endOfGroup) !== 0;
    this.#stream = "subgroup";
    this.#hasExtensions = hasExtensions;
    this.#next = {
      kind: "subgroup",
      header: { trackAlias, group, subgroup, publisherPriority, hasExtensions, endOfGroup },
    };
    return 0;
  }

  #readObject(cursor: HeaderCursor): number {
    const at = cursor.position;
    if (this.#ended) throw cursor.error("object-after-end", "Object ID Delta", at);
    const delta = cursor.varint("Object ID Delta");
    if (delta === short) return short;
    const id = this.#previousId + delta + 1;
    if (!Number.isSafeInteger(id)) throw cursor.error("varint-too-large", "Object ID Delta", at);
    if (!this.#readTail(cursor)) return short;
    this.#previousId = id;
    this.#ended = this.#status === objectStatus.endOfGroup || this.#status === objectStatus.endOfTrack;
    const sizeBytes = this.#sizeBytes;
    this.#next = {
      kind: "object",
      header: { id, sizeBytes, status: this.#status, extensions: this.#extensions },
    };
    return sizeBytes;
  }

  #readFetchObject(cursor: HeaderCursor): number {
    const group = cursor.varint("Group ID");
    if (group === short) return short;
    const subgroup = cursor.varint("Subgroup ID");
    if (subgroup === short) return short;
    const id = cursor.varint("Object ID");
    if (id === short) return short;
    const publisherPriority = cursor.u8();
    if (publisherPriority === short || !this.#readTail(cursor)) return short;
    const sizeBytes = this.#sizeBytes;
    const header: FetchObjectHeader = {
      group,
      subgroup,
      id,
      publisherPriority,
      sizeBytes,
      status: this.#status,
      extensions: this.#extensions,
    };
    this.#next = { kind: "fetchObject", header };
    return sizeBytes;
  }

  /** Extensions, payload length and status. False when the bytes end before. Extensions are copied only once all is there. */
  #readTail(cursor: HeaderCursor): boolean {
    let extensionsAt = cursor.position;
    let extensionBytes = 0;
    if (this.#hasExtensions) {
      const lengthAt = cursor.position;
      extensionBytes = cursor.varint("Extension Headers Length");
      if (extensionBytes === short) return false;
      checkExtensionLength(extensionBytes, this.#limits, lengthAt - cursor.origin);
      extensionsAt = cursor.skip(extensionBytes);
      if (extensionsAt === short) return false;
    }
    const sizeBytes = cursor.varint("Object Payload Length");
    if (sizeBytes === short) return false;
    let status: ObjectStatus = objectStatus.normal;
    if (sizeBytes === 0) {
      const statusAt = cursor.position;
      const code = cursor.varint("Object Status");
      if (code === short) return false;
      status = checkStatus(code, statusAt - cursor.origin);
    }
    if (extensionBytes > 0) {
      if (status === objectStatus.doesNotExist) {
        throw cursor.error("extensions-on-missing-object", "Extension headers", extensionsAt);
      }
      checkExtensions(cursor, extensionsAt, extensionBytes);
    }
    this.#sizeBytes = sizeBytes;
    this.#status = status;
    this.#extensions =
      extensionBytes === 0 ? noExtensions : copyBytes(cursor.bytes, extensionsAt, extensionsAt + extensionBytes);
    return true;
  }
}

function isSubgroupType(type: number): boolean {
  const idBits = subgroupType.firstObjectId | subgroupType.explicitId;
  return type >= 0x10 && type <= 0x1d && (type & idBits) !== idBits;
}
