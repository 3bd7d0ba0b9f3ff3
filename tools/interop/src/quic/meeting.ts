/** A connection between our transport and a program on another QUIC stack, either one being the server. */
import { EventEmitter, on } from "node:events";
import { readFile } from "node:fs/promises";
import { inRoot } from "@moqingbird/toolchain";
import {
  ByteReader,
  ByteWriter,
  type Connection,
  type ConnectionHandler,
  type ConnectOptions,
  connect,
  type EarlyConnection,
  type ListenOptions,
  listen,
  loadCertificate,
  type TransportSettings,
} from "@moqingbird/transport";
import { onTestFinished } from "vitest";
import type { Lab } from "../lab/lab.ts";
import type { Program } from "../lab/program.ts";
import { peerGo, peerNpm } from "../peers/provision.ts";
import { LossyPath } from "./lossy-path.ts";

/** Other people's QUIC, as a program that takes the flags of `go/quicpeer`. */
export interface Stack {
  readonly name: string;
  readonly command: () => { readonly program: string; readonly args: readonly string[] };
}

export const quicGo: Stack = { name: "quic-go", command: () => ({ program: peerGo("quicpeer"), args: [] }) };
export const quiche: Stack = {
  name: "quiche",
  command: () => ({
    program: process.execPath,
    args: [inRoot("tools/interop/src/quic/quiche-peer.ts"), peerNpm("@currentspace/http3")],
  }),
};

/** Our part. */
export type Role = "client" | "server";

export interface MeetingOptions {
  readonly stack: Stack;
  readonly role: Role;
  readonly transport?: TransportSettings;
  /** Set before the first stream can come. */
  readonly handler?: Partial<ConnectionHandler>;
  /** Added to the peer's flags. */
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** What the peer offers or takes. Default "test", the only one of ours. */
  readonly alpn?: string;
  /** Packets are lost on the way, both ways, once the handshake is done (docs/INTEROP.md says why). */
  readonly loss?: { readonly percent: number; readonly seed: number };
}

export interface Meeting {
  readonly connection: Connection;
  /** The peer; its lines are what it saw. */
  readonly program: Program;
  readonly path: LossyPath | undefined;
}

export const alpn = "test";

/** Starts the peer's program, and connects whichever way the role says. Everything ends with the test. */
export async function meet(lab: Lab, options: MeetingOptions): Promise<Meeting> {
  const meeting = options.role === "client" ? await meetServer(lab, options) : await meetClient(lab, options);
  meeting.path?.begin();
  return meeting;
}

async function meetServer(lab: Lab, options: MeetingOptions): Promise<Meeting> {
  const { program, port } = await startServer(lab, options);
  const path = await between(port, options);
  return { program, path, connection: await connectTo(lab, path?.port ?? port, options) };
}

async function meetClient(lab: Lab, options: MeetingOptions): Promise<Meeting> {
  const { port, accepted } = await startListening(lab, options);
  const path = await between(port, options);
  const program = startClient(lab, path?.port ?? port, options);
  return { program, path, connection: await Promise.race([accepted, endOf(program)]) };
}

/** The peer as a server, listening. */
export async function startServer(lab: Lab, options: MeetingOptions): Promise<{ program: Program; port: number }> {
  const { chain, key } = lab.certificate;
  const program = startPeer(lab, options, ["-listen", "127.0.0.1:0", "-cert", chain, "-key", key]);
  const [, port] = await program.line(/^listening (\d+)$/);
  return { program, port: Number(port) };
}

/** The peer as a client of ours. */
export function startClient(lab: Lab, port: number, options: MeetingOptions): Program {
  return startPeer(lab, options, ["-connect", `127.0.0.1:${port}`, "-root", lab.certificate.root]);
}

/** Our client, which verifies the peer's certificate. */
export async function connectTo(
  lab: Lab,
  port: number,
  {
    transport,
    handler,
    onEarlyData,
  }: Pick<MeetingOptions, "transport" | "handler"> & Pick<ConnectOptions, "onEarlyData">,
): Promise<Connection> {
  const connection = await connect({
    host: "127.0.0.1",
    port,
    alpn: [alpn],
    trust: { roots: [await readFile(lab.certificate.root, "utf8")] },
    ...(transport === undefined ? {} : { transport }),
    ...(onEarlyData === undefined ? {} : { onEarlyData }),
  });
  connection.handler = handler;
  onTestFinished(() => connection.close());
  return connection;
}

/** Our server, the first connection it gets, and all of them in order. */
export async function startListening(
  lab: Lab,
  {
    transport = {},
    handler,
    limits = {},
    earlyData = false,
  }: Pick<MeetingOptions, "transport" | "handler"> & Pick<ListenOptions, "limits" | "earlyData">,
): Promise<{ port: number; accepted: Promise<Connection>; connections: AsyncIterator<Connection> }> {
  const { promise: accepted, resolve } = Promise.withResolvers<Connection>();
  const events = new EventEmitter();
  const connections = each(on(events, "connection"));
  const listener = await listen({
    host: "127.0.0.1",
    certificate: await loadCertificate(lab.certificate),
    alpn: [alpn],
    transport,
    limits,
    earlyData,
    onConnection: (connection) => {
      connection.handler = handler;
      resolve(connection);
      events.emit("connection", connection);
    },
  });
  onTestFinished(() => listener.close());
  return { port: listener.address.port, accepted, connections };
}

async function* each(events: AsyncIterable<unknown[]>): AsyncGenerator<Connection> {
  for await (const [connection] of events) yield connection as Connection;
}

/** A stream both ways whose first line is the order: see `go/quicpeer`. */
export function order(connection: EarlyConnection, line: string): { writer: ByteWriter; reader: ByteReader } {
  const writer = new ByteWriter();
  const reader = new ByteReader();
  connection.openBidirectional(writer, reader);
  writer.write(Buffer.from(`${line}\n`));
  return { writer, reader };
}

/** Sends bytes to be echoed, while what comes back is gathered. */
export async function echoed(connection: EarlyConnection, bytes: Uint8Array): Promise<Buffer> {
  const { writer, reader } = order(connection, "echo");
  const send = async (): Promise<void> => {
    for (let at = 0; at < bytes.length; at += 65_536) {
      if (!writer.write(bytes.subarray(at, at + 65_536))) await writer.drained();
    }
    writer.finish();
  };
  const [back] = await Promise.all([reader.bytes(bytes.length + 65_536), send()]);
  return Buffer.from(back);
}

function startPeer(lab: Lab, { stack, flags = [], env = {}, alpn: offered = alpn }: MeetingOptions, args: string[]) {
  const { program, args: first } = stack.command();
  return lab.start({ name: stack.name, program, args: [...first, ...args, "-alpn", offered, ...flags], env });
}

async function between(to: number, { loss }: MeetingOptions): Promise<LossyPath | undefined> {
  if (loss === undefined) return undefined;
  const path = await LossyPath.open({ to, ...loss });
  onTestFinished(() => path.close());
  return path;
}

async function endOf(program: Program): Promise<never> {
  await program.ended;
  throw new Error(`${program.name} ended before it was connected.`);
}
