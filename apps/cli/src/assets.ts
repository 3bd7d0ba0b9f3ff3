/** Files that come with the package. This module stays at the top of `src`, so that the path also holds in `dist`. */
import { readFile } from "node:fs/promises";

/** The demo's clip: 8 s of fragmented MP4, made by assets/make-clip.sh. */
export async function readClip(): Promise<Uint8Array> {
  return new Uint8Array(await readFile(new URL("../assets/clip.mp4", import.meta.url)));
}
