/** Files over plain HTTP/3: our listener, and other people's servers. */
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { type Listener, type ListenOptions, listen, loadCertificate } from "@moqingbird/transport";
import { expect, onTestFinished } from "vitest";
import { type Files, writeFiles } from "../lab/file-set.ts";
import type { Lab } from "../lab/lab.ts";
import type { Program } from "../lab/program.ts";

/** Our listener, which serves the files by their names. */
export async function serveOverHttp3(lab: Lab, files: Files, options: Partial<ListenOptions> = {}): Promise<Listener> {
  const listener = await listen({
    host: "127.0.0.1",
    certificate: await loadCertificate(lab.certificate),
    fetch: ({ url }) => {
      const file = files.get(new URL(url).pathname.slice(1));
      return file === undefined ? new Response(null, { status: 404 }) : new Response(file as Uint8Array<ArrayBuffer>);
    },
    ...options,
  });
  onTestFinished(() => listener.close());
  return listener;
}

/** ngtcp2's server, with the files in its folder. */
export async function startGtlsServer(
  lab: Lab,
  files: Files,
  flags: readonly string[] = [],
): Promise<{ program: Program; port: number }> {
  const { chain, key } = lab.certificate;
  const folder = await writeFiles(lab, files);
  const args = [...flags, `--htdocs=${folder}`, "127.0.0.1", "0", key, chain];
  const program = lab.start({ name: "gtlsserver", program: "gtlsserver", args });
  return { program, port: await boundPort(program) };
}

/** The UDP port a program listens on which does not tell it, from Linux's table of sockets. */
async function boundPort({ pid }: Program): Promise<number> {
  let port: number | undefined;
  await expect
    .poll(
      async () => {
        port = await firstUdpPort(pid);
        return port;
      },
      { timeout: 10_000 },
    )
    .toBeDefined();
  return port as number;
}

async function firstUdpPort(pid: number): Promise<number | undefined> {
  const folder = `/proc/${pid}/fd`;
  const links = await Promise.all((await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => "")));
  const inodes = new Set(
    links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]).filter((inode) => inode !== undefined),
  );
  for (const line of (await readFile(`/proc/${pid}/net/udp`, "utf8")).split("\n").slice(1)) {
    const [, local = "", , , , , , , , inode = ""] = line.trim().split(/\s+/);
    if (inodes.has(inode)) return Number.parseInt(local.split(":")[1] ?? "", 16);
  }
  return undefined;
}
