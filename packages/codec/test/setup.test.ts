import { defaultLimits, needMore, type SetupParameters } from "@moqingbird/codec";
import { describe, expect, test } from "vitest";
import { decode, encode, frame } from "./support/control.ts";
import { codecErrorOf, expectCodecError } from "./support/expect.ts";
import { hex, text, toHex } from "./support/hex.ts";

/** CLIENT_SETUP (section 9.3) that offers version 1. */
function client(parameters: string): Uint8Array {
  return frame(0x20, hex(`01 01 ${parameters}`));
}

/** SERVER_SETUP that selects version 1. */
function server(parameters: string): Uint8Array {
  return frame(0x21, hex(`01 ${parameters}`));
}

function parametersOf(bytes: Uint8Array): SetupParameters {
  const message = decode(bytes);
  if (message === needMore || (message.type !== "clientSetup" && message.type !== "serverSetup")) {
    throw new Error("unexpected message");
  }
  return message.parameters;
}

/** A parameter with a text as value, as hex. */
function textParameter(type: string, value: string): string {
  const bytes = text(value);
  return `${type} ${(0x4000 | bytes.length).toString(16)} ${toHex(bytes)}`;
}

describe("setup parameters", () => {
  test("that are unknown are accepted, also twice", () => {
    expect(parametersOf(client("03  20 01  20 01  09 01 ff"))).toStrictEqual({
      others: [
        { type: 0x20, value: 1 },
        { type: 0x20, value: 1 },
        { type: 0x09, value: hex("ff") },
      ],
    });
  });

  test.each([
    ["PATH", "01 01 2f"],
    ["MAX_REQUEST_ID", "02 00"],
    ["MAX_AUTH_TOKEN_CACHE_SIZE", "04 00"],
    ["AUTHORITY", "05 01 61"],
    ["MOQT IMPLEMENTATION", "07 01 61"],
  ])("that are known, like %s, may not be repeated", (_title, parameter) => {
    expectCodecError(() => decode(client(`02 ${parameter} ${parameter}`)), "parameter-repeated");
  });

  test("may hold several tokens", () => {
    expect(parametersOf(client("02  03 02 02 01  03 02 02 02")).authorizationTokens).toHaveLength(2);
  });

  test("with a request limit of 2^62-1 are no error: no id is ever that large", () => {
    expect(parametersOf(server("01 02 ffffffffffffffff"))).toStrictEqual({ maxRequestId: Number.MAX_SAFE_INTEGER });
  });

  test("with a field of their own are refused among the others", () => {
    const others = [{ type: 0x02, value: 1 }];
    expectCodecError(() => encode({ type: "serverSetup", version: 1, parameters: { others } }), "value-invalid");
  });
});

describe("0x05 and 0x07, which the draft prints for one purpose too many", () => {
  test("are AUTHORITY and IMPLEMENTATION from a client", () => {
    const bytes = client(`02 ${textParameter("05", "a.example:443")} ${textParameter("07", "moq/1")}`);
    expect(parametersOf(bytes)).toStrictEqual({ authority: "a.example:443", implementation: "moq/1" });
  });

  test("are both the IMPLEMENTATION of a server, which has no AUTHORITY to give", () => {
    expect(parametersOf(server(`01 ${textParameter("05", "x (printed)")}`))).toStrictEqual({
      implementation: "x (printed)",
    });
    const both = server(`02 ${textParameter("07", "deployed")} ${textParameter("05", "printed")}`);
    expect(parametersOf(both)).toStrictEqual({ implementation: "deployed" });
  });
});

describe("PATH", () => {
  test.each(["", "/", "/a/b", "/a//b?x=1&y=/?", "/%2F;a=1,2!$'()*+@:", "?q"])("%j is read", (path) => {
    expect(parametersOf(client(`01 ${textParameter("01", path)}`))).toStrictEqual({ path });
  });

  test.each(["a", "a/b", "/a b", "/a#b", "/ü", "/%2", "/a?b#c", "/\u0000"])(
    "%j ends the session as malformed",
    (path) => {
      const error = codecErrorOf(() => decode(client(`01 ${textParameter("01", path)}`)));
      expect(error).toMatchObject({ code: "path-malformed", sessionCode: 0x9 });
      expectCodecError(() => encode({ type: "clientSetup", versions: [], parameters: { path } }), "value-invalid");
    },
  );

  test("that is not UTF-8 ends the session as malformed", () => {
    expectCodecError(() => decode(client("01 01 02 2fff")), "path-malformed", "PATH");
  });

  test("from a server ends the session as invalid", () => {
    const error = codecErrorOf(() => decode(server(`01 ${textParameter("01", "/")}`)));
    expect(error).toMatchObject({ code: "path-from-server", sessionCode: 0x8 });
    expectCodecError(() => encode({ type: "serverSetup", version: 1, parameters: { path: "/" } }), "value-invalid");
  });
});

describe("AUTHORITY", () => {
  test.each(["a", "a.example:4433", "127.0.0.1:1", "[::1]:443", "[v1.x:y]", "u:p@host", "a:", ""])(
    "%j is read",
    (authority) => {
      expect(parametersOf(client(`01 ${textParameter("05", authority)}`))).toStrictEqual({ authority });
    },
  );

  test.each(["a/b", "a:b", "[::1", "a b", "a@b@c", "ä"])("%j ends the session as malformed", (authority) => {
    const error = codecErrorOf(() => decode(client(`01 ${textParameter("05", authority)}`)));
    expect(error).toMatchObject({ code: "authority-malformed", sessionCode: 0x1a });
  });

  test("of a server cannot be written", () => {
    expectCodecError(
      () => encode({ type: "serverSetup", version: 1, parameters: { authority: "a" } }),
      "value-invalid",
    );
  });
});

describe("versions", () => {
  const offering = (count: number): Uint8Array =>
    frame(0x20, hex(`${(0x4000 | count).toString(16)} ${"01".repeat(count)} 00`));

  test("may be none", () => {
    expect(decode(hex("20 0002 00 00"))).toStrictEqual({ type: "clientSetup", versions: [], parameters: {} });
  });

  test("may be as many as the limit, 128 by default, and not one more", () => {
    expect(decode(offering(128))).toMatchObject({ type: "clientSetup" });
    expect(codecErrorOf(() => decode(offering(129)))).toMatchObject({ code: "too-many-versions", kind: "limit" });
    expectCodecError(() => decode(offering(2), { ...defaultLimits, maxVersions: 1 }), "too-many-versions");
  });

  test("that announce more than the message holds are an error, not an allocation", () => {
    expectCodecError(() => decode(frame(0x20, hex("4040 01"))), "message-truncated");
    expectCodecError(() => decode(frame(0x20, hex("ffffffffffffffff 01"))), "too-many-versions");
  });
});
