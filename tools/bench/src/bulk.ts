/**
 * One stream as fast as it goes, our sender and our receiver in a process each, over loopback; and in the same run the
 * ceiling: `node:dgram` sending datagrams of the same size and nothing else.
 */
import { Side } from "./child.ts";
import { alone, compared, type Figure } from "./figure.ts";

interface Rate {
  readonly packets: number;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

interface Sent extends Rate {
  readonly bytes: number;
  readonly sentBytes: number;
  readonly lostPackets: number;
  readonly mtu: number;
  readonly rttMicros: number;
}

interface Received {
  readonly bytes: number;
  readonly receivedPackets: number;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

/** Runs both and returns the figures. */
export async function bulk(seconds: number): Promise<Figure[]> {
  const { sent, received } = await transfer(seconds);
  if (received.bytes !== sent.sentBytes) {
    throw new Error(`the receiver has ${received.bytes} of ${sent.sentBytes} bytes`);
  }
  const raw = await ceiling(seconds, sent.mtu);
  const peer = "raw dgram, send only";
  const rawRate = raw.packets / raw.wallSeconds;
  const rawEfficiency = raw.packets / raw.cpuSeconds;
  return [
    compared("bulk-packets", sent.packets / sent.wallSeconds, "packets/s", { name: peer, value: rawRate }),
    compared("bulk-packets-per-cpu-second", sent.packets / sent.cpuSeconds, "packets/cpu-s", {
      name: peer,
      value: rawEfficiency,
    }),
    alone("bulk-goodput", (sent.bytes * 8) / sent.wallSeconds / 1e6, "Mbit/s"),
    alone("bulk-receiver-packets-per-cpu-second", received.receivedPackets / received.cpuSeconds, "packets/cpu-s"),
    alone("bulk-sender-cpu", sent.cpuSeconds / sent.wallSeconds, "cores"),
    alone("bulk-receiver-cpu", received.cpuSeconds / received.wallSeconds, "cores"),
    alone("bulk-lost-packets", sent.lostPackets, "packets"),
    alone("bulk-datagram-size", sent.mtu, "B"),
  ];
}

async function transfer(seconds: number): Promise<{ sent: Sent; received: Received }> {
  const receiver = new Side("bulk-receiver.ts");
  const address = await receiver.next<{ port: number; sha256: string }>();
  const sender = new Side("bulk-sender.ts", { ...address, seconds });
  try {
    const [sent, received] = await Promise.all([sender.next<Sent>(), receiver.next<Received>()]);
    return { sent, received };
  } finally {
    await Promise.all([sender.end(), receiver.end()]);
  }
}

async function ceiling(seconds: number, datagramBytes: number): Promise<Rate> {
  const receiver = new Side("raw-receiver.ts");
  const { port } = await receiver.next<{ port: number }>();
  const sender = new Side("raw-sender.ts", { port, seconds, datagramBytes });
  try {
    return await sender.next<Rate>();
  } finally {
    await Promise.all([sender.end(), receiver.end()]);
  }
}
