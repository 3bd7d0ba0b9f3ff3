/** Whose address is believed: that of the socket, or what a proxy we know says about its client (X-Forwarded-For). */
import { BlockList, isIP } from "node:net";
import { type SocketAddress, unmapAddress } from "../address.ts";
import { TransportError } from "../errors.ts";

/** Proxies whose word is taken. */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #any: boolean;

  /** @param ranges IP literals, or "address/bits". Errors: `option-invalid`. */
  constructor(ranges: readonly string[]) {
    this.#any = ranges.length > 0;
    for (const range of ranges) {
      const [address = "", bits] = range.split("/");
      const family = isIP(address);
      const most = family === 4 ? 32 : 128;
      const prefix = bits === undefined ? most : Number(bits);
      if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > most) {
        const detail = `${JSON.stringify(range)} is neither an IP address nor a range such as 10.0.0.0/8`;
        throw new TransportError("option-invalid", { option: "trustedProxies", detail });
      }
      this.#list.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
    }
  }

  /** Where a request really comes from: the last address of the header that no proxy of ours has. */
  clientOf(socket: SocketAddress, forwardedFor: string | undefined): SocketAddress {
    if (!this.#any || forwardedFor === undefined || !this.trusts(socket.address)) return socket;
    let client = socket;
    for (const name of forwardedFor.split(",").reverse()) {
      const address = unmapAddress(name.trim().replace(/^\[(.*)\]$/, "$1"));
      if (isIP(address) === 0) break;
      client = { address, port: 0 };
      if (!this.trusts(address)) break;
    }
    return client;
  }

  /** Whether the address is a proxy's whose word is taken. */
  trusts(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 4 ? "ipv4" : "ipv6");
  }
}
