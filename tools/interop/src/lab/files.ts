/** Large files: made from a seed, compared by `cmp`. */
import { execFile } from "node:child_process";
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";

const pieceBytes = 1024 * 1024;

/**
 * Writes bytes that look random and returns the seed they came from, which a failed test prints. The environment variable
 * INTEROP_SEED repeats a run.
 */
export async function makeRandomFile(file: string, sizeBytes: number): Promise<string> {
  const seed = process.env.INTEROP_SEED ?? randomBytes(8).toString("hex");
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

/** A stretch of two files. */
export interface Stretch {
  readonly leftOffset: number;
  readonly rightOffset: number;
  readonly bytes: number;
}

/** What `cmp` says about two files, or about a stretch of them: nothing when they are equal. */
export function difference(left: string, right: string, stretch?: Stretch): Promise<string> {
  const part = stretch && ["-i", `${stretch.leftOffset}:${stretch.rightOffset}`, "-n", String(stretch.bytes)];
  return new Promise((resolve, reject) => {
    execFile("cmp", [...(part ?? []), left, right], (error, stdout, stderr) => {
      if (error === null) resolve("");
      else if (error.code === 1) resolve((stdout + stderr).trim());
      else reject(error);
    });
  });
}
