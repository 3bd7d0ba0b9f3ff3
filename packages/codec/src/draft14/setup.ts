/**
 * CLIENT_SETUP and SERVER_SETUP (section 9.3). Unknown setup parameters are ignored, which here means: kept in `others`.
 *
 * The draft prints 0x05 for both AUTHORITY and MOQT IMPLEMENTATION. Drafts 15 and later, and all deployed peers, use 0x07 for
 * the latter, and so does this file. AUTHORITY is for clients only, so a 0x05 in SERVER_SETUP can only be an IMPLEMENTATION
 * by the printed number: it is read as one, unless 0x07 is there too.
 */
import { exactText, readableText, utf8 } from "../bytes.ts";
import { CodecError, type CodecErrorCode } from "../errors.ts";
import { readBytesValue, readKeyValuePair, writeBytesValue, writeKeyValuePair } from "../key-value.ts";
import type { Limits } from "../limits.ts";
import type { AuthorizationToken, ClientSetup, KeyValuePair, ServerSetup, SetupParameters } from "../messages.ts";
import type { Reader } from "../reader.ts";
import { isUriAuthority, isUriPath } from "../uri.ts";
import type { Writer } from "../writer.ts";
import type { MessageCodec } from "./message.ts";
import { readParameterCount, readToken, refuseField, repeated, writeToken } from "./parameters.ts";

const PATH = 0x01;
const MAX_REQUEST_ID = 0x02;
const AUTHORIZATION_TOKEN = 0x03;
const MAX_AUTH_TOKEN_CACHE_SIZE = 0x04;
const AUTHORITY = 0x05;
const IMPLEMENTATION = 0x07;
const known = [PATH, MAX_REQUEST_ID, AUTHORIZATION_TOKEN, MAX_AUTH_TOKEN_CACHE_SIZE, AUTHORITY, IMPLEMENTATION];

/** CLIENT_SETUP. */
export const clientSetup: MessageCodec<ClientSetup> = {
  id: 0x20,
  type: "clientSetup",
  read(reader, limits) {
    const offset = reader.offset;
    const count = reader.saturatingVarint("Number of Supported Versions");
    if (count > limits.maxVersions) {
      const detail = `It is ${count}; the limit is ${limits.maxVersions}.`;
      throw new CodecError("too-many-versions", "Number of Supported Versions", offset, detail);
    }
    const versions: number[] = [];
    for (let i = 0; i < count; i++) versions.push(reader.saturatingVarint("Supported Version"));
    return { type: "clientSetup", versions, parameters: readSetupParameters(reader, limits, "client") };
  },
  write(writer, message) {
    writer.varint(message.versions.length, "Number of Supported Versions");
    for (const version of message.versions) writer.varint(version, "Supported Version");
    writeSetupParameters(writer, message.parameters, "client");
  },
};

/** SERVER_SETUP. */
export const serverSetup: MessageCodec<ServerSetup> = {
  id: 0x21,
  type: "serverSetup",
  read(reader, limits) {
    const version = reader.saturatingVarint("Selected Version");
    return { type: "serverSetup", version, parameters: readSetupParameters(reader, limits, "server") };
  },
  write(writer, message) {
    writer.varint(message.version, "Selected Version");
    writeSetupParameters(writer, message.parameters, "server");
  },
};

type Sender = "client" | "server";

function readSetupParameters(reader: Reader, limits: Limits, sender: Sender): SetupParameters {
  const parameters: {
    path?: string;
    authority?: string;
    maxRequestId?: number;
    maxAuthTokenCacheSize?: number;
    authorizationTokens?: AuthorizationToken[];
    implementation?: string;
    others?: KeyValuePair[];
  } = {};
  const seen = new Set<number>();
  let misnumbered: string | undefined;
  const count = readParameterCount(reader, limits);
  for (let i = 0; i < count; i++) {
    const start = reader.position;
    const offset = reader.offset;
    const type = Number(reader.integer("Parameter Type"));
    if (known.includes(type) && type !== AUTHORIZATION_TOKEN) {
      if (seen.has(type)) throw repeated(`Setup Parameter ${type}`, offset);
      seen.add(type);
    }
    switch (type) {
      case PATH:
        if (sender === "server") throw new CodecError("path-from-server", "PATH", offset);
        parameters.path = readUriPart(reader, "PATH", "path-malformed", isUriPath);
        break;
      case AUTHORITY:
        if (sender === "server") misnumbered = readableText(readBytesValue(reader));
        else parameters.authority = readUriPart(reader, "AUTHORITY", "authority-malformed", isUriAuthority);
        break;
      case MAX_REQUEST_ID:
        parameters.maxRequestId = reader.saturatingVarint("MAX_REQUEST_ID");
        break;
      case MAX_AUTH_TOKEN_CACHE_SIZE:
        parameters.maxAuthTokenCacheSize = reader.saturatingVarint("MAX_AUTH_TOKEN_CACHE_SIZE");
        break;
      case AUTHORIZATION_TOKEN:
        parameters.authorizationTokens ??= [];
        parameters.authorizationTokens.push(readToken(reader));
        break;
      case IMPLEMENTATION:
        parameters.implementation = readableText(readBytesValue(reader));
        break;
      default:
        reader.position = start;
        parameters.others ??= [];
        parameters.others.push(readKeyValuePair(reader));
    }
  }
  if (misnumbered !== undefined) parameters.implementation ??= misnumbered;
  return parameters;
}

function readUriPart(
  reader: Reader,
  field: string,
  malformed: CodecErrorCode,
  isWellFormed: (text: string) => boolean,
): string {
  const offset = reader.offset;
  const text = exactText(readBytesValue(reader));
  if (text === undefined || !isWellFormed(text)) throw new CodecError(malformed, field, offset);
  return text;
}

function writeSetupParameters(writer: Writer, parameters: SetupParameters, sender: Sender): void {
  const { path, authority, maxRequestId, maxAuthTokenCacheSize, implementation } = parameters;
  const { authorizationTokens = [], others = [] } = parameters;
  checkUriPart(path, "PATH", sender, isUriPath);
  checkUriPart(authority, "AUTHORITY", sender, isUriAuthority);
  let count = authorizationTokens.length + others.length;
  for (const value of [path, maxRequestId, maxAuthTokenCacheSize, authority, implementation]) {
    if (value !== undefined) count++;
  }
  writer.varint(count, "Number of Parameters");
  writeText(writer, PATH, path);
  writeInteger(writer, MAX_REQUEST_ID, maxRequestId, "MAX_REQUEST_ID");
  for (const token of authorizationTokens) writeToken(writer, token);
  writeInteger(writer, MAX_AUTH_TOKEN_CACHE_SIZE, maxAuthTokenCacheSize, "MAX_AUTH_TOKEN_CACHE_SIZE");
  writeText(writer, AUTHORITY, authority);
  writeText(writer, IMPLEMENTATION, implementation);
  for (const pair of others) {
    for (const type of known) refuseField(pair, type, true);
    writeKeyValuePair(writer, pair);
  }
}

function checkUriPart(
  text: string | undefined,
  field: string,
  sender: Sender,
  isWellFormed: (text: string) => boolean,
): void {
  if (text === undefined) return;
  if (sender === "server") throw new CodecError("value-invalid", field, undefined, "A server may not send it.");
  if (!isWellFormed(text))
    throw new CodecError("value-invalid", field, undefined, `"${text}" is not that part of a URI.`);
}

function writeText(writer: Writer, type: number, text: string | undefined): void {
  if (text === undefined) return;
  writer.varint(type, "Parameter Type");
  writeBytesValue(writer, utf8(text));
}

function writeInteger(writer: Writer, type: number, value: number | undefined, field: string): void {
  if (value === undefined) return;
  writer.varint(type, "Parameter Type");
  writer.varint(value, field);
}
