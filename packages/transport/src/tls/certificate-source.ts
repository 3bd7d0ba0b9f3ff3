/** What a listener shows: one certificate, one of several by the name a client asks for, or what a source has at the time. */
import type { Certificate, LoadedCertificate } from "./certificate.ts";

/** Certificates that change while listeners show them. */
export interface CertificateSource {
  /** What to show now, in the order of {@link ServerCertificates}. Another array after each change. */
  readonly certificates: readonly LoadedCertificate[];
  /**
   * Calls back after each change, until the function returned is called. What a callback throws goes to the source's
   * `onError`.
   */
  subscribe(changed: () => void): () => void;
}

/**
 * One certificate, or several: a client gets the first whose DNS names contain what it asks for (SNI), else the first that
 * has a wildcard for it, else the first of all.
 */
export type ServerCertificates = Certificate | readonly Certificate[];

/** Told of what happens to a {@link CertificateSource}. */
export interface CertificateSourceOptions {
  /** The certificates changed, and listeners show the new ones. */
  readonly onChange?: (certificates: readonly LoadedCertificate[]) => void;
  /** There should be new certificates and the old ones stay, because of this. Default: a warning of the process. */
  readonly onError?: (error: unknown) => void;
}

/** What a listener is to show at first, and the source of it if it may change. */
export function presentCertificates(given: ServerCertificates | CertificateSource): {
  readonly certificates: ServerCertificates;
  readonly source: CertificateSource | undefined;
} {
  if ("subscribe" in given) return { certificates: given.certificates, source: given };
  return { certificates: given, source: undefined };
}

/** The certificate that a client is shown which asks for `serverName`. Errors: RangeError when there is none at all. */
export function selectCertificate<T extends Pick<LoadedCertificate, "names">>(
  certificates: readonly T[],
  serverName: string,
): T {
  const asked = serverName.toLowerCase();
  const dot = asked.indexOf(".");
  const wildcard = dot < 0 ? undefined : `*${asked.slice(dot)}`;
  const having = (name: string | undefined) =>
    name === undefined ? undefined : certificates.find(({ names }) => names.includes(name));
  const found = having(asked) ?? having(wildcard) ?? certificates[0];
  if (found === undefined) throw new RangeError("There is no certificate to select.");
  return found;
}

/** The part that sources have in common. */
export class ChangingCertificates implements CertificateSource {
  readonly #options: CertificateSourceOptions;
  readonly #subscribers = new Set<() => void>();
  #certificates: readonly LoadedCertificate[];

  constructor(certificates: readonly LoadedCertificate[], options: CertificateSourceOptions) {
    this.#certificates = certificates;
    this.#options = options;
  }

  get certificates(): readonly LoadedCertificate[] {
    return this.#certificates;
  }

  subscribe(changed: () => void): () => void {
    const entry = () => changed(); // the same function may subscribe twice
    this.#subscribers.add(entry);
    return () => this.#subscribers.delete(entry);
  }

  /** Other certificates from now on. */
  replace(certificates: readonly LoadedCertificate[]): void {
    this.#certificates = certificates;
    for (const subscriber of [...this.#subscribers]) this.#guarded(subscriber);
    this.#guarded(() => this.#options.onChange?.(certificates));
  }

  failed(error: unknown): void {
    if (this.#options.onError !== undefined) this.#options.onError(error);
    else process.emitWarning(error instanceof Error ? error : String(error));
  }

  #guarded(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.failed(error);
    }
  }
}
