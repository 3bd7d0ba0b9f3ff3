/** How many of something each address has. An address is an IPv4 address or an IPv6 /64, which one host can have whole. */
import { isIPv6 } from "node:net";

export class AddressCounts {
  readonly #counts = new Map<string, number>();

  of(address: string): number {
    return this.#counts.get(networkOf(address)) ?? 0;
  }

  add(address: string): void {
    const network = networkOf(address);
    this.#counts.set(network, (this.#counts.get(network) ?? 0) + 1);
  }

  remove(address: string): void {
    const network = networkOf(address);
    const left = (this.#counts.get(network) ?? 0) - 1;
    if (left > 0) this.#counts.set(network, left);
    else this.#counts.delete(network);
  }
}

/** Parts of the whole that one address gets, and what it gets at least: as for QUIC. */
const share = 4;
const leastPerAddress = 16;

/** What one address may have of `all` by default: for this host's loopback addresses everything. */
export function defaultPerAddress(address: string, all: number): number {
  return isLoopback(address) ? all : Math.max(leastPerAddress, Math.floor(all / share));
}

/** The first four groups of an IPv6 address, any other address whole. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const left = groups(head);
  // An IPv4 address at the end stands for two groups.
  const right = groups(tail ?? "").flatMap((group) => (group.includes(".") ? ["0", "0"] : [group]));
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const all = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
