import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as session from "../src/index.ts";

const folder = join(import.meta.dirname, "../src");
const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

test("the public surface is what this list says", () => {
  expect(Object.keys(session).sort()).toEqual([
    "Budget",
    "RequestRefused",
    "Session",
    "SessionError",
    "accept",
    "cloudflareDraft14",
    "conformingPeer",
    "connect",
    "defaultSessionLimits",
    "hostTimers",
    "overWebTransport",
    "protocolsOf",
    "sessionErrors",
    "versions",
  ]);
  expect(session.sessionErrors.map((row) => row.code)).toEqual([
    "protocol-unknown",
    "no-common-version",
    "setup-timeout",
    "setup-refused",
    "peer-violation",
    "internal-error",
    "option-invalid",
    "request-timeout",
    "request-limit",
    "request-queue-full",
    "going-away",
    "session-closed",
    "not-supported",
    "namespace-in-use",
    "namespace-empty",
    "prefix-overlap",
    "broadcast-ended",
    "withdrawn",
  ]);
});

test("the sources import the codec, the model and each other: no transport, and nothing of Node", () => {
  for (const file of sources) {
    const source = readFileSync(join(folder, file), "utf8");
    const imports = [...source.matchAll(/from "([^"]+)"/g)].map((match) => match[1] as string);
    const others = imports.filter((path) => !path.startsWith("."));
    expect(
      others.filter((path) => path !== "@moqingbird/codec" && path !== "@moqingbird/model"),
      file,
    ).toEqual([]);
    expect(source, file).not.toMatch(/\b(Buffer|process)\.\w|\brequire\(/);
  }
});

test("versions are compared in the negotiation table and nowhere else", () => {
  for (const file of sources) {
    if (file === "negotiation.ts") continue;
    const code = readFileSync(join(folder, file), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    expect(code, file).not.toMatch(/0xff0000|setupVersion\s*[=!]==|draft14\b|version === /);
  }
});

test("every limit has a default and a sentence with its unit", () => {
  const source = readFileSync(join(folder, "limits.ts"), "utf8");
  for (const [name, value] of Object.entries(session.defaultSessionLimits)) {
    expect(value, name).toBeGreaterThan(0);
    expect(source, name).toMatch(new RegExp(`\\*/\\s*readonly ${name}: number`));
  }
});
