import { type AuthorizationToken, defaultLimits, type MessageParameters, needMore } from "@moqingbird/codec";
import { describe, expect, test } from "vitest";
import { decode, encode, frame } from "./support/control.ts";
import { codecErrorOf, expectCodecError } from "./support/expect.ts";
import { hex, text, toHex } from "./support/hex.ts";

/** PUBLISH_NAMESPACE (section 9.23) with request id 0 and namespace (a): defines AUTHORIZATION TOKEN only. */
function publishNamespace(parameters: string): Uint8Array {
  return frame(0x06, hex(`00 01 01 61 ${parameters}`));
}

/** SUBSCRIBE_OK (section 9.8): defines DELIVERY TIMEOUT and MAX CACHE DURATION. */
function subscribeOk(parameters: string): Uint8Array {
  return frame(0x04, hex(`00 00 00 01 00 ${parameters}`));
}

function parametersOf(bytes: Uint8Array): MessageParameters {
  const message = decode(bytes);
  if (message === needMore || (message.type !== "publishNamespace" && message.type !== "subscribeOk")) {
    throw new Error("unexpected message");
  }
  return message.parameters;
}

describe("unknown parameters (section 9.2)", () => {
  test("are kept apart and in order, repeated ones too", () => {
    expect(parametersOf(subscribeOk("03  20 01  21 01 ff  20 02"))).toStrictEqual({
      others: [
        { type: 0x20, value: 1 },
        { type: 0x21, value: hex("ff") },
        { type: 0x20, value: 2 },
      ],
    });
  });

  test("may have types and values that no number holds", () => {
    expect(parametersOf(subscribeOk("01 fffffffffffffffe fffffffffffffffd"))).toStrictEqual({
      others: [{ type: 2n ** 62n - 2n, value: 2n ** 62n - 3n }],
    });
  });
});

describe("a parameter in a message that does not define it", () => {
  test("is ignored, even twice", () => {
    expect(parametersOf(publishNamespace("02  02 05  02 06"))).toStrictEqual({
      others: [
        { type: 2, value: 5 },
        { type: 2, value: 6 },
      ],
    });
  });

  test("is not decoded: a token that is none does no harm in SUBSCRIBE_OK", () => {
    expect(parametersOf(subscribeOk("01 03 01 09"))).toStrictEqual({ others: [{ type: 3, value: hex("09") }] });
  });

  test("is refused when written", () => {
    const message = { type: "publishNamespace", requestId: 0, namespace: [text("a")] } as const;
    expectCodecError(() => encode({ ...message, parameters: { deliveryTimeoutMs: 1 } }), "value-invalid");
    expectCodecError(() => encode({ ...message, parameters: { maxCacheDurationMs: 1 } }), "value-invalid");
  });
});

describe("a parameter that is defined", () => {
  test.each([
    ["DELIVERY TIMEOUT", "02  02 05  02 05"],
    ["MAX CACHE DURATION", "02  04 05  04 06"],
  ])("%s may not be repeated", (field, parameters) => {
    // Type 1, length 2, body so far 6, first parameter 2.
    expectCodecError(() => decode(subscribeOk(parameters)), "parameter-repeated", field, 11);
  });

  test("cannot hide among the others when written", () => {
    const others = [{ type: 3, value: text("x") }];
    expectCodecError(
      () => encode({ type: "publishNamespace", requestId: 0, namespace: [text("a")], parameters: { others } }),
      "value-invalid",
    );
  });

  test("beyond 2^53-1 milliseconds lasts as long as a number can say", () => {
    expect(parametersOf(subscribeOk("01 02 ffffffffffffffff"))).toStrictEqual({
      deliveryTimeoutMs: Number.MAX_SAFE_INTEGER,
    });
  });
});

describe("AUTHORIZATION TOKEN (section 9.2.1.1)", () => {
  const tokens: readonly (readonly [string, AuthorizationToken])[] = [
    ["00 4111", { action: "delete", alias: 0x111 }],
    ["01 07 02 abcd", { action: "register", alias: 7, tokenType: 2, value: hex("abcd") }],
    ["02 07", { action: "useAlias", alias: 7 }],
    ["03 02 abcd", { action: "useValue", tokenType: 2, value: hex("abcd") }],
    ["03 00", { action: "useValue", tokenType: 0, value: hex("") }],
  ];

  test.each(tokens)("%s is read", (bytes, token) => {
    const value = hex(bytes);
    const whole = publishNamespace(`01 03 ${value.length.toString(16).padStart(2, "0")} ${toHex(value)}`);
    expect(parametersOf(whole)).toStrictEqual({ authorizationTokens: [token] });
  });

  test("may be repeated", () => {
    expect(parametersOf(publishNamespace("02  03 02 02 07  03 02 02 07")).authorizationTokens).toHaveLength(2);
  });

  test.each([
    ["no alias type", "03 00"],
    ["an alias type that does not exist", "03 02 04 00"],
    ["an alias cut short", "03 02 02 40"],
    ["no alias", "03 01 01"],
    ["no token type", "03 02 01 07"],
    ["a value behind DELETE", "03 03 00 07 00"],
    ["a value behind USE_ALIAS", "03 03 02 07 00"],
  ])("with %s ends the session with KEY_VALUE_FORMATTING_ERROR", (_title, parameter) => {
    const error = codecErrorOf(() => decode(publishNamespace(`01 ${parameter}`)));
    expect(error).toMatchObject({ code: "pair-malformed", sessionCode: 0x6, kind: "malformed" });
    // The value begins behind type, length, request id, namespace, count, parameter type and length.
    expect(error.offset).toBeGreaterThanOrEqual(10);
    expect(error.offset).toBeLessThanOrEqual(13);
  });
});

describe("key-value pairs (section 1.4.2)", () => {
  test("hold at most 65535 bytes, whatever else the message says", () => {
    expectCodecError(() => decode(publishNamespace("01 21 80010000")), "pair-value-too-long", "Length");
    expectCodecError(() => decode(publishNamespace("01 21 8000ffff")), "message-truncated", "Value");
    expectCodecError(() => decode(publishNamespace("01 21 ffffffffffffffff")), "pair-value-too-long", "Length");
  });

  test.each([
    ["bytes under an even type", { type: 0x20, value: text("x") }],
    ["an integer under an odd type", { type: 0x21, value: 1 }],
    ["65536 bytes", { type: 0x21, value: new Uint8Array(65_536) }],
  ])("with %s cannot be written", (_title, pair) => {
    expectCodecError(
      () => encode({ type: "publishNamespace", requestId: 0, namespace: [text("a")], parameters: { others: [pair] } }),
      "value-invalid",
    );
  });
});

describe("the number of parameters", () => {
  const many = (count: number): Uint8Array => subscribeOk(`${(0x4000 | count).toString(16)} ${"20 00".repeat(count)}`);

  test("may be the limit, 256 by default, and not one more", () => {
    expect(parametersOf(many(256)).others).toHaveLength(256);
    const error = codecErrorOf(() => decode(many(257)));
    expect(error).toMatchObject({ code: "too-many-parameters", kind: "limit" });
  });

  test("has the limit that the caller sets", () => {
    expectCodecError(() => decode(many(2), { ...defaultLimits, maxParameters: 1 }), "too-many-parameters");
  });
});
