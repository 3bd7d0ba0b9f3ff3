import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Runs a script of ours in a process of its own; fails if it does not end by itself. */
async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ["--conditions=@moqingbird/source", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
    cwd: here("../"),
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, "close");
  return { code, output };
}

const script = (body: string) =>
  run(
    "--input-type=module-typescript",
    "--eval",
    `import { ByteReader, ByteWriter, connect, executor, generateCertificate, listen } from "@moqingbird/transport";
     const certificate = await generateCertificate();
     const open = () => listen({ host: "127.0.0.1", certificate, alpn: ["test"], onConnection: () => {} });
     const dial = (listener) => connect({ host: "127.0.0.1", port: listener.address.port, alpn: ["test"],
       trust: { sha256: [certificate.sha256] } });
     ${body}`,
  );

test.each([
  ["echo", "hello over QUIC\n"],
  ["web-transport", "hello over WebTransport\n"],
])(
  "the example %s of the README runs, ends by itself, and is what the README shows",
  async (name, output) => {
    const example = here(`../examples/${name}.ts`);
    expect(await run(example)).toEqual({ code: 0, output });
    const readme = await readFile(here("../README.md"), "utf8");
    expect(readme).toContain(`<!-- examples/${name}.ts -->\n\`\`\`ts\n${await readFile(example, "utf8")}\`\`\``);
  },
  30_000,
);

test("a process ends when its listener and connections are closed, without lingering", async () => {
  const { code, output } = await script(`
    const listener = await open();
    const connection = await dial(listener);
    connection.close();
    await connection.closed;
    await listener.close();
    const start = Date.now();
    process.on("exit", () => console.log(Date.now() - start < 1000 ? "soon" : "late"));
  `);
  expect({ code, output }).toEqual({ code: 0, output: "soon\n" });
}, 30_000);

test("unref'ed listeners and connections let a process end", async () => {
  const { code, output } = await script(`
    const listener = (await open()).unref();
    const connection = (await dial(listener)).unref();
    console.log("open");
  `);
  expect({ code, output }).toEqual({ code: 0, output: "open\n" });
}, 30_000);

test("a waiting task keeps a process alive until it has run, an unref'ed one does not", async () => {
  const { code, output } = await script(`
    executor().schedule(60_000, () => console.log("never")).unref();
    executor().schedule(50, () => console.log("ran"));
  `);
  expect({ code, output }).toEqual({ code: 0, output: "ran\n" });
}, 30_000);

test("a failed connect leaves nothing that keeps the process", async () => {
  const { code, output } = await script(`
    const listener = await open();
    const { port } = listener.address;
    await listener.close();
    await connect({ host: "127.0.0.1", port, alpn: ["test"] }).catch((error) => console.log(error.code));
  `);
  expect({ code, output }).toEqual({ code: 0, output: "connection-refused\n" });
}, 30_000);
