/**
 * Parameters of all messages but SETUP (section 9.2). A parameter in a message that does not define it is ignored, which here
 * means: kept in `others` with the unknown ones. Repeating one that is defined is an error, except AUTHORIZATION TOKEN.
 */
import { CodecError } from "../errors.ts";
import { readBytesValue, readKeyValuePair, writeBytesValue, writeKeyValuePair } from "../key-value.ts";
import type { Limits } from "../limits.ts";
import type { AuthorizationToken, KeyValuePair, MessageParameters } from "../messages.ts";
import type { Reader } from "../reader.ts";
import { decodeToken, encodeToken } from "../token.ts";
import type { Writer } from "../writer.ts";

const DELIVERY_TIMEOUT = 0x02;
const AUTHORIZATION_TOKEN = 0x03;
const MAX_CACHE_DURATION = 0x04;

/** Which parameters a message defines. */
export interface Defined {
  readonly deliveryTimeout?: true;
  readonly authorizationToken?: true;
  readonly maxCacheDuration?: true;
}

/** The lists of section 9.2.1, turned around: what each message defines. Messages with no entry define none. */
export const defined = {
  subscribe: { deliveryTimeout: true, authorizationToken: true },
  subscribeOk: { deliveryTimeout: true, maxCacheDuration: true },
  subscribeUpdate: { deliveryTimeout: true, authorizationToken: true },
  publish: { deliveryTimeout: true, authorizationToken: true, maxCacheDuration: true },
  publishOk: { deliveryTimeout: true },
  fetch: { authorizationToken: true },
  fetchOk: { maxCacheDuration: true },
  trackStatus: { deliveryTimeout: true, authorizationToken: true },
  trackStatusOk: { deliveryTimeout: true, maxCacheDuration: true },
  publishNamespace: { authorizationToken: true },
  subscribeNamespace: { authorizationToken: true },
} as const satisfies Record<string, Defined>;

/** Reads the number of parameters and the parameters. */
export function readParameters(reader: Reader, limits: Limits, allowed: Defined): MessageParameters {
  const parameters: {
    deliveryTimeoutMs?: number;
    maxCacheDurationMs?: number;
    authorizationTokens?: AuthorizationToken[];
    others?: KeyValuePair[];
  } = {};
  const count = readParameterCount(reader, limits);
  for (let i = 0; i < count; i++) {
    const start = reader.position;
    const offset = reader.offset;
    const type = reader.integer("Parameter Type");
    if (type === DELIVERY_TIMEOUT && allowed.deliveryTimeout) {
      if (parameters.deliveryTimeoutMs !== undefined) throw repeated("DELIVERY TIMEOUT", offset);
      parameters.deliveryTimeoutMs = reader.saturatingVarint("DELIVERY TIMEOUT");
    } else if (type === MAX_CACHE_DURATION && allowed.maxCacheDuration) {
      if (parameters.maxCacheDurationMs !== undefined) throw repeated("MAX CACHE DURATION", offset);
      parameters.maxCacheDurationMs = reader.saturatingVarint("MAX CACHE DURATION");
    } else if (type === AUTHORIZATION_TOKEN && allowed.authorizationToken) {
      parameters.authorizationTokens ??= [];
      parameters.authorizationTokens.push(readToken(reader));
    } else {
      reader.position = start;
      parameters.others ??= [];
      parameters.others.push(readKeyValuePair(reader));
    }
  }
  return parameters;
}

/** Writes the number of parameters and the parameters: those with a field by ascending type, then the others. */
export function writeParameters(writer: Writer, parameters: MessageParameters, allowed: Defined): void {
  const { deliveryTimeoutMs, maxCacheDurationMs, authorizationTokens = [], others = [] } = parameters;
  refuse(deliveryTimeoutMs !== undefined && !allowed.deliveryTimeout, "DELIVERY TIMEOUT");
  refuse(maxCacheDurationMs !== undefined && !allowed.maxCacheDuration, "MAX CACHE DURATION");
  refuse(authorizationTokens.length > 0 && !allowed.authorizationToken, "AUTHORIZATION TOKEN");
  let count = authorizationTokens.length + others.length;
  if (deliveryTimeoutMs !== undefined) count++;
  if (maxCacheDurationMs !== undefined) count++;

  writer.varint(count, "Number of Parameters");
  if (deliveryTimeoutMs !== undefined) {
    writer.varint(DELIVERY_TIMEOUT, "Parameter Type");
    writer.varint(deliveryTimeoutMs, "DELIVERY TIMEOUT");
  }
  for (const token of authorizationTokens) writeToken(writer, token);
  if (maxCacheDurationMs !== undefined) {
    writer.varint(MAX_CACHE_DURATION, "Parameter Type");
    writer.varint(maxCacheDurationMs, "MAX CACHE DURATION");
  }
  for (const pair of others) {
    refuseField(pair, DELIVERY_TIMEOUT, allowed.deliveryTimeout);
    refuseField(pair, AUTHORIZATION_TOKEN, allowed.authorizationToken);
    refuseField(pair, MAX_CACHE_DURATION, allowed.maxCacheDuration);
    writeKeyValuePair(writer, pair);
  }
}

/** Reads the number of parameters, which may not be above the limit. */
export function readParameterCount(reader: Reader, limits: Limits): number {
  const offset = reader.offset;
  const count = reader.saturatingVarint("Number of Parameters");
  if (count > limits.maxParameters) {
    throw new CodecError(
      "too-many-parameters",
      "Number of Parameters",
      offset,
      `It is ${count}; the limit is ${limits.maxParameters}.`,
    );
  }
  return count;
}

/** Reads the value of an AUTHORIZATION TOKEN parameter. */
export function readToken(reader: Reader): AuthorizationToken {
  const value = readBytesValue(reader);
  return decodeToken(value, reader.offset - value.length);
}

/** Writes an AUTHORIZATION TOKEN parameter, which has the same number in SETUP and elsewhere. */
export function writeToken(writer: Writer, token: AuthorizationToken): void {
  writer.varint(AUTHORIZATION_TOKEN, "Parameter Type");
  writeBytesValue(writer, encodeToken(token));
}

/** The error for a parameter that appears again. */
export function repeated(name: string, offset: number): CodecError {
  return new CodecError("parameter-repeated", name, offset);
}

function refuse(wrong: boolean, name: string): void {
  if (wrong) throw new CodecError("value-invalid", name, undefined, "This message does not define the parameter.");
}

/** Throws for a pair among the others that would be read back as the field it should have been given in. */
export function refuseField(pair: KeyValuePair, type: number, hasField: boolean | undefined): void {
  if (hasField && Number(pair.type) === type) {
    throw new CodecError("value-invalid", "Parameter Type", undefined, `Parameter ${type} has a field of its own.`);
  }
}
