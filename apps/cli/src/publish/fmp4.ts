/**
 * `--format fmp4`: fragmented MP4 in, the layout of moq-pub 0.8 out. Tracks `.catalog` and `0.mp4` have one group of one
 * object for ever; track `<id>.m4s` has one object per fragment (moof and mdat together, draft-ietf-moq-cmsf-00 section
 * 3.3) and a group that starts at each key frame of the picture, in every track at once, so that all can be joined there.
 */
import type { BroadcastProducer, GroupProducer, SubgroupProducer, TrackProducer } from "@moqingbird/model";
import { Failure } from "../failure.ts";
import { Mp4Error } from "../fmp4/box.ts";
import { catalogTrackName, initTrackName, mediaTrackName, writeCatalog } from "../fmp4/catalog.ts";
import { type Fragment, parseFragment } from "../fmp4/fragment.ts";
import { type MovieTrack, parseMovie } from "../fmp4/movie.ts";
import { BoxSplitter, type TopBox } from "../fmp4/splitter.ts";
import type { Publisher } from "./publisher.ts";

/** Sound without a picture has no key frames: it starts a group this often, in milliseconds of media. */
const audioGroupMs = 1000;

interface MediaTrack {
  readonly movie: MovieTrack;
  readonly producer: TrackProducer;
  group: { producer: GroupProducer; stream: SubgroupProducer; startMs: number } | undefined;
}

export interface Fmp4Options {
  /** Namespace as the catalog names it. */
  readonly namespace: string;
  /** Called once the tracks are known and exist. */
  readonly onTracks?: (tracks: readonly TrackProducer[]) => void;
}

export class Fmp4Publisher implements Publisher {
  readonly #broadcast: BroadcastProducer;
  readonly #options: Fmp4Options;
  readonly #splitter = new BoxSplitter();
  readonly #catalog: TrackProducer;
  readonly #init: TrackProducer;
  #ftyp: Uint8Array | undefined;
  #tracks: ReadonlyMap<number, MediaTrack> | undefined;
  #movie: ReadonlyMap<number, MovieTrack> = new Map();
  #fragment: { moof: TopBox; fragment: Fragment } | undefined;
  #hasVideo = false;
  groups = 0;

  constructor(broadcast: BroadcastProducer, options: Fmp4Options) {
    this.#broadcast = broadcast;
    this.#options = options;
    this.#catalog = broadcast.createTrack(catalogTrackName, { priority: 0 });
    this.#init = broadcast.createTrack(initTrackName, { priority: 0 });
  }

  write(chunk: Uint8Array): void {
    try {
      for (const box of this.#splitter.push(chunk)) this.#take(box);
    } catch (error) {
      if (!(error instanceof Mp4Error)) throw error;
      throw new Failure(
        "input-output",
        `the input is not fragmented MP4: ${error.message}; make it with ffmpeg -f mp4 -movflags +frag_keyframe+empty_moov+default_base_moof+separate_moof`,
        { cause: error },
      );
    }
  }

  end(): void {
    const cut = !this.#splitter.idle || this.#fragment !== undefined;
    for (const track of this.#tracks?.values() ?? []) {
      endGroup(track);
      track.producer.finish();
    }
    this.#init.finish();
    this.#catalog.finish();
    if (this.#tracks === undefined) {
      throw new Failure(
        "input-output",
        "the input ended before its moov box; give it fragmented MP4, init segment first",
      );
    }
    if (cut)
      throw new Failure(
        "input-output",
        "the input ended inside a fragment; it was published without its last fragment",
      );
  }

  #take(box: TopBox): void {
    switch (box.type) {
      case "ftyp":
        this.#ftyp ??= box.bytes;
        break;
      case "moov":
        if (this.#tracks === undefined) this.#start(box);
        break;
      case "moof":
        if (this.#fragment !== undefined) throw new Mp4Error("moof follows moof without an mdat", box.offset);
        this.#fragment = { moof: box, fragment: locate(box, () => parseFragment(box.bytes, this.#movie)) };
        break;
      case "mdat":
        this.#publish(box);
        break;
      default: // styp, sidx, emsg, free …: the peers' layout has no place for them
    }
  }

  #start(moov: TopBox): void {
    if (this.#ftyp === undefined) throw new Mp4Error("moov before ftyp", moov.offset);
    const movie = locate(moov, () => parseMovie(moov.bytes));
    this.#movie = new Map(movie.map((track) => [track.id, track]));
    this.#hasVideo = movie.some(({ kind }) => kind === "video");
    const init = new Uint8Array(this.#ftyp.length + moov.bytes.length);
    init.set(this.#ftyp);
    init.set(moov.bytes, this.#ftyp.length);
    onlyObject(this.#init, init);
    this.#tracks = new Map(
      movie.map((track): [number, MediaTrack] => {
        const producer = this.#broadcast.createTrack(mediaTrackName(track.id), { priority: 127 });
        return [track.id, { movie: track, producer, group: undefined }];
      }),
    );
    // The catalog last: whoever reads it may subscribe to the tracks it names at once.
    onlyObject(this.#catalog, new TextEncoder().encode(writeCatalog(this.#options.namespace, movie)));
    this.#options.onTracks?.([...this.#tracks.values()].map(({ producer }) => producer));
  }

  #publish(mdat: TopBox): void {
    if (this.#fragment === undefined) throw new Mp4Error("mdat without a moof before it", mdat.offset);
    const { moof, fragment } = this.#fragment;
    this.#fragment = undefined;
    const track = this.#tracks?.get(fragment.track.id);
    if (track === undefined) throw new Mp4Error("fragment before moov", moof.offset);
    this.#startGroups(track, fragment);
    track.group ??= this.#openGroup(track, fragment);
    const { stream } = track.group;
    stream.begin(stream.nextId, moof.bytes.length + mdat.bytes.length);
    stream.write(moof.bytes);
    stream.write(mdat.bytes);
  }

  /** Ends the groups that this fragment's key frame, or the clock of a broadcast without picture, leaves behind. */
  #startGroups(track: MediaTrack, fragment: Fragment): void {
    if (!fragment.startsWithSync) return;
    if (track.movie.kind === "video") for (const each of this.#tracks?.values() ?? []) endGroup(each);
    else if (!this.#hasVideo && track.group !== undefined && timeMs(fragment) - track.group.startMs >= audioGroupMs) {
      endGroup(track);
    }
  }

  #openGroup(track: MediaTrack, fragment: Fragment) {
    const producer = track.producer.appendGroup();
    this.groups++;
    return { producer, stream: producer.subgroup(0, { endOfGroup: true }), startMs: timeMs(fragment) };
  }
}

function endGroup(track: MediaTrack): void {
  track.group?.stream.finish();
  track.group?.producer.finish();
  track.group = undefined;
}

function timeMs(fragment: Fragment): number {
  return (fragment.decodeTime * 1000) / fragment.track.timescale;
}

/** A track's one group with its one object. */
function onlyObject(track: TrackProducer, bytes: Uint8Array): void {
  const group = track.appendGroup();
  const stream = group.subgroup(0, { endOfGroup: true });
  stream.writeObject(bytes);
  stream.finish();
  group.finish();
}

/** Runs a parser of one box; its offsets become offsets in the stream. */
function locate<T>(box: TopBox, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Mp4Error) throw error.within(box.offset);
    throw error;
  }
}
