/**
 * The catalog of draft-ietf-moq-catalogformat-01 as moq-pub 0.8 writes it and moq-sub 0.4 reads it: a JSON object in
 * track `.catalog`, the init segment in track `0.mp4`, and one track `<id>.m4s` per MP4 track.
 */
import { z } from "zod";
import type { MovieTrack } from "./movie.ts";

export const catalogTrackName = ".catalog";
export const initTrackName = "0.mp4";

/** Name of the MoQ track that carries MP4 track `id`. */
export function mediaTrackName(id: number): string {
  return `${id}.m4s`;
}

/** Largest catalog and init segment a subscriber takes. */
export const largestCatalogBytes = 1024 * 1024;
export const largestInitBytes = 4 * 1024 * 1024;

/** Only what `moqb sub` reads; unknown members are ignored, as the draft asks of parsers. */
const catalogSchema = z.object({
  version: z.literal(1),
  commonTrackFields: z.object({ initTrack: z.string().optional() }).optional(),
  tracks: z
    .array(z.object({ name: z.string(), initTrack: z.string().optional(), altGroup: z.number().optional() }))
    .min(1)
    .max(64),
});

export interface Catalog {
  readonly initTrack: string;
  /** Track names in the order of the movie's tracks; of alternatives (same `altGroup`) only the first. */
  readonly tracks: readonly string[];
}

/** The catalog's text for these tracks. */
export function writeCatalog(broadcast: string, tracks: readonly MovieTrack[]): string {
  return JSON.stringify(
    {
      version: 1,
      streamingFormat: 1,
      streamingFormatVersion: "0.2",
      supportsDeltaUpdates: true,
      commonTrackFields: { namespace: broadcast, packaging: "cmaf", renderGroup: 1 },
      tracks: tracks.map((track) => ({
        name: mediaTrackName(track.id),
        initTrack: initTrackName,
        selectionParams: {
          codec: track.codec,
          ...(track.width !== undefined && { width: track.width, height: track.height }),
          ...(track.sampleRate !== undefined && {
            samplerate: track.sampleRate,
            channelConfig: String(track.channels),
          }),
          ...(track.bitrate !== undefined && { bitrate: track.bitrate }),
        },
      })),
    },
    null,
    2,
  );
}

/** Reads a catalog object; undefined when it is none. */
export function readCatalog(bytes: Uint8Array): Catalog | undefined {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  const parsed = catalogSchema.safeParse(json);
  if (!parsed.success) return undefined;
  const { tracks, commonTrackFields } = parsed.data;
  const seen = new Set<number>();
  const chosen = tracks.filter(({ altGroup }) => {
    if (altGroup === undefined) return true;
    if (seen.has(altGroup)) return false;
    seen.add(altGroup);
    return true;
  });
  return {
    initTrack: tracks[0]?.initTrack ?? commonTrackFields?.initTrack ?? initTrackName,
    tracks: chosen.map(({ name }) => name),
  };
}
