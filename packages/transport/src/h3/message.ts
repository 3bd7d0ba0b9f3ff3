/** Header blocks as HTTP messages: pseudo-header fields checked (RFC 9114 section 4.3), the rest left as it came. */
import { Http3Error } from "./codes.ts";
import type { FieldLine } from "./field-line.ts";

/** The head of a request. */
export interface RequestHead {
  readonly method: string;
  /** "" of a plain CONNECT. */
  readonly scheme: string;
  /** Host and port as the client named them. */
  readonly authority: string;
  /** Path and query; "" of a plain CONNECT. */
  readonly path: string;
  /** `:protocol` of an extended CONNECT (RFC 9220); undefined otherwise. */
  readonly protocol: string | undefined;
  /** What is no pseudo-header, in order. */
  readonly fields: readonly FieldLine[];
}

/** The head of a response. */
export interface ResponseHead {
  /** 100 to 599. */
  readonly status: number;
  readonly fields: readonly FieldLine[];
}

const requestPseudo = new Set([":method", ":scheme", ":authority", ":path", ":protocol"]);
const responsePseudo = new Set([":status"]);
/** Fields of HTTP/1.1 connections, which no later version has (section 4.2). */
const connectionFields = new Set(["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"]);
/** RFC 9110 section 5.6.2, without upper case. */
const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9110 section 5.5: no CR, LF or NUL, no blank at either end. */
const fieldValue = /^(?![\t ])[^\0\r\n]*(?<![\t ])$/;

/** Checks a request's fields. Throws `H3_MESSAGE_ERROR` of the stream. */
export function requestHead(lines: readonly FieldLine[]): RequestHead {
  const { pseudo, fields } = split(lines, requestPseudo);
  const method = pseudo.get(":method");
  const scheme = pseudo.get(":scheme");
  const path = pseudo.get(":path");
  const protocol = pseudo.get(":protocol");
  const host = fields.find(([name]) => name === "host")?.[1];
  const authority = pseudo.get(":authority") ?? host;
  if (method === undefined || !token.test(method.toLowerCase())) throw malformed("it has no usable :method");
  if (protocol !== undefined && method !== "CONNECT") throw malformed(":protocol is for CONNECT only");
  if (method === "CONNECT" && protocol === undefined) {
    if (scheme !== undefined || path !== undefined) throw malformed("a CONNECT has neither :scheme nor :path");
    if (!authority) throw malformed("a CONNECT needs an :authority");
    return { method, scheme: "", authority, path: "", protocol, fields };
  }
  if (!scheme) throw malformed("it has no :scheme");
  if (!path) throw malformed("it has no :path");
  if (scheme === "https" || scheme === "http") {
    if (!authority) throw malformed("it has neither :authority nor host");
    if (authority.includes("@")) throw malformed(":authority has a user name");
    if (!path.startsWith("/") && !(method === "OPTIONS" && path === "*"))
      throw malformed(":path does not begin with /");
    if (host !== undefined && host !== authority) throw malformed(":authority and host differ");
  }
  return { method, scheme, authority: authority ?? "", path, protocol, fields };
}

/** Checks a response's fields. Throws `H3_MESSAGE_ERROR` of the stream. */
export function responseHead(lines: readonly FieldLine[]): ResponseHead {
  const { pseudo, fields } = split(lines, responsePseudo);
  const status = pseudo.get(":status");
  if (status === undefined || !/^[1-5]\d\d$/.test(status)) throw malformed("it has no usable :status");
  return { status: Number(status), fields };
}

/** Checks trailers, which have no pseudo-header. Throws `H3_MESSAGE_ERROR` of the stream. */
export function checkTrailers(lines: readonly FieldLine[]): void {
  split(lines, new Set());
}

/** The fields of a request as they go into a header block. */
export function requestLines(head: RequestHead): readonly FieldLine[] {
  return [
    [":method", head.method],
    [":scheme", head.scheme],
    [":authority", head.authority],
    [":path", head.path],
    ...(head.protocol === undefined ? [] : ([[":protocol", head.protocol]] as const)),
    ...head.fields,
  ];
}

/** The fields of a response as they go into a header block. */
export function responseLines({ status, fields }: ResponseHead): readonly FieldLine[] {
  return [[":status", String(status)], ...fields];
}

/** All values of a field, joined as RFC 9110 section 5.3 allows; undefined when it is missing. */
export function fieldOf(fields: readonly FieldLine[], name: string): string | undefined {
  const values = fields.filter(([candidate]) => candidate === name).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(", ");
}

/** Whether a field may be sent. */
export function isField([name, value]: FieldLine): boolean {
  return token.test(name) && !connectionFields.has(name) && fieldValue.test(value) && isLatin1(value);
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false;
  return true;
}

interface Split {
  readonly pseudo: ReadonlyMap<string, string>;
  readonly fields: readonly FieldLine[];
}

function split(lines: readonly FieldLine[], allowed: ReadonlySet<string>): Split {
  const pseudo = new Map<string, string>();
  const fields: FieldLine[] = [];
  for (const line of lines) {
    const [name, value] = line;
    if (!fieldValue.test(value)) throw malformed(`the value of ${JSON.stringify(name)} has characters it may not have`);
    if (name.startsWith(":")) {
      if (fields.length > 0) throw malformed(`${name} stands behind a field that is no pseudo-header`);
      if (!allowed.has(name)) throw malformed(`${JSON.stringify(name)} has no place there`);
      if (pseudo.has(name)) throw malformed(`${name} occurs twice`);
      pseudo.set(name, value);
      continue;
    }
    if (!token.test(name)) throw malformed(`${JSON.stringify(name)} is no field name in lower case`);
    if (connectionFields.has(name)) throw malformed(`${name} is a field of HTTP/1.1`);
    if (name === "te" && value !== "trailers") throw malformed("te is something else than trailers");
    fields.push(line);
  }
  return { pseudo, fields };
}

function malformed(detail: string): Http3Error {
  return new Http3Error("H3_MESSAGE_ERROR", `A message is malformed: ${detail}.`, "stream");
}
