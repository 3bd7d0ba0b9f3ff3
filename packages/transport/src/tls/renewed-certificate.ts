/** A certificate for pinning that is made anew before it expires. */
import { TransportError } from "../errors.ts";
import { systemClock } from "../executor/clock.ts";
import type { CarrierTimer, CarrierTimers } from "../qmux/carrier.ts";
import { systemCarrierTimers } from "../qmux/system-timers.ts";
import { type GenerateOptions, generateCertificateAt, type LoadedCertificate } from "./certificate.ts";
import { type CertificateSource, type CertificateSourceOptions, ChangingCertificates } from "./certificate-source.ts";

/** Options of {@link renewCertificate}. */
export interface RenewOptions extends GenerateOptions, CertificateSourceOptions {
  /** How long before the end of its validity it is made anew, in days. Default a seventh of `days`: 2 of 14. */
  readonly renewBeforeDays?: number;
}

/** A generated certificate that stays valid. */
export interface RenewedCertificate extends CertificateSource, Disposable {
  /** The one shown now. */
  readonly certificate: LoadedCertificate;
  /** Renews no more. */
  close(): void;
}

/** Where the time comes from. Timers keep no process alive. */
export interface RenewalClock extends Pick<CarrierTimers, "schedule"> {
  /** Milliseconds since 1970. */
  wallMillis(): number;
}

const dayMs = 86_400_000;
/** The wall clock is read at least so often: a host that slept, or whose clock was set, needs a new certificate too. */
const longestWaitMs = 3_600_000;
const shortestWaitMs = 1000;

/**
 * As `generateCertificate`, and again and again before the certificate expires: `listen` shows the new one to new connections,
 * open ones stay. Who pins has to be told the new fingerprint. Renewal keeps no process alive. Errors: `option-invalid`.
 */
export function renewCertificate(options: RenewOptions = {}): Promise<RenewedCertificate> {
  return renewCertificateBy({ schedule: systemCarrierTimers.schedule, wallMillis: systemClock.wallMillis }, options);
}

/** `renewCertificate` by a clock that is not this process's. */
export async function renewCertificateBy(clock: RenewalClock, options: RenewOptions): Promise<RenewedCertificate> {
  const { days = 14, renewBeforeDays = days / 7 } = options;
  if (!(renewBeforeDays > 0 && renewBeforeDays < days)) {
    throw new TransportError("option-invalid", {
      option: "renewBeforeDays",
      detail: `it is ${renewBeforeDays}; it must be above 0 and below the ${days} days of validity`,
    });
  }
  const first = await generateCertificateAt(clock.wallMillis(), options);
  return new GeneratedCertificate(first, clock, { ...options, renewBeforeDays });
}

class GeneratedCertificate extends ChangingCertificates implements RenewedCertificate {
  readonly #clock: RenewalClock;
  readonly #options: RenewOptions & { readonly renewBeforeDays: number };
  #timer: CarrierTimer | undefined;
  #closed = false;

  constructor(
    first: LoadedCertificate,
    clock: RenewalClock,
    options: RenewOptions & { readonly renewBeforeDays: number },
  ) {
    super([first], options);
    this.#clock = clock;
    this.#options = options;
    this.#schedule();
  }

  get certificate(): LoadedCertificate {
    return this.certificates[0] as LoadedCertificate;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #remainingMs(): number {
    const renewAt = this.certificate.notAfter.getTime() - this.#options.renewBeforeDays * dayMs;
    return renewAt - this.#clock.wallMillis();
  }

  #schedule(): void {
    if (this.#closed) return;
    const waitMs = Math.min(Math.max(Math.ceil(this.#remainingMs()), shortestWaitMs), longestWaitMs);
    this.#timer = this.#clock.schedule(waitMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    if (this.#remainingMs() <= 0) {
      try {
        const next = await generateCertificateAt(this.#clock.wallMillis(), this.#options);
        if (!this.#closed) this.replace([next]);
      } catch (error) {
        this.failed(error);
      }
    }
    this.#schedule();
  }
}
