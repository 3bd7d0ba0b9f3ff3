/** `moqb relay`: runs @moqingbird/relay until it is told to stop. */
import { isIP } from "node:net";
import { createLogger, logLevels, openLogFile, type Relay, relayDefaults, start } from "@moqingbird/relay";
import type { CertificateSource } from "@moqingbird/transport";
import { pageFolder } from "@moqingbird/web";
import { z } from "zod";
import { relayCertificates } from "../certificates.ts";
import { defineCommand, type Surroundings } from "../command.ts";
import { Failure, systemReason } from "../failure.ts";
import { flag } from "../flags.ts";
import { keepHeapSmall } from "../heap.ts";
import { observe, observeFlags } from "../observe.ts";
import { parseSize } from "../quantity.ts";
import { untilAborted } from "../signal.ts";
import { parseListenAddress } from "../url.ts";

/** What the process may take beside cache and engine: with their defaults of 64 MiB each, 300 MB in all. */
const besideBytes = 165_000_000;

/** A thousand sessions of ordinary viewers, or a hundred whose windows are full. */
const defaultEngineBytes = 64 * 1024 * 1024;
const minEngineBytes = 16 * 1024 * 1024;
const maxEngineBytes = 256 * 1024 * 1024;

const size = z.string().transform((text, context) => {
  const bytes = parseSize(text);
  if (bytes === undefined) context.addIssue("give a number of bytes, such as 64M");
  return bytes ?? z.NEVER;
});

/** As browsers send it. */
const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text;

function isAddressRange(text: string): boolean {
  const [address = "", bits = "0", ...rest] = text.split("/");
  const most = isIP(address) === 4 ? 32 : 128;
  return isIP(address) !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
}

const flags = z.object({
  listen: flag(z.string().default(`[::]:${relayDefaults.port}`), {
    value: "ADDR",
    description: "UDP address, host:port; port 0 lets the system choose",
  }),
  tlsCert: flag(z.array(z.string()).default([]), {
    value: "FILE",
    description:
      "certificate chain (PEM or DER), the relay's own first; read again when it changes and at SIGHUP; may be given again, for other host names",
    defaultSays: "none",
  }),
  tlsKey: flag(z.array(z.string()).default([]), {
    value: "FILE",
    description: "private key (PEM or DER) of --tls-cert, in the same order",
    defaultSays: "none",
  }),
  tlsGenerate: flag(z.array(z.string()).default([]), {
    value: "NAME",
    description:
      "make a certificate for this host name, for clients that pin it, and again before its 14 days are over; may be given again",
    defaultSays: "none",
  }),
  cache: flag(size.default(relayDefaults.cacheBytes), {
    value: "BYTES",
    description: "memory for the groups of all broadcasts",
    defaultSays: "64M",
  }),
  engineMemory: flag(
    size
      .refine((bytes) => bytes >= minEngineBytes && bytes <= maxEngineBytes, "give 16M to 256M")
      .default(defaultEngineBytes),
    {
      value: "BYTES",
      description:
        "memory of the QUIC engine, 16M to 256M: a session at rest takes 48 KiB, a busy one its windows; as it fills, windows shrink",
      defaultSays: "64M",
    },
  ),
  maxSessions: flag(
    z.coerce
      .number("give a number")
      .int("give a whole number")
      .min(1, "give at least 1")
      .max(4096, "give at most 4096")
      .default(relayDefaults.maxSessions),
    {
      value: "N",
      description: "sessions at a time; further connections are refused",
    },
  ),
  maxConnectionsPerAddress: flag(
    z.coerce.number("give a number").int("give a whole number").min(1, "give at least 1").optional(),
    {
      value: "N",
      description:
        "connections of one IPv4 address or IPv6 /64 at a time; raise it for crowds behind one translator or proxy",
      defaultSays: "a quarter of --max-sessions, and all for loopback",
    },
  ),
  allowOrigin: flag(
    z.array(z.string().refine(isOrigin, "give scheme, host and port, such as https://example.com")).default([]),
    {
      value: "ORIGIN",
      description: "let in only pages of this origin, and programs; may be given again",
      defaultSays: "pages of all origins",
    },
  ),
  trustedProxy: flag(
    z.array(z.string().refine(isAddressRange, "give an address or a range, such as 10.0.0.0/8")).default([]),
    {
      value: "ADDR",
      description: "believe the X-Forwarded-For of this reverse proxy, an address or a range; may be given again",
      defaultSays: "none",
    },
  ),
  noTcp: flag(z.boolean().default(false), {
    description:
      "leave the TCP port of the same number alone: no WebSocket, no page to watch with, no /health over TCP",
  }),
  logLevel: flag(z.enum(logLevels, `give one of ${logLevels.join(", ")}`).default("info"), {
    value: "LEVEL",
    description: logLevels.join(", "),
  }),
  logFile: flag(z.string().optional(), {
    value: "FILE",
    description: "append the log to this file",
    defaultSays: "standard error",
  }),
  ...observeFlags,
});

export const relayCommand = defineCommand({
  name: "relay",
  summary: "run a relay",
  description:
    "Takes broadcasts from publishers and passes them on to any number of subscribers: one subscription upstream per track, late subscribers start at the newest group. Raw QUIC and WebTransport on one UDP port, MoQ draft 14; WebSocket and a page to watch with on the TCP port of the same number. Logs JSON lines. Ends at Ctrl-C or SIGTERM.",
  flags,
  examples: [
    {
      says: "for a test: a certificate made on the spot, whose fingerprint the log tells",
      line: "moqb relay --listen 127.0.0.1:4443 --tls-generate localhost",
    },
    {
      says: "with a certificate of your own",
      line: "moqb relay --listen [::]:443 --tls-cert chain.pem --tls-key key.pem --log-file relay.log",
    },
  ],
  async run(values, surroundings) {
    keepHeapSmall();
    const listen = parseListenAddress(values.listen);
    const log = createLogger({ level: values.logLevel, destination: await logDestination(values.logFile) });
    using certificate = await relayCertificates(values, surroundings, (error) =>
      log.warn({ event: "certificates-unusable", reason: error instanceof Error ? error.message : String(error) }),
    );
    const { cache: cacheBytes, engineMemory: engineBytes, maxSessions, maxConnectionsPerAddress } = values;
    const processBytes = cacheBytes + engineBytes + besideBytes;
    const observation = observe(values, surroundings, {
      keyLog: (file) =>
        log.warn({ event: "tls-secrets-logged", file, says: "Who has the file can read all sessions." }),
      loop: (summary) => log.info({ event: "loop", ...summary }),
    });
    try {
      const relay = await start({
        ...listen,
        certificate,
        cacheBytes,
        processBytes,
        engineBytes,
        maxSessions,
        maxConnectionsPerAddress,
        ...(values.allowOrigin.length > 0 && { origins: values.allowOrigin }),
        trustedProxies: values.trustedProxy,
        tcp: !values.noTcp,
        pages: pageFolder,
        log,
        ...observation.options,
      });
      await serve(relay, certificate, surroundings);
    } finally {
      observation.stop();
    }
  },
});

async function serve(relay: Relay, certificate: CertificateSource, surroundings: Surroundings): Promise<void> {
  greet(relay, certificate, surroundings);
  try {
    await Promise.race([untilAborted(surroundings.signal), relay.closed]);
  } finally {
    await relay.close();
  }
}

async function logDestination(file: string | undefined) {
  if (file === undefined) return undefined;
  try {
    return await openLogFile(file);
  } catch (error) {
    throw new Failure("input-output", `${file} cannot be written: ${systemReason(error)}; give another --log-file`, {
      cause: error,
    });
  }
}

/** At a terminal, what a client has to be told; in a pipe the log's `listening` line says it. */
function greet(relay: Relay, { certificates }: CertificateSource, { stdout }: Surroundings): void {
  if (stdout.isTTY !== true) return;
  const { address, port } = relay.address;
  const host =
    address === "::" || address === "0.0.0.0" ? "localhost" : address.includes(":") ? `[${address}]` : address;
  const pins = certificates.map(({ sha256 }) => `--tls-fingerprint ${Buffer.from(sha256).toString("hex")}`);
  stdout.write(`relay at moqt://${host}:${port}\nclients that pin: ${pins.join(" ")}\n`);
}
