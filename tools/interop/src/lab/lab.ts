/** One test's surroundings: a folder, a certificate authority, the programs it started; all gone when it ends. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority, writeCertificate } from "@moqingbird/testing";
import { onTestFailed, test as plain } from "vitest";
import { Program, type ProgramOptions, tellExit } from "./program.ts";

/** Lines of each program's log that a failed test prints. */
const reportLines = 200;

export interface CertificateFiles {
  /** PEM file of the server's chain. */
  readonly chain: string;
  /** PEM file of its key. */
  readonly key: string;
  /** PEM file of the authority that signed it, for `--tls-root`. */
  readonly root: string;
}

export class Lab {
  readonly folder: string;
  readonly certificate: CertificateFiles;
  readonly #programs: Program[] = [];

  constructor(folder: string, certificate: CertificateFiles) {
    this.folder = folder;
    this.certificate = certificate;
  }

  /** A file name in the test's own folder. */
  file(name: string): string {
    return join(this.folder, name);
  }

  start(options: ProgramOptions): Program {
    const program = new Program(options);
    this.#programs.push(program);
    return program;
  }

  /** What every program said last: printed when a test fails. */
  report(): string {
    return this.#programs
      .map(({ name, exit, lines }) => {
        const state = exit === undefined ? "running" : tellExit(exit);
        const left = Math.max(0, lines.length - reportLines);
        const skipped = left > 0 ? `\n  ... ${left} lines before` : "";
        return `--- ${name} (${state})${skipped}\n${lines
          .slice(-reportLines)
          .map((line) => `  ${line.slice(0, 400)}\n`)
          .join("")}`;
      })
      .join("");
  }

  async close(): Promise<void> {
    await Promise.all(this.#programs.toReversed().map((program) => program.stop()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** `test` with a lab of its own for each test that asks for one. */
export const test = plain.extend<{ lab: Lab }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a function wants from its first parameter
  lab: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), "moqingbird-interop-"));
    const lab = new Lab(folder, await issueCertificate(folder));
    onTestFailed(() => {
      process.stderr.write(`\n${lab.report()}\n`);
    });
    try {
      await use(lab);
    } finally {
      await lab.close();
    }
  },
});

async function issueCertificate(folder: string): Promise<CertificateFiles> {
  const authority = await createAuthority();
  const files = await writeCertificate(folder, await authority.issue());
  const root = join(folder, "root.pem");
  await writeFile(root, authority.root);
  return { ...files, root };
}
