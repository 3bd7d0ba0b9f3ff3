import { CodecError, codecErrors, draft14, type ErrorTable, errorByCode, errorByName } from "@moqingbird/codec";
import { describe, expect, test } from "vitest";

/** The registries of section 13.1, in their order, as "code NAME". */
const registries: Readonly<Record<keyof typeof draft14.errors, string>> = {
  session: `0 NO_ERROR, 1 INTERNAL_ERROR, 2 UNAUTHORIZED, 3 PROTOCOL_VIOLATION, 4 INVALID_REQUEST_ID,
    5 DUPLICATE_TRACK_ALIAS, 6 KEY_VALUE_FORMATTING_ERROR, 7 TOO_MANY_REQUESTS, 8 INVALID_PATH, 9 MALFORMED_PATH,
    10 GOAWAY_TIMEOUT, 11 CONTROL_MESSAGE_TIMEOUT, 12 DATA_STREAM_TIMEOUT, 13 AUTH_TOKEN_CACHE_OVERFLOW,
    14 DUPLICATE_AUTH_TOKEN_ALIAS, 15 VERSION_NEGOTIATION_FAILED, 16 MALFORMED_AUTH_TOKEN,
    17 UNKNOWN_AUTH_TOKEN_ALIAS, 18 EXPIRED_AUTH_TOKEN, 19 INVALID_AUTHORITY, 1a MALFORMED_AUTHORITY`,
  subscribe: `0 INTERNAL_ERROR, 1 UNAUTHORIZED, 2 TIMEOUT, 3 NOT_SUPPORTED, 4 TRACK_DOES_NOT_EXIST, 5 INVALID_RANGE,
    10 MALFORMED_AUTH_TOKEN, 12 EXPIRED_AUTH_TOKEN`,
  publishDone: `0 INTERNAL_ERROR, 1 UNAUTHORIZED, 2 TRACK_ENDED, 3 SUBSCRIPTION_ENDED, 4 GOING_AWAY, 5 EXPIRED,
    6 TOO_FAR_BEHIND, 7 MALFORMED_TRACK`,
  publish: "0 INTERNAL_ERROR, 1 UNAUTHORIZED, 2 TIMEOUT, 3 NOT_SUPPORTED, 4 UNINTERESTED",
  fetch: `0 INTERNAL_ERROR, 1 UNAUTHORIZED, 2 TIMEOUT, 3 NOT_SUPPORTED, 4 TRACK_DOES_NOT_EXIST, 5 INVALID_RANGE,
    6 NO_OBJECTS, 7 INVALID_JOINING_REQUEST_ID, 8 UNKNOWN_STATUS_IN_RANGE, 9 MALFORMED_TRACK,
    10 MALFORMED_AUTH_TOKEN, 12 EXPIRED_AUTH_TOKEN`,
  publishNamespace: `0 INTERNAL_ERROR, 1 UNAUTHORIZED, 2 TIMEOUT, 3 NOT_SUPPORTED, 4 UNINTERESTED,
    10 MALFORMED_AUTH_TOKEN, 12 EXPIRED_AUTH_TOKEN`,
  subscribeNamespace: `0 INTERNAL_ERROR, 1 UNAUTHORIZED, 2 TIMEOUT, 3 NOT_SUPPORTED, 4 NAMESPACE_PREFIX_UNKNOWN,
    5 NAMESPACE_PREFIX_OVERLAP, 10 MALFORMED_AUTH_TOKEN, 12 EXPIRED_AUTH_TOKEN`,
  streamReset: "0 INTERNAL_ERROR, 1 CANCELLED, 2 DELIVERY_TIMEOUT, 3 SESSION_CLOSED",
};

describe("the error tables of draft 14", () => {
  test.each(Object.entries(registries))("%s holds the codes of section 13.1", (family, rows) => {
    const table = draft14.errors[family as keyof typeof draft14.errors];
    expect(table.map(({ code, name }) => `${code.toString(16)} ${name}`)).toStrictEqual(rows.split(/,\s*/));
  });

  test("say each error in a sentence", () => {
    for (const table of Object.values(draft14.errors) as ErrorTable[]) {
      for (const row of table) expect(row.says, row.name).toMatch(/^[A-Z].*\.$/);
    }
  });

  test("are looked up by the code a peer sent, and by the name a program means", () => {
    expect(errorByCode(draft14.errors.subscribe, 4)?.name).toBe("TRACK_DOES_NOT_EXIST");
    expect(errorByCode(draft14.errors.subscribe, 404)).toBeUndefined();
    expect(errorByCode(draft14.errors.subscribe, 2n ** 60n)).toBeUndefined();
    expect(errorByName(draft14.errors.session, "TOO_MANY_REQUESTS")?.code).toBe(7);
    expect(errorByName(draft14.errors.publish, "TRACK_DOES_NOT_EXIST")).toBeUndefined();
  });
});

describe("codec errors", () => {
  test("have codes that read as facts, sentences, and a session code of the draft", () => {
    const sessionCodes = draft14.errors.session.map(({ code }) => code);
    for (const { code, says, closes } of codecErrors) {
      expect(code).toMatch(/^[a-z]+(?:-[a-z]+)+$/);
      expect(says).toMatch(/^[A-Z].*\.$/);
      expect(sessionCodes).toContain(closes);
    }
    expect(new Set(codecErrors.map(({ code }) => code)).size).toBe(codecErrors.length);
  });

  test("say what, where and why in one line", () => {
    const error = new CodecError("value-undefined", "Group Order", 17, "It is 3; 0 to 2 are defined.");
    expect(error.message).toBe(
      "Group Order at byte 17: The field holds a value the draft does not define. It is 3; 0 to 2 are defined.",
    );
    expect(error).toMatchObject({ name: "CodecError", kind: "malformed", sessionCode: 0x3, offset: 17 });
    expect(error).toBeInstanceOf(Error);
  });
});
