/** A WebSocket of the library `ws` as what carries a QMux connection: pings of its own, messages that leave together. */
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import type { SocketAddress } from "../address.ts";
import { unmapAddress } from "../address.ts";
import { messageOf } from "../errors.ts";
import type { Carrier } from "../qmux/carrier.ts";
import type { QmuxConnection } from "../qmux/qmux-connection.ts";

/** A peer that does not answer our close is cut off after this, milliseconds. */
export const closeTimeoutMs = 2000;
/** Sequences of pings fit into four bytes. */
const pingBytes = 4;
/** Meant as an end (RFC 6455 section 7.4.1): normal, going away, and none given. */
const cleanCodes = new Set([1000, 1001, 1005]);

/** The WebSocket, and the TCP or TLS socket it runs on. */
export class SocketCarrier implements Carrier {
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;

  constructor(webSocket: WebSocket, socket: Socket, remoteAddress?: SocketAddress) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    socket.setNoDelay(true); // what goes next is decided here, and late: the kernel need not wait for more
    this.localAddress = { address: unmapAddress(socket.localAddress ?? ""), port: socket.localPort ?? 0 };
    this.remoteAddress = remoteAddress ?? peerOf(socket);
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  /** Hands what arrives to the connection. */
  attach(connection: QmuxConnection): void {
    const socket = this.#webSocket;
    let failure: string | undefined;
    socket.binaryType = "nodebuffer";
    socket.on("message", (data, isBinary) => {
      if (!isBinary) connection.receivedText();
      else if (data instanceof Uint8Array) connection.received(data);
    });
    socket.on("pong", (data) => {
      if (data.length === pingBytes) connection.pong(data.readUInt32BE());
      else connection.heard();
    });
    socket.on("ping", () => connection.heard());
    socket.on("error", (error) => {
      failure = messageOf(error);
    });
    socket.on("close", (code, reason) => {
      const words = reason.toString();
      const clean = cleanCodes.has(code) && failure === undefined;
      connection.carrierClosed(clean, clean ? words : (failure ?? `close code ${code}${words && `, ${words}`}`));
    });
  }

  send(message: Uint8Array): void {
    if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.send(message);
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  ping(sequence: number): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    const payload = Buffer.allocUnsafe(pingBytes);
    payload.writeUInt32BE(sequence >>> 0);
    this.#webSocket.ping(payload);
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  close(): void {
    this.#webSocket.close(1000);
  }

  abort(): void {
    this.#webSocket.terminate();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }
}

/** The other end of a socket. */
export function peerOf(socket: Socket): SocketAddress {
  return { address: unmapAddress(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 };
}
