/**
 * UDP by `node:dgram`, everywhere Node runs. The only file that imports it.
 *
 * dgram makes one system call per packet. The kernel has copied a packet when `getSendQueueCount()` is back at 0;
 * otherwise libuv still holds the pointer and the slot stays leased, in the order of sending. A socket without that
 * method (Deno) tells by callbacks instead.
 */
import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from "node:dgram";
import { isIPv6 } from "node:net";
import { formatAddress, type SocketAddress, unmapAddress } from "../address.ts";
import { errnoOf, messageOf, TransportError } from "../errors.ts";
import type { SocketBuffers, UdpBackend, UdpCapabilities, UdpOptions, UdpOwner } from "./backend.ts";

const capabilities: UdpCapabilities = { name: "dgram", segmentation: false, ecn: false, dontFragment: false };

/** Errors that say "no route", not "no listener". */
const unreachableErrors = new Set(["ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EADDRNOTAVAIL", "EACCES", "EPERM"]);
/**
 * Packets of a batch whose errors a connected socket listens for. The kernel tells a refusal by the next call, whichever that
 * is; packets into a void go alone or in pairs, and a long batch should not pay for a callback per packet.
 */
const watchedSends = 4;
/** In place of a slot that nobody wants back. */
const disowned = -1;
/** The socket exists but its address family does not, or has no address here. */
const familyMissing = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL", "EINVAL", "EPROTONOSUPPORT"]);

/**
 * dgram resolves the address of every packet, in a later tick even for literals. Ours are always literals, so the
 * answer is given at once and the send is synchronous.
 */
const literalLookup = (
  address: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void => done(null, address, isIPv6(address) ? 6 : 4);

/** Binds (and connects) a socket. Errors: `address-in-use`, `address-invalid`, `unreachable`. */
export async function openDgram(options: UdpOptions, owner: UdpOwner): Promise<UdpBackend> {
  const { peer } = options;
  if (options.address !== undefined || peer !== undefined) {
    return openSocket(isIPv6((options.address ?? peer?.address ?? "").split("%")[0] ?? ""), options, owner);
  }
  try {
    return await openSocket(true, { ...options, address: "::" }, owner);
  } catch (error) {
    if (!familyMissing.has(errnoOf((error as Error).cause) ?? "")) throw error;
    return openSocket(false, { ...options, address: "0.0.0.0" }, owner); // a host without IPv6
  }
}

async function openSocket(ipv6: boolean, options: UdpOptions, owner: UdpOwner): Promise<UdpBackend> {
  const socket = createSocket({
    type: ipv6 ? "udp6" : "udp4",
    lookup: literalLookup as NonNullable<SocketOptions["lookup"]>,
    ...(options.reusePort ? { reusePort: true } : {}),
  });
  try {
    if (options.peer === undefined) await bind(socket, options);
    else await connect(socket, options.peer);
  } catch (error) {
    socket.close();
    throw socketError(error, options);
  }
  return new DgramBackend(socket, options, owner);
}

/** `exclusive`: a cluster worker gets a socket of its own, not one shared through the primary. */
function bind(socket: Socket, { address, port }: UdpOptions): Promise<void> {
  return settled(socket, "listening", () => socket.bind({ ...(address ? { address } : {}), port, exclusive: true }));
}

function connect(socket: Socket, { address, port }: SocketAddress): Promise<void> {
  return settled(socket, "connect", () => socket.connect(port, address));
}

function settled(socket: Socket, event: "listening" | "connect", start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once(event, () => {
      socket.off("error", reject);
      resolve();
    });
    start();
  });
}

function socketError(error: unknown, { address, port, peer }: UdpOptions): TransportError {
  const where = peer ? formatAddress(peer.address, peer.port) : formatAddress(address ?? "::", port);
  const cause = { cause: error };
  const errno = errnoOf(error);
  if (errno === "EADDRINUSE") return new TransportError("address-in-use", { where }, cause);
  if (peer !== undefined) return new TransportError("unreachable", { where, detail: noRoute(error) }, cause);
  return new TransportError("address-invalid", { where, detail: reason(error) }, cause);
}

function reason(error: unknown): string {
  switch (errnoOf(error)) {
    case "EADDRNOTAVAIL":
      return "this host has no such address";
    case "EACCES":
    case "EPERM":
      return "permission denied (ports below 1024 may need privileges)";
    case "EAFNOSUPPORT":
    case "EINVAL":
      return "this host does not support its address family";
    default:
      return messageOf(error);
  }
}

function noRoute(error: unknown): string {
  switch (errnoOf(error)) {
    case "ENETUNREACH":
    case "EHOSTUNREACH":
    case "EADDRNOTAVAIL":
      return "there is no route to it";
    case "EACCES":
    case "EPERM":
      return "this host does not permit it";
    default:
      return reason(error);
  }
}

class DgramBackend implements UdpBackend {
  readonly capabilities = capabilities;
  readonly local: SocketAddress;
  readonly buffers: SocketBuffers;
  readonly #socket: Socket;
  readonly #owner: UdpOwner;
  readonly #connected: boolean;
  readonly #counts: boolean;
  /** Slots whose packets libuv holds, oldest first. */
  readonly #leased: number[] = [];
  /** Packets pushed since the last flush. */
  #batch = 0;
  #closed = false;

  constructor(socket: Socket, options: UdpOptions, owner: UdpOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#connected = options.peer !== undefined;
    this.#counts = typeof socket.getSendQueueCount === "function";
    const { address, port } = socket.address();
    this.local = { address: unmapAddress(address), port };
    this.buffers = askBuffers(socket, options.bufferBytes);
    socket.on("message", this.#received);
    socket.on("error", this.#failed);
  }

  push(slot: number, packet: Uint8Array, address: string, port: number): void {
    if (this.#closed) {
      this.#owner.released(slot);
      return;
    }
    this.#leased.push(slot);
    const watched = this.#connected && this.#batch++ < watchedSends;
    const done = this.#counts ? (watched ? this.#failed : undefined) : this.#taken;
    try {
      if (this.#connected) this.#socket.send(packet, done);
      else this.#socket.send(packet, port, address, done);
    } catch (error) {
      if (!this.#counts) this.#taken(null); // its callback will never come
      this.#failed(error as Error);
    }
    if (this.#leased.length === 1 && this.#counts && this.#socket.getSendQueueCount() === 0) {
      this.#leased.pop();
      this.#owner.released(slot);
    }
  }

  flush(): boolean {
    this.#batch = 0;
    const held = this.#closed ? 0 : this.#counts ? this.#socket.getSendQueueCount() : this.#leased.length;
    while (this.#leased.length > held) this.#release(this.#leased.shift() as number);
    return this.#leased.length === 0;
  }

  disown(): void {
    this.#leased.fill(disowned);
  }

  ref(): void {
    if (!this.#closed) this.#socket.ref();
  }

  unref(): void {
    if (!this.#closed) this.#socket.unref();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    for (let waits = 0; !this.flush() && waits < 50; waits++) await new Promise((resolve) => setTimeout(resolve, 2));
    if (this.#closed) return;
    this.#closed = true;
    this.flush();
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  readonly #received = (packet: Uint8Array, { address, port }: RemoteInfo): void => {
    this.#owner.received(packet, address, port, 0);
  };

  /** Errors of receiving, and of the sends that are watched. What matters is the answer of the peer's host. */
  readonly #failed = (error: Error | null): void => {
    if (error === null || this.#closed) return;
    const errno = errnoOf(error);
    if (errno === "ECONNREFUSED") this.#owner.refused();
    else if (errno !== undefined && unreachableErrors.has(errno)) this.#owner.unreachable(error);
    // Everything else (ENOBUFS, EMSGSIZE of an MTU probe) is a lost packet, which QUIC notices by itself.
  };

  readonly #taken = (error: Error | null): void => {
    const slot = this.#leased.shift();
    if (slot !== undefined) this.#release(slot);
    if (this.#connected) this.#failed(error);
  };

  #release(slot: number): void {
    if (slot !== disowned) this.#owner.released(slot);
  }
}

function askBuffers(socket: Socket, asked: number): SocketBuffers {
  return {
    receive: askBuffer(
      asked,
      (bytes) => socket.setRecvBufferSize(bytes),
      () => socket.getRecvBufferSize(),
    ),
    send: askBuffer(
      asked,
      (bytes) => socket.setSendBufferSize(bytes),
      () => socket.getSendBufferSize(),
    ),
  };
}

function askBuffer(asked: number, set: (bytes: number) => void, get: () => number): { asked: number; granted: number } {
  // Linux grants what its limit allows; others refuse what is above theirs, so ask for less until it is granted.
  for (let bytes = asked; bytes >= 65_536; bytes /= 2) {
    try {
      set(Math.floor(bytes));
      break;
    } catch {}
  }
  try {
    // Linux tells twice the size, the half of which pays for its own bookkeeping (socket(7), SO_RCVBUF).
    return { asked, granted: process.platform === "linux" ? get() / 2 : get() };
  } catch {
    return { asked, granted: 0 };
  }
}
