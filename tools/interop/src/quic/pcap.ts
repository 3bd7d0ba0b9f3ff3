/** A capture file of UDP packets between two ports of 127.0.0.1, as tshark reads it: no privilege is needed to make one. */

/** One UDP payload on its way. */
export interface CapturedPacket {
  readonly micros: number;
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

/** draft-ietf-opsawg-pcap: microseconds, raw IPv4 (LINKTYPE_IPV4). */
const magic = 0xa1b2c3d4;
const linkIpv4 = 228;
const snapLength = 65_535;
const ipHeaderBytes = 20;
const udpHeaderBytes = 8;
const loopback = 0x7f00_0001;
const udp = 17;

/** The file's bytes. Checksums of zero are fine: tshark does not verify them. */
export function pcapFile(packets: readonly CapturedPacket[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(magic, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(snapLength, 16);
  header.writeUInt32LE(linkIpv4, 20);
  return Buffer.concat([header, ...packets.flatMap(record)]);
}

function record({ micros, from, to, bytes }: CapturedPacket): Uint8Array[] {
  const length = ipHeaderBytes + udpHeaderBytes + bytes.length;
  const head = Buffer.alloc(16 + ipHeaderBytes + udpHeaderBytes);
  head.writeUInt32LE(Math.floor(micros / 1e6), 0);
  head.writeUInt32LE(Math.floor(micros % 1e6), 4);
  head.writeUInt32LE(length, 8);
  head.writeUInt32LE(length, 12);
  const ip = head.subarray(16);
  ip[0] = 0x45; // version 4, five words of header
  ip.writeUInt16BE(length, 2);
  ip[8] = 64; // time to live
  ip[9] = udp;
  ip.writeUInt32BE(loopback, 12);
  ip.writeUInt32BE(loopback, 16);
  const datagram = ip.subarray(ipHeaderBytes);
  datagram.writeUInt16BE(from, 0);
  datagram.writeUInt16BE(to, 2);
  datagram.writeUInt16BE(udpHeaderBytes + bytes.length, 4);
  return [head, bytes];
}
