/** Large files: made from a seed, compared by `cmp`. */
import { execFile } from "node:child_process";
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

const pieceBytes = 1024 * 1024;

/** A new seed for what a test draws, which it prints when it fails. The environment variable INTEROP_SEED repeats a run. */
export const newSeed = (): string => process.env.INTEROP_SEED ?? randomBytes(8).toString("hex");

/** Bytes that look random; the same seed gives the same. */
export const seededBytes = (seed: string, sizeBytes: number): Buffer =>
  Buffer.concat([...keyStream(seed, sizeBytes)], sizeBytes);

/** Writes bytes that look random and returns the seed they came from. */
export async function makeRandomFile(file: string, sizeBytes: number): Promise<string> {
  const seed = newSeed();
  await writeFile(file, keyStream(seed, sizeBytes));
  return seed;
}

/** AES in counter mode over zeros. */
function* keyStream(seed: string, sizeBytes: number): Generator<Buffer> {
  const cipher = createCipheriv("aes-256-ctr", createHash("sha256").update(seed).digest(), Buffer.alloc(16));
  const zeros = Buffer.alloc(pieceBytes);
  for (let left = sizeBytes; left > 0; left -= pieceBytes)
    yield cipher.update(zeros.subarray(0, Math.min(left, pieceBytes)));
}

/** What `cmp` says about two files: nothing when they are equal. */
export function difference(left: string, right: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile("cmp", [left, right], (error, stdout, stderr) => {
      if (error === null) resolve("");
      else if (error.code === 1) resolve((stdout + stderr).trim());
      else reject(error);
    });
  });
}

/** So many bytes may be equal by chance at the end of a group's beginning: each with one in 256. */
const chanceBytes = 3;

/**
 * Checks that `output` is `input` cut into groups, less the `missing` ones. Of a missing group the beginning may be there: it
 * was written before the rest was lost. Returns what is wrong, or nothing.
 */
export async function unexplainedGap(
  input: string,
  output: string,
  groupBytes: number,
  missing: ReadonlySet<number>,
): Promise<string> {
  const [sent, received] = await Promise.all([readFile(input), readFile(output)]);
  /** What is wrong from this group on, if its bytes would stand at `at`. */
  const wrong = (group: number, at: number): string => {
    if (group * groupBytes >= sent.length) {
      return at === received.length ? "" : `${received.length - at} bytes follow after the last group`;
    }
    const content = sent.subarray(group * groupBytes, (group + 1) * groupBytes);
    const equal = equalBytes(content, received, at);
    if (equal === content.length) return wrong(group + 1, at + equal);
    if (!missing.has(group)) return `group ${group} differs at its byte ${equal}, output byte ${at + equal}`;
    let first: string | undefined;
    for (let length = equal; length >= Math.max(0, equal - chanceBytes); length--) {
      const rest = wrong(group + 1, at + length);
      if (rest === "") return "";
      first ??= rest;
    }
    return first ?? "";
  };
  return wrong(0, 0);
}

function equalBytes(content: Buffer, received: Buffer, at: number): number {
  const length = Math.min(content.length, received.length - at);
  if (content.compare(received, at, at + length, 0, length) === 0) return length;
  let equal = 0;
  while (equal < length && content[equal] === received[at + equal]) equal++;
  return equal;
}
