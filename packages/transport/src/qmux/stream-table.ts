/** The streams of one connection: which there are, which the peer may open, and which a frame may name. */
import type { StreamDirection } from "../streams.ts";
import { QmuxError } from "./error.ts";
import type { Outbox } from "./outbox.ts";
import { PeerStreams } from "./peer-streams.ts";
import { QmuxStream, type StreamHost } from "./qmux-stream.ts";
import type { FullSettings } from "./settings.ts";

/** What a table works with. */
export interface StreamTableParts {
  readonly side: "client" | "server";
  readonly outbox: Outbox;
  readonly settings: FullSettings;
  /** The peer opened a stream. */
  readonly accepted: (stream: QmuxStream) => void;
}

/** Streams by id. Ids are those of RFC 9000 section 2.1. */
export class StreamTable {
  acceptedCount = 0;
  readonly #host: StreamHost;
  readonly #parts: StreamTableParts;
  /** Streams with an id. */
  readonly #streams = new Map<number, QmuxStream>();
  /** Streams of ours that have none yet. */
  readonly #unborn = new Set<QmuxStream>();
  readonly #peerStreams: Readonly<Record<StreamDirection, PeerStreams>>;

  constructor(host: StreamHost, parts: StreamTableParts) {
    this.#host = host;
    this.#parts = parts;
    this.#peerStreams = {
      bidirectional: new PeerStreams(parts.settings.maxBidiStreams),
      unidirectional: new PeerStreams(parts.settings.maxUniStreams),
    };
  }

  /** A stream of ours. It gets its id when it first sends. */
  open(direction: StreamDirection, receives: boolean): QmuxStream {
    const { receiveWindow } = this;
    const stream = new QmuxStream(this.#host, { direction, id: undefined, sends: true, receives, receiveWindow });
    this.#unborn.add(stream);
    return stream;
  }

  /** A stream of ours has its id now. */
  opened(stream: QmuxStream): void {
    this.#unborn.delete(stream);
    this.#streams.set(stream.streamNumber, stream);
  }

  /** A stream is over. Returns how many of its direction the peer may open in total, if it should be told. */
  released(stream: QmuxStream): number | undefined {
    this.#unborn.delete(stream);
    const id = stream.streamNumber;
    if (id < 0 || !this.#streams.delete(id) || this.#isOurs(id)) return undefined;
    const streams = this.#peerStreams[stream.direction];
    return streams.close() ? streams.raise() : undefined;
  }

  /** The stream that a frame from its sender names, opened if need be; undefined if it is over. Throws QmuxError. */
  receiving(id: number, frameType: number): QmuxStream | undefined {
    const known = this.#streams.get(id);
    const direction = directionOf(id);
    if (this.#isOurs(id)) {
      if (direction === "unidirectional" || !this.#parts.outbox.hasOpened(direction, Math.floor(id / 4))) {
        throw new QmuxError(
          "STREAM_STATE_ERROR",
          `The peer sends on stream ${id}, which is not its to send on.`,
          frameType,
        );
      }
      return known;
    }
    if (known !== undefined) return known;
    return this.#peerStreams[direction].open(Math.floor(id / 4)) ? this.#accept(id, direction) : undefined;
  }

  /** The stream that a frame from its receiver names; undefined if it is over. Throws QmuxError. */
  sending(id: number, frameType: number): QmuxStream | undefined {
    const known = this.#streams.get(id);
    if (known !== undefined && (this.#isOurs(id) || known.direction === "bidirectional")) return known;
    const direction = directionOf(id);
    if (this.#isOurs(id)) {
      if (this.#parts.outbox.hasOpened(direction, Math.floor(id / 4))) return undefined;
    } else if (direction === "bidirectional") {
      return this.#peerStreams[direction].open(Math.floor(id / 4)) ? this.#accept(id, direction) : undefined;
    }
    throw new QmuxError("STREAM_STATE_ERROR", `The peer answers on stream ${id}, which sends it nothing.`, frameType);
  }

  /** Empties the table: all streams there were. */
  drain(): QmuxStream[] {
    const streams = [...this.#streams.values(), ...this.#unborn];
    this.#streams.clear();
    this.#unborn.clear();
    return streams;
  }

  get receiveWindow(): number {
    return this.#host.quicFrames ? this.#parts.settings.streamCreditBytes : Number.POSITIVE_INFINITY;
  }

  #isOurs(id: number): boolean {
    return (id % 2 === 1) === (this.#parts.side === "server");
  }

  #accept(id: number, direction: StreamDirection): QmuxStream {
    const { receiveWindow } = this;
    const sends = direction === "bidirectional";
    const stream = new QmuxStream(this.#host, { direction, id, sends, receives: true, receiveWindow });
    stream.sendLimit = this.#parts.outbox.initialLimit(direction, false);
    this.#streams.set(id, stream);
    this.acceptedCount++;
    this.#parts.accepted(stream);
    return stream;
  }
}

function directionOf(id: number): StreamDirection {
  return id % 4 >= 2 ? "unidirectional" : "bidirectional";
}
