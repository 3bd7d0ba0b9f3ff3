/**
 * How a layer ended. Local reasons are words, a peer's code stays the number it sent; the two never mix.
 */

/** Reasons of our own for an end. */
export type EndingCode =
  /** The producer said that nothing will follow. */
  | "finished"
  /** The producer gave up; `wireCode` and `reason` are its own. */
  | "aborted"
  /** The request was refused; `wireCode` and `reason` are the publisher's own. */
  | "rejected"
  /** The broadcast has no such track and nobody takes requests. */
  | "not-found"
  /** A newer publisher of the same namespace took over. */
  | "replaced"
  /** Everything inside the asked range was handed over. */
  | "range-complete"
  /** This handle was closed by its owner. */
  | "closed";

/** How a broadcast, a track, a subscription or a request ended. */
export interface Ending {
  readonly code: EndingCode;
  /** The raw code that the publisher or peer gave to `abort` or `reject`; absent for ends of our own making. */
  readonly wireCode: number | undefined;
  /** One sentence. */
  readonly reason: string;
}

/** Why a group left the cache while somebody was still reading it: over its age, or over the byte budget. */
export type DropReason = "expired" | "evicted";

const sentences: Record<EndingCode, string> = {
  finished: "The publisher finished it.",
  aborted: "The publisher aborted it.",
  rejected: "The publisher rejected the request.",
  "not-found": "The broadcast has no such track and nobody answers requests for it.",
  replaced: "A newer publisher of the same namespace took over.",
  "range-complete": "Everything in the asked range was handed over.",
  closed: "It was closed here.",
};

/** Makes an ending; the sentence defaults to the code's own. */
export function ending(code: EndingCode, reason?: string, wireCode?: number): Ending {
  return { code, wireCode, reason: reason || sentences[code] };
}
