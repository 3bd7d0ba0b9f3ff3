/** Plays a movie into programs as a camera would: each fragment at its time. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { Movie } from "./movie.ts";

/** How far ahead of its time a fragment may leave, in seconds: shorter than a frame lasts. */
const slack = 0.005;

/** A movie that is being played. */
export interface Feed {
  /** Seconds played since the start. */
  readonly position: () => number;
  /** Resolves when the last fragment has been handed over; the inputs stay open. */
  readonly finished: Promise<void>;
}

/** Starts playing `movie` into every input at once. */
export function feed(movie: Movie, inputs: readonly Writable[]): Feed {
  const started = performance.now();
  const position = (): number => (performance.now() - started) / 1000;
  const play = async (): Promise<void> => {
    await write(inputs, movie.header);
    for (const { seconds, bytes } of movie.fragments) {
      const early = seconds - position();
      if (early > slack) await delay(early * 1000);
      await write(inputs, bytes);
    }
  };
  return { position, finished: play() };
}

async function write(inputs: readonly Writable[], bytes: Buffer): Promise<void> {
  await Promise.all(
    inputs.map(async (input) => {
      if (!input.write(bytes) && input.writable) await once(input, "drain");
    }),
  );
}
