/** Other people's programs, each at the version it was checked with. */
import { inCache } from "@moqingbird/toolchain";

/** Where cargo installs; its programs stand in `bin` below it. */
export const cargoFolder = inCache("peers");

/** Cloudflare's draft-14 relay and tools, and the draft-14 interop client. Each crate brings one program of its name. */
export const cratePins = {
  "moq-relay-ietf": "0.7.19",
  "moq-pub": "0.8.15",
  "moq-sub": "0.4.9",
  "moq-clock-ietf": "0.6.15",
  "moq-test-client": "0.1.7", // 0.1.8 and later speak draft 16
} as const;

export type CargoPeer = keyof typeof cratePins;

/** Python packages, each with everything it depends on. */
export const pythonPins = {
  /** On picoquic. From aiopquic 0.5 on, a self-signed server is refused even unverified. */
  aiomoqt: { aiomoqt: "0.10.6", aiopquic: "0.4.1", certifi: "2026.10.18", sortedcontainers: "2.4.0" },
  aioquic: {
    aioquic: "1.7.2",
    attrs: "26.1.0",
    certifi: "2026.10.18",
    cffi: "2.1.1",
    cryptography: "50.0.2",
    pycparser: "3.12",
    pylsqpack: "1.0.0",
    pyOpenSSL: "26.4.0",
    "service-identity": "26.1.0",
    typing_extensions: "4.16.0",
  },
} as const;

export type PythonPeer = keyof typeof pythonPins;

/** The Pythons for which aiopquic of this version has wheels, preferred first. */
export const pythonVersions = ["3.12", "3.13"] as const;

/** npm packages. (The versions of Go's modules are in the files below `go/`.) */
export const npmPins = {
  /** quiche with a Node API. */
  "@currentspace/http3": "0.9.0",
  /** MoQ in every version of its makers', on any W3C WebTransport. */
  "@moq/net": "0.3.4",
  /** QMux over WebSocket, as browsers load it. */
  "@moq/qmux": "0.3.3",
  /** A runtime with a WebTransport of its own, on quinn. */
  deno: "2.9.6",
} as const;

/** Drives libFuzzer; not a peer, but installed like them. */
export const cargoFuzzPin = "0.13.1";
