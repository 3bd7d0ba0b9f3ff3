/** What the package shows, and what it must not use: changing either is a decision, not an accident. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as codec from "@moqingbird/codec";
import { expect, test } from "vitest";

const packageFolder = join(import.meta.dirname, "..");

function sources(): string[] {
  return readdirSync(join(packageFolder, "src"), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
}

test("the package exports these values", () => {
  expect(Object.keys(codec).sort()).toStrictEqual([
    "CodecError",
    "ControlDecoder",
    "Reader",
    "Writer",
    "codecErrors",
    "decodeKeyValuePairs",
    "defaultLimits",
    "draft14",
    "encodeKeyValuePairs",
    "errorByCode",
    "errorByName",
    "maxFullTrackNameBytes",
    "maxNamespaceFields",
    "needMore",
    "noExtensions",
    "objectStatus",
  ]);
});

test("a wire has these members", () => {
  expect(Object.keys(codec.draft14).sort()).toStrictEqual([
    "createDataStreamDecoder",
    "datagramHeaderSize",
    "decodeControl",
    "decodeDatagram",
    "encodeControl",
    "encodeDatagramHeader",
    "encodeFetchHeader",
    "encodeFetchObjectHeader",
    "encodeObjectHeader",
    "encodeSubgroupHeader",
    "errors",
    "fetchObjectHeaderSize",
    "maxFetchHeaderBytes",
    "maxSubgroupHeaderBytes",
    "name",
    "objectHeaderSize",
    "setupVersion",
  ]);
  expect(codec.draft14).toMatchObject({ name: "moq-transport-14", setupVersion: 0xff00000e });
});

test("these are the errors a program can switch on", () => {
  expect(codec.codecErrors.map(({ code, kind }) => `${kind} ${code}`).sort()).toMatchInlineSnapshot(`
    [
      "caller message-not-in-version",
      "caller message-too-large",
      "caller value-invalid",
      "caller writer-full",
      "limit extensions-too-long",
      "limit too-many-parameters",
      "limit too-many-versions",
      "limit varint-too-large",
      "malformed authority-malformed",
      "malformed control-stream-truncated",
      "malformed datagram-overlong",
      "malformed datagram-truncated",
      "malformed datagram-type-unknown",
      "malformed extensions-empty",
      "malformed extensions-on-missing-object",
      "malformed full-track-name-too-long",
      "malformed message-overlong",
      "malformed message-truncated",
      "malformed message-type-unknown",
      "malformed namespace-field-count",
      "malformed object-after-end",
      "malformed pair-malformed",
      "malformed pair-value-too-long",
      "malformed parameter-repeated",
      "malformed path-from-server",
      "malformed path-malformed",
      "malformed reason-too-long",
      "malformed stream-truncated",
      "malformed stream-type-unknown",
      "malformed uri-too-long",
      "malformed value-undefined",
    ]
  `);
});

test("these are the default limits", () => {
  expect(codec.defaultLimits).toStrictEqual({ maxVersions: 128, maxParameters: 256, maxExtensionBytes: 65_536 });
});

test("the package has one entry", () => {
  const manifest = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
  expect(Object.keys(manifest.exports)).toStrictEqual(["."]);
  expect(manifest.dependencies).toBeUndefined();
});

test("the sources use nothing that browsers lack, and wait for nothing", () => {
  for (const file of sources()) {
    const source = readFileSync(join(packageFolder, "src", file), "utf8");
    expect(source, file).not.toMatch(/from "node:|\bBuffer\.|\bprocess\.|\brequire\(|\bawait\b|\basync\b/);
    for (const [, target] of source.matchAll(/from "([^"]+)"/g)) expect(target, file).toMatch(/^\.\.?\/.*\.ts$/);
  }
});
