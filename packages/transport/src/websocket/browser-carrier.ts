/** A WebSocket of the web platform as what carries a QMux connection. It has no pings, and its buffer tells nothing of its end. */
import type { SocketAddress } from "../address.ts";
import type { Carrier } from "../qmux/carrier.ts";
import type { QmuxConnection } from "../qmux/qmux-connection.ts";

/** Meant as an end (RFC 6455 section 7.4.1): normal, going away, and none given. */
const cleanCodes = new Set([1000, 1001, 1005]);

/** The platform's WebSocket, once it is open. */
export class BrowserCarrier implements Carrier {
  readonly remoteAddress: SocketAddress;
  readonly localAddress: SocketAddress = { address: "", port: 0 };
  readonly #socket: WebSocket;

  constructor(socket: WebSocket, remoteAddress: SocketAddress) {
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Hands what arrives to the connection. The socket's `binaryType` is "arraybuffer". */
  attach(connection: QmuxConnection): void {
    this.#socket.addEventListener("message", ({ data }: { readonly data: unknown }) => {
      if (data instanceof ArrayBuffer) connection.received(new Uint8Array(data));
      else connection.receivedText();
    });
    this.#socket.addEventListener("close", ({ code, reason }) => {
      const clean = cleanCodes.has(code);
      connection.carrierClosed(clean, clean ? reason : `close code ${code}${reason && `, ${reason}`}`);
    });
  }

  send(message: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message as Uint8Array<ArrayBuffer>);
  }

  close(): void {
    this.#socket.close(1000);
  }

  abort(): void {
    this.#socket.close();
  }
}
