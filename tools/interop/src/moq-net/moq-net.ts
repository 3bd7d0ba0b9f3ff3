/** The npm package @moq/net, unmodified: what we use of it. It takes `globalThis.WebTransport` for its client. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { WebTransport } from "@moqingbird/transport";
import { peerNpm } from "../peers/provision.ts";

declare const path: unique symbol;
/** A path of theirs. */
export type MoqPath = string & { readonly [path]: true };

declare const timestamp: unique symbol;
/** A time of theirs. */
export interface MoqTimestamp {
  readonly [timestamp]: true;
}

/** One of theirs, established. */
export interface MoqConnection {
  readonly version: string;
  readonly transport: "webtransport" | "websocket";
  publish(path: MoqPath, broadcast: MoqBroadcast): void;
  announced(): { next(): Promise<{ readonly path: string; readonly active: boolean } | undefined> };
  consume(path: MoqPath): { subscribe(track: string): MoqSubscriber };
  stats(): Promise<{ readonly rtt?: number; readonly bytesSent?: number }>;
  close(): void;
}

/** What is published. */
export interface MoqBroadcast {
  createTrack(name: string): MoqTrack;
  close(): void;
}

/** A track, from its publisher. */
export interface MoqTrack {
  appendGroup(): { writeFrame(frame: MoqFrame): void; close(): void };
  appendDatagram(timestamp: MoqTimestamp, payload: Uint8Array): number;
  close(): void;
}

/** A track, to its subscriber. */
export interface MoqSubscriber {
  recvGroup(): Promise<{ readonly sequence: number; readFrame(): Promise<MoqFrame | undefined> } | undefined>;
  recvDatagram(): Promise<{ readonly payload: Uint8Array } | undefined>;
  close(): void;
}

export interface MoqFrame {
  readonly payload: Uint8Array;
  readonly timestamp: MoqTimestamp;
}

interface MoqNetPackage {
  readonly Connection: {
    connect(
      url: URL,
      options: {
        readonly websocket: { readonly enabled: boolean };
        readonly webtransport: {
          readonly protocols: readonly string[];
          readonly serverCertificateHashes: readonly { readonly value: Uint8Array }[];
        };
      },
    ): Promise<MoqConnection>;
    accept(transport: WebTransport, url: URL): Promise<MoqConnection>;
  };
  readonly Broadcast: { readonly Producer: new () => MoqBroadcast };
  readonly Path: { from(path: string): MoqPath };
  readonly Time: { readonly Timestamp: { now(): MoqTimestamp } };
}

/** Loads it from where it was installed. */
export async function loadMoqNet(): Promise<MoqNetPackage> {
  const file = join(peerNpm("@moq/net"), "node_modules/@moq/net/index.js");
  return (await import(pathToFileURL(file).href)) as MoqNetPackage;
}
