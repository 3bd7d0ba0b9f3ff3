/**
 * How `moqb` fails: one sentence on stderr, `moqb: <what happened, where>; <what to do>`, and an exit code per family.
 * The table is the README's; scripts may rely on it.
 */

/** Exit codes, stable across releases. 0 means all went well. */
export const exitCodes = [
  { code: 1, name: "internal", says: "Something failed that should not: a defect of this program." },
  { code: 2, name: "usage", says: "A flag, an argument or a URL is not right." },
  {
    code: 3,
    name: "unreachable",
    says: "Nothing answers there: no such host, nothing listens, or the handshake timed out.",
  },
  { code: 4, name: "certificate", says: "A certificate or key is not trusted, not readable, or does not fit." },
  { code: 5, name: "incompatible", says: "The two sides share no protocol (ALPN) or no MoQ version." },
  { code: 6, name: "address", says: "The local address cannot be used: in use, or not of this machine." },
  { code: 7, name: "connection-lost", says: "The connection or the broadcast ended before the work was done." },
  { code: 8, name: "data-lost", says: "Groups are missing from what was received." },
  { code: 9, name: "refused", says: "The peer refused the request." },
  { code: 10, name: "input-output", says: "Standard input, standard output or a file could not be read or written." },
] as const;

export type FailureKind = (typeof exitCodes)[number]["name"];

/** An ending that is told in one sentence, without a stack. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: FailureKind;

  constructor(kind: FailureKind, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.kind = kind;
  }

  get exitCode(): number {
    return exitCodes.find(({ name }) => name === this.kind)?.code ?? 1;
  }
}

/** What the operating system says, in words: `ENOENT` is for programs. */
export function systemReason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const words: Record<string, string> = {
    ENOENT: "there is no such file",
    EACCES: "permission is denied",
    EISDIR: "it is a directory",
    ENOTDIR: "a part of its path is not a directory",
    ENOSPC: "the disk is full",
    EROFS: "the file system is read-only",
    EPIPE: "its reader has gone away",
  };
  if (typeof code === "string" && code in words) return words[code] as string;
  return error instanceof Error ? error.message : String(error);
}
