/** A fragmented MP4 with picture and sound, made by ffmpeg the same way every time. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const ffmpeg = (...args: string[]) => promisify(execFile)("ffmpeg", ["-y", "-loglevel", "error", ...args]);

export interface ClipOptions {
  /** Default 20. */
  readonly seconds?: number;
}

/** Frames per second, and per group: a key frame every second. */
export const framesPerSecond = 30;

/**
 * Writes `clip.mp4` into the folder and returns its name: H.264 and AAC, one frame per fragment, one track per fragment, no
 * B-frames. The sound is encoded and boxed on its own first: encoded together with the picture, ffmpeg would shift it by its
 * priming through an edit list, and a count of packets from a point in the middle would mean nothing.
 */
export async function makeClip(folder: string, options: ClipOptions = {}): Promise<string> {
  const length = ["-t", String(options.seconds ?? 20)];
  const [picture, rawSound, sound, clip] = ["picture.mp4", "sound.aac", "sound.m4a", "clip.mp4"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  const gop = ["-g", String(framesPerSecond), "-keyint_min", String(framesPerSecond), "-sc_threshold", "0", "-bf", "0"];
  const test = `testsrc=size=384x216:rate=${framesPerSecond}`;
  await ffmpeg(
    "-f",
    "lavfi",
    "-i",
    test,
    ...length,
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-pix_fmt",
    "yuv420p",
    ...gop,
    picture,
  );
  await ffmpeg(
    "-f",
    "lavfi",
    "-i",
    "sine=frequency=440:sample_rate=48000",
    ...length,
    "-c:a",
    "aac",
    "-b:a",
    "96k",
    rawSound,
  );
  await ffmpeg("-i", rawSound, "-c", "copy", sound);
  const fragmented = "frag_every_frame+empty_moov+default_base_moof+omit_tfhd_offset";
  await ffmpeg("-i", picture, "-i", sound, "-map", "0:v", "-map", "1:a", "-c", "copy", "-movflags", fragmented, clip);
  return clip;
}
