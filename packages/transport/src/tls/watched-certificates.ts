/**
 * Certificates of files, read again when the files change. The files are looked at, not watched: links that are put
 * elsewhere, as by ACME clients and Kubernetes, and network file systems tell no watcher.
 */
import { stat } from "node:fs/promises";
import { TransportError } from "../errors.ts";
import { type CertificateFiles, type LoadedCertificate, loadCertificate } from "./certificate.ts";
import { type CertificateSource, type CertificateSourceOptions, ChangingCertificates } from "./certificate-source.ts";

/** Options of {@link watchCertificates}. */
export interface WatchOptions extends CertificateSourceOptions {
  /** How often the files are looked at, in milliseconds. Default 5000; 0: only at `reload`. */
  readonly intervalMs?: number;
}

/** Certificates of files. */
export interface WatchedCertificates extends CertificateSource, Disposable {
  /**
   * Reads the files now, changed or not, on SIGHUP for example; whether they hold something new. Errors: as
   * `loadCertificate`; what was shown before stays.
   */
  reload(): Promise<boolean>;
  /** Looks no more; the certificates stay as they are. */
  close(): void;
}

const defaultIntervalMs = 5000;
/** A file that was written so lately may be written again without a change of its times, whose grain file systems choose. */
const freshMs = 2000;

/**
 * Reads certificates, and reads them again when their files change: `listen` shows the new ones to new connections. A change
 * that makes no sense, as while only one of two files is written, is told once and tried again until it does. Looking keeps
 * no process alive. Errors: as `loadCertificate`, `option-invalid`.
 */
export async function watchCertificates(
  files: CertificateFiles | readonly CertificateFiles[],
  options: WatchOptions = {},
): Promise<WatchedCertificates> {
  const { intervalMs = defaultIntervalMs } = options;
  const list = "chain" in files ? [files] : [...files];
  if (list.length === 0) throw new TransportError("option-invalid", { option: "files", detail: "there are none" });
  if (!(intervalMs >= 0)) {
    throw new TransportError("option-invalid", { option: "intervalMs", detail: `${intervalMs} is not 0 or more` });
  }
  const stamp = await stampOf(list);
  return new FileCertificates(list, await load(list), { ...options, intervalMs, stamp });
}

class FileCertificates extends ChangingCertificates implements WatchedCertificates {
  readonly #files: readonly CertificateFiles[];
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** Of the files when they were read last, with or without success. */
  #stamp: string;
  /** What is wrong with them and has been told. */
  #fault = "";
  #reading: Promise<boolean> | undefined;

  constructor(
    files: readonly CertificateFiles[],
    certificates: readonly LoadedCertificate[],
    options: CertificateSourceOptions & { readonly intervalMs: number; readonly stamp: string },
  ) {
    super(certificates, options);
    this.#files = files;
    this.#intervalMs = options.intervalMs;
    this.#stamp = options.stamp;
    this.#schedule();
  }

  reload(): Promise<boolean> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #schedule(): void {
    if (this.#closed || this.#intervalMs === 0) return;
    this.#timer = setTimeout(() => void this.#look(), this.#intervalMs).unref();
  }

  async #look(): Promise<void> {
    try {
      const stamp = await stampOf(this.#files);
      if (stamp !== this.#stamp || this.#fault !== "") await this.reload();
    } catch (error) {
      const fault = String(error);
      if (fault !== this.#fault) this.failed(error);
      this.#fault = fault;
    }
    this.#schedule();
  }

  async #read(): Promise<boolean> {
    const stamp = await stampOf(this.#files); // before the files are read: what changes meanwhile is seen the next time
    const certificates = await load(this.#files);
    this.#stamp = stamp;
    this.#fault = "";
    if (this.#closed || sameAs(certificates, this.certificates)) return false;
    this.replace(certificates);
    return true;
  }
}

function load(files: readonly CertificateFiles[]): Promise<readonly LoadedCertificate[]> {
  return Promise.all(files.map(loadCertificate));
}

/**
 * What changes with the files: which files the names lead to, their sizes and times. A missing one is a stamp too; of a fresh
 * one the stamp is never the same.
 */
async function stampOf(files: readonly CertificateFiles[]): Promise<string> {
  const stamps = files
    .flatMap(({ chain, key }) => [chain, key])
    .map(async (file) => {
      try {
        const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file);
        const now = Date.now();
        return [dev, ino, size, mtimeMs, ctimeMs, now - ctimeMs < freshMs ? now : ""].join(":");
      } catch {
        return "none";
      }
    });
  return (await Promise.all(stamps)).join(" ");
}

function sameAs(some: readonly LoadedCertificate[], others: readonly LoadedCertificate[]): boolean {
  return some.every(({ chain, key }, index) => chain === others[index]?.chain && key === others[index]?.key);
}
