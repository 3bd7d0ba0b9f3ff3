/** A UDP path that loses packets: it stands between two QUIC programs, who know nothing of it. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";

export interface LossyPathOptions {
  /** Loopback port the packets go to. */
  readonly to: number;
  /** Lost of a hundred packets, each way. Default 0. */
  readonly percent?: number;
  /** Which ones: the same seed loses the same places in the order of arrival. Default 0. */
  readonly seed?: number;
  /** Loses a packet by what it is, whether losing has begun or not. */
  readonly loses?: (packet: Uint8Array, way: Way) => boolean;
  /** Sees every packet that comes, and which way it goes. */
  readonly watch?: (packet: Uint8Array, way: Way) => void;
}

/** From the client, or to it. */
export type Way = "there" | "back";

/** For one client. Loses nothing before `begin`. */
export class LossyPath {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #to: number;
  readonly #percent: number;
  readonly #loses: (packet: Uint8Array, way: Way) => boolean;
  #state: number;
  #client: RemoteInfo | undefined;
  #losing = false;
  #dropped = 0;
  #passed = 0;

  static async open(options: LossyPathOptions): Promise<LossyPath> {
    const sockets = [createSocket("udp4"), createSocket("udp4")] as const;
    for (const socket of sockets) {
      socket.bind(0, "127.0.0.1");
      await once(socket, "listening");
      socket.setRecvBufferSize(4_194_304); // what is lost shall be lost by the seed, not by a full socket
    }
    return new LossyPath(...sockets, options);
  }

  private constructor(near: Socket, far: Socket, { to, percent = 0, seed = 0, loses, watch }: LossyPathOptions) {
    this.#near = near;
    this.#far = far;
    this.#to = to;
    this.#percent = percent;
    this.#state = seed >>> 0;
    this.#loses = (packet, way) => this.#counted(loses?.(packet, way) === true || this.#drawn());
    near.on("message", (packet, from) => {
      this.#client = from;
      watch?.(packet, "there");
      if (!this.#loses(packet, "there")) far.send(packet, this.#to, "127.0.0.1");
    });
    far.on("message", (packet) => {
      const client = this.#client;
      watch?.(packet, "back");
      if (client !== undefined && !this.#loses(packet, "back")) near.send(packet, client.port, client.address);
    });
  }

  /** Where the client connects to. */
  get port(): number {
    return this.#near.address().port;
  }

  /** Packets lost so far, both ways. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Packets passed on since `begin`, both ways. */
  get passed(): number {
    return this.#passed;
  }

  /** Packets are lost from now on. */
  begin(): void {
    this.#losing = true;
  }

  close(): void {
    this.#near.close();
    this.#far.close();
  }

  /** Draws by mulberry32. */
  #drawn(): boolean {
    if (!this.#losing) return false;
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 < this.#percent / 100;
  }

  #counted(lost: boolean): boolean {
    if (lost) this.#dropped++;
    else if (this.#losing) this.#passed++;
    return lost;
  }
}
