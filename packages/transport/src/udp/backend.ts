/**
 * The face of a UDP backend: one socket, packets out by push and flush, packets in by callback. Small on purpose, so that
 * a faster one (sendmmsg, GSO) can stand in for `node:dgram` where the platform has it.
 */
import type { SocketAddress } from "../address.ts";

/** What a backend can do beyond plain datagrams. */
export interface UdpCapabilities {
  /** Name for logs. */
  readonly name: string;
  /** A push may carry several packets of one size, cut apart by the kernel (GSO). */
  readonly segmentation: boolean;
  /** ECN bits are read from and written to IP headers. */
  readonly ecn: boolean;
  /** Packets leave with "don't fragment" set, so that path MTU probes tell the truth. */
  readonly dontFragment: boolean;
}

/** Kernel buffer of a socket, in bytes. */
export interface SocketBuffer {
  /** What we asked for. */
  readonly asked: number;
  /** What the kernel gave; less than asked where a system limit (net.core.rmem_max, wmem_max) is lower. */
  readonly granted: number;
}

/** Both kernel buffers. A granted receive buffer far below the asked one loses packets in bursts. */
export interface SocketBuffers {
  readonly receive: SocketBuffer;
  readonly send: SocketBuffer;
}

/** How to open a socket. */
export interface UdpOptions {
  /** IP literal to bind. Absent: all of the host's, IPv6 and IPv4 in one socket where IPv6 exists, else IPv4. */
  readonly address?: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Talks to this peer only; a host that answers "nothing listens here" is then told by `refused`. */
  readonly peer?: SocketAddress;
  /** Several sockets, one per worker thread, share the port (Linux; Node 23 and later). */
  readonly reusePort?: boolean;
  /** Kernel buffer bytes to ask for, each way. */
  readonly bufferBytes: number;
}

/** What a backend tells its owner. */
export interface UdpOwner {
  /** A packet, valid during the call only, and the ECN code point of its IP header; 0 where the backend cannot tell. */
  received(packet: Uint8Array, address: string, port: number, ecn: number): void;
  /** The kernel has copied the packet of this slot. */
  released(slot: number): void;
  /** The peer of a connected socket sent "port unreachable". Anybody on the path can forge that: a hint, not a fact. */
  refused(): void;
  /** The peer of a connected socket cannot be reached from here (no route, interface gone). */
  unreachable(error: Error): void;
}

/** One open UDP socket. */
export interface UdpBackend {
  readonly capabilities: UdpCapabilities;
  /** Bound address. */
  readonly local: SocketAddress;
  readonly buffers: SocketBuffers;
  /**
   * Gives one packet to the kernel, with an ECN code point where the backend can. Its bytes must not change until
   * `released(slot)`, which may come at once.
   */
  push(slot: number, packet: Uint8Array, address: string, port: number, ecn: number): void;
  /** Ends a batch of pushes: releases what the kernel has taken. False: it still holds packets, flush again soon. */
  flush(): boolean;
  /** The memory of the slots is gone with its engine: packets not taken yet still leave, and no slot is released for them. */
  disown(): void;
  /** An open socket keeps the process alive unless it is `unref`ed. */
  ref(): void;
  unref(): void;
  /** Waits a moment for packets the kernel has not taken, then closes. */
  close(): Promise<void>;
}

/** Binds (and connects) a socket. Errors: `address-in-use`, `address-invalid`, `unreachable`. */
export type OpenUdp = (options: UdpOptions, owner: UdpOwner) => Promise<UdpBackend>;
