import { describe, expect, test } from "vitest";
import type { FieldLine } from "../../src/h3/field-line.ts";
import { checkTrailers, fieldOf, isField, requestHead, requestLines, responseHead } from "../../src/h3/message.ts";
import {
  availableProtocols,
  chosenProtocol,
  isProtocolName,
  parseAvailableProtocols,
  parseProtocol,
} from "../../src/h3/protocols.ts";

const get: FieldLine[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":authority", "localhost:4443"],
  [":path", "/health"],
];
const connect: FieldLine[] = [
  [":method", "CONNECT"],
  [":protocol", "webtransport"],
  [":scheme", "https"],
  [":authority", "localhost:4443"],
  [":path", "/room?jwt=x"],
  ["origin", "https://example.com"],
];
const without = (lines: FieldLine[], name: string) => lines.filter(([candidate]) => candidate !== name);

describe("requests", () => {
  test("an extended CONNECT is read, and written the same", () => {
    const head = requestHead(connect);
    expect(head).toEqual({
      method: "CONNECT",
      scheme: "https",
      authority: "localhost:4443",
      path: "/room?jwt=x",
      protocol: "webtransport",
      fields: [["origin", "https://example.com"]],
    });
    expect(requestHead(requestLines(head))).toEqual(head);
  });

  test("host stands in for :authority", () => {
    expect(requestHead([...without(get, ":authority"), ["host", "example.com"]]).authority).toBe("example.com");
  });

  test.each<[string, FieldLine[]]>([
    ["a pseudo-header twice", [...get, [":path", "/other"]]],
    ["no :method", without(get, ":method")],
    ["no :scheme", without(get, ":scheme")],
    ["no :path", without(get, ":path")],
    ["no :authority and no host", without(get, ":authority")],
    ["an unknown pseudo-header", [...get, [":foo", "bar"]]],
    ["a response's pseudo-header", [...get, [":status", "200"]]],
    ["a pseudo-header behind a field", [["accept", "*/*"], ...get]],
    ["upper case in a name", [...get, ["Accept", "*/*"]]],
    ["an empty name", [...get, ["", "x"]]],
    ["a field of HTTP/1.1", [...get, ["connection", "keep-alive"]]],
    ["te that is not trailers", [...get, ["te", "gzip"]]],
    ["a line feed in a value", [...get, ["x", "a\nb"]]],
    ["a blank before a value", [...get, ["x", " a"]]],
    ["an empty :path", [...without(get, ":path"), [":path", ""]]],
    ["a :path that is none", [...without(get, ":path"), [":path", "health"]]],
    ["a user name in :authority", [...without(get, ":authority"), [":authority", "me@host"]]],
    ["another host than :authority", [...get, ["host", "other"]]],
    [":protocol on a GET", [...get, [":protocol", "webtransport"]]],
    ["a plain CONNECT with a :path", without(connect, ":protocol")],
    ["an extended CONNECT without :scheme", without(connect, ":scheme")],
  ])("%s is H3_MESSAGE_ERROR of the stream", (_, lines) => {
    expect(() => requestHead(lines)).toThrow(
      expect.objectContaining({ name: "Http3Error", code: "H3_MESSAGE_ERROR", scope: "stream" }),
    );
  });
});

test("a response has a status and nothing else of pseudo-headers", () => {
  expect(
    responseHead([
      [":status", "200"],
      ["x", "y"],
    ]),
  ).toEqual({ status: 200, fields: [["x", "y"]] });
  const wrong: FieldLine[][] = [
    [],
    [[":status", "20"]],
    [[":status", "600"]],
    [
      [":status", "200"],
      [":path", "/"],
    ],
  ];
  for (const lines of wrong) expect(() => responseHead(lines)).toThrow("malformed");
  expect(() => checkTrailers([[":status", "200"]])).toThrow("malformed");
});

test("values of one name are joined", () => {
  expect(
    fieldOf(
      [
        ["a", "1"],
        ["b", "2"],
        ["a", "3"],
      ],
      "a",
    ),
  ).toBe("1, 3");
  expect(fieldOf([], "a")).toBeUndefined();
});

test("what may not be sent is known before it is sent", () => {
  expect(isField(["x-name", "värde"])).toBe(true);
  for (const line of [
    ["X", "a"],
    ["x", "a\r\nb"],
    ["upgrade", "x"],
    [":path", "/"],
    ["x", "€"],
  ] as const) {
    expect(isField(line)).toBe(false);
  }
});

describe("protocols", () => {
  test("strings of the drafts since -13, and tokens of -12", () => {
    expect(availableProtocols(["a-1", 'b"2'])).toBe('"a-1", "b\\"2"');
    expect(parseAvailableProtocols('"a-1", "b\\"2";q=1')).toEqual(["a-1", 'b"2']);
    expect(parseAvailableProtocols("a-1, b2")).toEqual(["a-1", "b2"]);
    expect(parseProtocol(chosenProtocol("a-1"))).toBe("a-1");
    expect(parseProtocol("a-1;x")).toBe("a-1");
  });

  test("a malformed field counts as missing", () => {
    for (const field of [undefined, "", '"open', "1, 2", '"a", 2', "(a b)", "\u00e9"]) {
      expect(parseAvailableProtocols(field)).toEqual([]);
      expect(parseProtocol(field)).toBeUndefined();
    }
  });

  test("a name is 1 to 512 printable characters", () => {
    expect(["a", "x".repeat(512)].every(isProtocolName)).toBe(true);
    expect(["", "x".repeat(513), "é", "a\n"].some(isProtocolName)).toBe(false);
  });
});
