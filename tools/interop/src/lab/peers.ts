/** Starts other people's programs, each with the flags that were found to work. */
import { peerProgram, peerPython } from "../peers/provision.ts";
import type { Lab } from "./lab.ts";
import type { Program } from "./program.ts";

/** Their logs on: every control message of a session is one line. */
const verbose = { RUST_LOG: "info,moq_transport::control=debug,quinn=warn" };
/** Their logs off, for programs whose standard output is data. */
const silent = { RUST_LOG: "off" };

/** moq-relay-ietf, listening. */
export interface PeerRelay {
  readonly program: Program;
  /** Raw QUIC. */
  readonly url: string;
  /** WebTransport. */
  readonly webUrl: string;
  /** Waits for a control message in its log, such as `control("recv", "SUBSCRIBE", /track_name=now/)`. */
  control(direction: "recv" | "sent", message: string, rest?: RegExp): Promise<string>;
}

/** Starts moq-relay-ietf. `announce`: the URL of the relay that it passes every announcement to, which must run already. */
export async function startMoqRelay(lab: Lab, options: { readonly announce?: string } = {}): Promise<PeerRelay> {
  const { chain, key, root } = lab.certificate;
  const program = lab.start({
    name: "moq-relay-ietf",
    program: peerProgram("moq-relay-ietf"),
    args: [
      ...["--bind", "127.0.0.1:0", "--tls-cert", chain, "--tls-key", key, "--tls-root", root],
      ...["--coordinator-file", lab.file("coordinator.json")],
      ...(options.announce === undefined ? [] : ["--announce", options.announce]),
    ],
    env: verbose,
  });
  const [, address] = await program.line(/listening on (127\.0\.0\.1:\d+)/);
  return {
    program,
    url: `moqt://${address}`,
    webUrl: `https://${address}/`,
    control: (direction, message, rest = /$/) =>
      program.until(`${message} ${direction} ${rest}`, (line) =>
        line.includes(`direction="${direction}" msg_type="${message}"`) && rest.test(line) ? line : undefined,
      ),
  };
}

/** moq-pub: publishes the fragmented MP4 on its standard input. It never ends by itself and, ended by a signal, closes nothing. */
export function startMoqPub(lab: Lab, url: string, broadcast: string): Program {
  return lab.start({
    name: "moq-pub",
    program: peerProgram("moq-pub"),
    args: ["--name", broadcast, "--tls-root", lab.certificate.root, url],
    env: silent,
  });
}

/** moq-sub: writes the broadcast into `file`, and exits 0 once both of its tracks are over. */
export function startMoqSub(lab: Lab, url: string, broadcast: string, file: string): Program {
  return lab.start({
    name: "moq-sub",
    program: peerProgram("moq-sub"),
    args: ["--name", broadcast, "--tls-root", lab.certificate.root, url],
    env: silent,
    stdout: { file },
  });
}

export interface ClockOptions {
  readonly publish?: boolean;
  readonly datagrams?: boolean;
  /** Default "clock". */
  readonly namespace?: string;
}

/** moq-clock-ietf: prints the time it sends or receives, one line a second. */
export function startMoqClock(lab: Lab, url: string, options: ClockOptions = {}): Program {
  return lab.start({
    name: options.publish ? "moq-clock-ietf --publish" : "moq-clock-ietf",
    program: peerProgram("moq-clock-ietf"),
    args: [
      ...(options.publish ? ["--publish"] : []),
      ...(options.datagrams ? ["--datagrams"] : []),
      ...["--namespace", options.namespace ?? "clock", "--tls-root", lab.certificate.root, url],
    ],
    env: silent,
  });
}

/** moq-test-client with all its cases, or one. Prints TAP. */
export function startTestClient(lab: Lab, url: string, testCase?: string): Program {
  return lab.start({
    name: "moq-test-client",
    program: peerProgram("moq-test-client"),
    args: [
      ...["--relay", url, "--tls-root", lab.certificate.root],
      ...(testCase === undefined ? [] : ["--test", testCase]),
    ],
    env: silent,
  });
}

/** aiomoqt's interop client on draft 14, with its six cases or one named. Prints TAP. */
export function startAiomoqt(lab: Lab, url: string, testCase?: string): Program {
  return lab.start({
    name: "aiomoqt",
    program: peerPython("aiomoqt"),
    args: [
      ...["-m", "aiomoqt.examples.moq_interop_client", "-r", url, "--draft", "14", "--tls-disable-verify"],
      ...(testCase === undefined ? [] : ["-t", testCase]),
    ],
  });
}
