/**
 * Peer addresses as numbers. The engine knows a peer by a small index; this table keeps the text that dgram speaks and
 * finds the index of a packet's sender by two map look-ups, with no allocation once the peer is known.
 */
import type { Engine } from "@moqingbird/engine";
import { addressBytes, type SocketAddress, unmapAddress } from "../address.ts";

/** Text and index of each peer the engine remembers. As large as the engine's own table: an index has one address. */
export class PeerTable {
  readonly #engine: Engine;
  readonly #indices = new Map<string, Map<number, number>>();
  readonly #addresses: (string | undefined)[] = [];
  readonly #ports: number[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Index of a sender; -1 when its address is no IP literal. */
  index(address: string, port: number): number {
    return this.#indices.get(address)?.get(port) ?? this.#intern(address, port);
  }

  /** As dgram spelled it, for sending back. */
  address(index: number): string {
    return this.#addresses[index] ?? "";
  }

  port(index: number): number {
    return this.#ports[index] ?? 0;
  }

  /** For people: IPv4 in dotted form also on a dual-stack socket. */
  socketAddress(index: number): SocketAddress {
    return { address: unmapAddress(this.address(index)), port: this.port(index) };
  }

  #intern(address: string, port: number): number {
    const bytes = addressBytes(address);
    if (bytes === undefined || port === 0) return -1;
    const index = this.#engine.internPeer(bytes, port);
    this.#forget(index);
    this.#addresses[index] = address;
    this.#ports[index] = port;
    let ports = this.#indices.get(address);
    if (ports === undefined) {
      ports = new Map();
      this.#indices.set(address, ports);
    }
    ports.set(port, index);
    return index;
  }

  /** The engine gave the index to another peer: its old text must not find it any more. */
  #forget(index: number): void {
    const address = this.#addresses[index];
    if (address === undefined) return;
    const ports = this.#indices.get(address);
    ports?.delete(this.port(index));
    if (ports?.size === 0) this.#indices.delete(address);
  }
}
