/**
 * Errors of the model: mistakes of the local caller, each with a code to switch on and one sentence.
 * What a peer sent (reset codes, SUBSCRIBE_ERROR codes) is never translated into these: see `Ending.wireCode`.
 */

/** Every local error code and what it says; the class below is derived from this table. */
export const modelErrors = [
  { code: "namespace-invalid", says: "The namespace is not one that MoQ allows." },
  { code: "name-invalid", says: "The track name is not one that MoQ allows." },
  { code: "option-invalid", says: "An option is outside its range." },
  { code: "no-consumers", says: "Every reader has left, so there is nobody to create the track for." },
  { code: "track-exists", says: "The broadcast already has a live track of that name." },
  { code: "track-not-found", says: "The broadcast has no such track and nobody answers requests for it." },
  { code: "track-rejected", says: "The publisher rejected the request for the track." },
  { code: "track-not-ready", says: "The publisher has not accepted the track yet; await `ready` first." },
  { code: "request-answered", says: "The request was already accepted or rejected." },
  { code: "request-timeout", says: "The publisher did not answer the request in time." },
  { code: "read-timeout", says: "Nothing arrived in time." },
  { code: "closed", says: "The layer has ended, or its handle was closed." },
  { code: "subgroup-open", says: "The group already has an open subgroup of that id." },
  { code: "object-order", says: "Object ids of a subgroup must ascend." },
  { code: "object-incomplete", says: "The object before still misses payload bytes." },
  { code: "object-overflow", says: "More payload was written than the object's size." },
  { code: "extensions-undeclared", says: "The subgroup was opened without extensions." },
  { code: "malformed-track", says: "An object lies behind the announced end of its group or track." },
  { code: "group-dropped", says: "The group left the cache before it was read to its end." },
] as const;

/** A local error code: kebab-case, reads as a fact. */
export type ModelErrorCode = (typeof modelErrors)[number]["code"];

const sentences = new Map<ModelErrorCode, string>(modelErrors.map((row) => [row.code, row.says]));

/** An error made by this side of the house: the caller's mistake, or a wait that could not be fulfilled. */
export class ModelError extends Error {
  override readonly name = "ModelError";
  /** What went wrong, to switch on. */
  readonly code: ModelErrorCode;
  /** The raw code a peer gave, if a peer's answer is behind this (a rejection, an abort); untranslated. */
  readonly wireCode: number | undefined;

  /** @param says the sentence; default the table's own. */
  constructor(code: ModelErrorCode, says?: string, wireCode?: number) {
    super(says ?? sentences.get(code));
    this.code = code;
    this.wireCode = wireCode;
  }
}
