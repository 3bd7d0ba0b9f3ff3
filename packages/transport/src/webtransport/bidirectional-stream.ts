import type { WebTransportReceiveStream } from "./receive-stream.ts";
import type { WebTransportSendStream } from "./send-stream.ts";

/** A stream both ways (W3C `WebTransportBidirectionalStream`). */
export class WebTransportBidirectionalStream {
  readonly readable: WebTransportReceiveStream;
  readonly writable: WebTransportSendStream;

  /** @internal Made by a session. */
  constructor(readable: WebTransportReceiveStream, writable: WebTransportSendStream) {
    this.readable = readable;
    this.writable = writable;
  }
}
