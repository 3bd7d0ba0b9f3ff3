/** Addresses on the command line: `moqt://host:port` or `https://host:port/path` for a peer, `host:port` for a listener. */
import { Failure } from "./failure.ts";

/** Where a MoQ server is. */
export interface Target {
  /**
   * The URL of a WebTransport session (`https:`, over WebSocket where QUIC does not get through; `http:` with the certificate
   * that is told there; `wss:` and `ws:` over WebSocket only); undefined for raw QUIC.
   */
  readonly web: URL | undefined;
  readonly host: string;
  readonly port: number;
  /** Path and query; empty when the URL has none. */
  readonly path: string;
  /** The URL as it is shown to people; never carries a query, which may hold a token. */
  readonly label: string;
}

const example =
  "write moqt://host:port, such as moqt://127.0.0.1:4443, https://host:port/path for WebTransport, or wss://host:port/path for WebSocket";

const webSchemes = new Set(["https:", "http:", "wss:", "ws:"]);
const plainSchemes = new Set(["http:", "ws:"]);

/** Parses a peer's URL. The port is the scheme's where none is given: 443, or 80 of `http:` and `ws:`. */
export function parseTarget(text: string): Target {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Failure("usage", `"${text}" is not a URL; ${example}`);
  }
  const web = webSchemes.has(url.protocol) ? url : undefined;
  if (web === undefined && url.protocol !== "moqt:")
    throw new Failure("usage", `"${text}" has the scheme ${url.protocol}//; ${example}`);
  if (url.hostname === "") throw new Failure("usage", `"${text}" names no host; ${example}`);
  if (url.username !== "" || url.password !== "") {
    throw new Failure("usage", `the URL of a relay carries no user or password; ${example}`);
  }
  if (url.port === "0") throw new Failure("usage", `"${text}" has port 0, to which nobody can connect; ${example}`);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (plainSchemes.has(url.protocol) ? 80 : 443) : Number(url.port);
  const path = url.pathname === "/" && url.search === "" ? "" : url.pathname + url.search;
  const label = `${url.protocol}//${url.hostname}:${port}${url.pathname === "/" ? "" : url.pathname}`;
  return { web, host, port, path, label };
}

/** Parses a listening address: `host:port`, `[v6]:port`, `:port` or `port`. */
export function parseListenAddress(text: string): { host: string | undefined; port: number } {
  const match = /^(?:(?:\[(?<v6>[0-9a-fA-F:.%]+)\]|(?<name>[^:[\]]*)):)?(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.port);
  if (match === null || port > 65535) {
    throw new Failure(
      "usage",
      `"${text}" is not an address to listen on; write host:port, such as 0.0.0.0:4443 or [::]:4443`,
    );
  }
  const host = match.groups?.v6 ?? match.groups?.name;
  return { host: host === "" ? undefined : host, port };
}
