/** What a broadcast of fragmented MP4 consists of, as its track `.catalog` says (draft-ietf-moq-catalogformat-01). */

export interface Catalog {
  /** Track with the init segment. */
  readonly initTrack: string;
  readonly tracks: readonly { readonly name: string; readonly codec: string }[];
}

interface Described {
  readonly name?: unknown;
  readonly initTrack?: unknown;
  readonly selectionParams?: { readonly codec?: unknown };
}

const maxTracks = 16;

/** Throws an Error with one sentence when the bytes are no catalog that can be played. */
export function readCatalog(bytes: Uint8Array): Catalog {
  const { tracks } = JSON.parse(new TextDecoder().decode(bytes)) as { tracks?: unknown };
  if (!Array.isArray(tracks) || tracks.length === 0) throw new Error("The catalog of the broadcast names no tracks.");
  const described = tracks.slice(0, maxTracks) as Described[];
  return {
    initTrack: String(described[0]?.initTrack ?? "0.mp4"),
    tracks: described.map(({ name, selectionParams }) => ({
      name: String(name),
      codec: String(selectionParams?.codec),
    })),
  };
}
