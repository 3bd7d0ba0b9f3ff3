/** UDP of a simulated host behind the face of a backend. */
import { formatAddress, type SocketAddress, TransportError } from "@moqingbird/transport";
import type { UdpBackend, UdpOptions, UdpOwner } from "@moqingbird/transport/simulation";
import type { Process } from "./process.ts";

const capabilities = { name: "simulated", segmentation: false, ecn: true, dontFragment: true } as const;

/** Binds a socket of the process's host. Errors: `address-in-use`. */
export async function openSimulatedUdp(
  { host, loop }: Process,
  options: UdpOptions,
  owner: UdpOwner,
): Promise<UdpBackend> {
  const { peer, port, bufferBytes } = options;
  const socket = host.bind(port, (packet, address, from, ecn) => {
    // A connected socket hears its peer only.
    if (peer !== undefined && (address !== peer.address || from !== peer.port)) return;
    loop.stir();
    owner.received(packet, address, from, ecn);
  });
  if (socket === undefined) {
    throw new TransportError("address-in-use", { where: formatAddress(host.address, port) });
  }
  const local: SocketAddress = { address: host.address, port: socket.port };
  const buffer = { asked: bufferBytes, granted: bufferBytes };
  return {
    capabilities,
    local,
    buffers: { receive: buffer, send: buffer },
    push(slot, packet, address, to, ecn) {
      socket.send(packet, peer?.address ?? address, peer?.port ?? to, ecn);
      owner.released(slot);
    },
    flush: () => true,
    disown() {},
    ref() {},
    unref() {},
    async close() {
      socket.close();
    },
  };
}
