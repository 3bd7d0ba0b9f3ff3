/**
 * How much may be under way in a transport that hides congestion: TCP's buffers take all they are given, and what they hold
 * cannot be overtaken by what is more urgent. Pings sent among the bytes tell, when they are answered, what has arrived,
 * how fast and how late; the window is the bandwidth times a delay a little above the least one. Pure; times are milliseconds.
 */

/** Window before anything was measured, bytes. */
const firstWindow = 131_072;
/** The window is never smaller: two messages, so that one is handed over while another travels. */
const leastWindow = 32_768;
const mostWindow = 16_777_216;
/** The window is the least round trip's worth, times the gain, and of this on top, for event loops that are late. */
const slackMs = 20;
/** While the rate still rises with the window; and later: room to notice that the path got faster. */
const startGain = 2;
const gain = 1.25;
/** The start is over when so many round trips in a row brought less than a quarter more. */
const flatRounds = 3;
/** The highest of the rates measured in so many round trips counts, and none that is older than this. */
const rateRounds = 4;
const rateAgeMs = 3000;
/** Answers come in heaps where a process wakes up late: what came within so short a time says nothing of the path. */
const leastSpanMs = 2;
/** A least round trip is believed for so long; then, unless little is under way anyway, the path is drained to measure it anew. */
const delayAgeMs = 10_000;
const littleBytes = 16_384;
/** A ping goes out behind each of so many parts of the window, and not more often than every 16 KiB. */
const probesPerWindow = 8;
const leastProbeBytes = 16_384;
const mostProbes = 32;

interface Probe {
  readonly sequence: number;
  readonly sentAt: number;
  /** All bytes handed over before it. */
  readonly sentBytes: number;
  readonly deliveredBytes: number;
  readonly deliveredAt: number;
  /** Nothing waited when it was sent: the rate it shows is the application's, not the path's. */
  readonly idle: boolean;
  /** What was under way. */
  readonly inFlight: number;
}

/** Counts what is under way, and says how much more may be. */
export class SendWindow {
  #sent = 0;
  #delivered = 0;
  #deliveredAt = 0;
  #probedBytes = 0;
  #probes: Probe[] = [];
  #nextSequence = 0;
  /** Bytes per millisecond, of the last rounds. */
  #rates: { readonly at: number; readonly rate: number }[] = [];
  #rate = 0;
  #leastDelay = 0;
  #leastDelayAt = 0;
  #smoothedDelay = 0;
  #draining = false;
  #starting = true;
  #roundEnd = 0;
  #roundRate = 0;
  #flat = 0;

  /** Bytes that may be handed over now; 0 or less: none. */
  get room(): number {
    return this.size - this.inFlight;
  }

  /** Bytes that were handed over and are not known to have arrived. */
  get inFlight(): number {
    return this.#sent - this.#delivered;
  }

  /** Bytes that may be under way. */
  get size(): number {
    if (this.#rate === 0) return firstWindow;
    if (this.#draining) return 0;
    const target = this.#rate * ((this.#starting ? startGain : gain) * this.#leastDelay + slackMs);
    return Math.min(mostWindow, Math.max(leastWindow, Math.ceil(target)));
  }

  /** Bytes per second that arrive at best; 0 before the first measurement. */
  get bytesPerSecond(): number {
    return this.#rate * 1000;
  }

  /** Round trip, smoothed, and the least; 0 before the first measurement. */
  get delayMs(): number {
    return this.#smoothedDelay;
  }

  get leastDelayMs(): number {
    return this.#leastDelay;
  }

  /** So many bytes were handed over. */
  handed(bytes: number): void {
    this.#sent += bytes;
  }

  /** A ping should follow what was handed over last. */
  get probeDue(): boolean {
    if (this.#probes.length >= mostProbes) return false;
    const unprobed = this.#sent - this.#probedBytes;
    if (unprobed === 0) return this.#draining && this.#probes.length === 0;
    return this.#probes.length === 0 || unprobed >= Math.max(leastProbeBytes, this.size / probesPerWindow);
  }

  /** A ping goes out now; returns its sequence, from 0 on. `idle`: nothing else waits to be sent. */
  probe(now: number, idle: boolean): number {
    const sequence = this.#nextSequence++;
    if (this.#probes.length === 0) this.#deliveredAt = now; // the pause before counts for nothing
    this.#probes.push({
      sequence,
      sentAt: now,
      sentBytes: this.#sent,
      deliveredBytes: this.#delivered,
      deliveredAt: this.#deliveredAt,
      idle,
      inFlight: this.inFlight,
    });
    this.#probedBytes = this.#sent;
    return sequence;
  }

  /** A ping was answered, and with it all before it. False: no such ping is under way. */
  answered(sequence: number, now: number): boolean {
    const index = this.#probes.findIndex((probe) => probe.sequence === sequence);
    const probe = this.#probes[index];
    if (probe === undefined) return false;
    this.#probes.splice(0, index + 1);
    this.#delivered = probe.sentBytes;
    this.#deliveredAt = now;
    this.#measureDelay(probe, now);
    this.#measureRate(probe, now);
    if (this.#starting && !probe.idle && sequence >= this.#roundEnd) this.#endRound();
    return true;
  }

  /** What was sent behind the last round's end has arrived: did more window bring more? */
  #endRound(): void {
    this.#flat = this.#rate < this.#roundRate * 1.25 ? this.#flat + 1 : 0;
    this.#roundRate = Math.max(this.#rate, this.#roundRate);
    this.#roundEnd = this.#nextSequence;
    if (this.#flat >= flatRounds) this.#starting = false;
  }

  #measureDelay(probe: Probe, now: number): void {
    const delay = Math.max(0.05, now - probe.sentAt);
    this.#smoothedDelay = this.#smoothedDelay === 0 ? delay : this.#smoothedDelay * 0.875 + delay * 0.125;
    const stale = now - this.#leastDelayAt > delayAgeMs;
    if (this.#leastDelay === 0 || delay <= this.#leastDelay || (stale && probe.inFlight <= littleBytes)) {
      this.#leastDelay = delay;
      this.#leastDelayAt = now;
      this.#draining = false;
    } else if (stale) this.#draining = true;
  }

  #measureRate(probe: Probe, now: number): void {
    const span = Math.max(now - probe.deliveredAt, this.#leastDelay, leastSpanMs);
    const rate = (probe.sentBytes - probe.deliveredBytes) / span;
    const oldest = now - Math.min(rateAgeMs, rateRounds * this.#smoothedDelay);
    const lately = this.#rates.filter(({ at }) => at >= oldest);
    // A pause of the application, or one for measuring the delay, says nothing against the rate known.
    if ((probe.idle || this.#draining) && rate < this.#rate) {
      this.#rates = lately.length > 0 ? lately : [{ at: now, rate: this.#rate }];
      return;
    }
    // Newer and higher ones make those before them needless: the list is short and falls.
    this.#rates = [...lately.filter((one) => one.rate > rate), { at: now, rate }];
    this.#rate = this.#rates[0]?.rate ?? rate;
  }
}
