/** The page "QUIC and WebTransport in Node": its programs are those in examples/quic, and print what the page says. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { read, root } from "./support/sources.ts";

const page = read("docs/NODE.md");
const shown = [
  ...page.matchAll(
    /<!-- (examples\/quic\/[\w-]+\.ts) -->\n```ts\n([\s\S]*?)```\n(?:\nIt prints:\n\n```text\n([\s\S]*?)```)?/g,
  ),
].map(([, path, code, output]) => ({ path: path as string, code, output }));

test("the page shows every program of examples/quic, to the letter", () => {
  expect(shown.map(({ path }) => path).sort()).toEqual(
    readdirSync(resolve(root, "examples/quic"))
      .map((name) => `examples/quic/${name}`)
      .sort(),
  );
  for (const { path, code } of shown) expect(code, path).toBe(read(path));
});

describe("each program", () => {
  const ending = shown.filter(({ output }) => output !== undefined);
  test("five of them end by themselves", () => expect(ending).toHaveLength(5));

  test.each(ending)("$path prints what the page says, and ends", { timeout: 60_000 }, async ({ path, output }) => {
    const program = spawn(process.execPath, ["--conditions=@moqingbird/source", resolve(root, path)], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 50_000,
    });
    const ended = once(program, "close");
    const [stdout, stderr] = await Promise.all([text(program.stdout), text(program.stderr)]);
    expect([stdout, stderr]).toEqual([output, ""]);
    expect(await ended).toEqual([0, null]);
  });
});
