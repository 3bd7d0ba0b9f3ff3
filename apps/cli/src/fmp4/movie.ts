/**
 * The `moov` box of a fragmented MP4: its tracks with what a catalog and the fragment parser need.
 * ISO/IEC 14496-12 sections 8.2-8.8; codec strings after RFC 6381, ISO/IEC 14496-15 annex E and the codecs' own bindings.
 */
import { type Box, boxes, FieldReader, findBox, Mp4Error } from "./box.ts";

export interface MovieTrack {
  readonly id: number;
  readonly kind: "video" | "audio" | "other";
  /** Units per second of this track's times. */
  readonly timescale: number;
  /** Codec string for browsers, such as `avc1.4d400d` or `mp4a.40.2`; the sample entry's name when it is not known. */
  readonly codec: string;
  readonly width?: number;
  readonly height?: number;
  readonly sampleRate?: number;
  readonly channels?: number;
  /** Bits per second as the elementary stream descriptor states it, when it does. */
  readonly bitrate?: number;
  /** Sample flags of `trex`: what a sample has when its fragment says nothing. */
  readonly defaultSampleFlags: number;
  /** Sample duration of `trex`, in timescale units. */
  readonly defaultSampleDuration: number;
}

/** Most tracks a movie may declare. A catalog of more would not fit common players anyway. */
const mostTracks = 64;

/** Reads a whole `moov` box. A movie without tracks, or with a track that lacks its headers, is an `Mp4Error`. */
export function parseMovie(moov: Uint8Array): MovieTrack[] {
  const top = findBox(moov, 0, moov.length, "moov");
  if (top === undefined) throw new Mp4Error("moov box expected", 0);
  const defaults = trackDefaults(moov, top);
  const tracks: MovieTrack[] = [];
  for (const box of boxes(moov, top.body, top.end)) {
    if (box.type !== "trak") continue;
    if (tracks.length === mostTracks) throw new Mp4Error(`more than ${mostTracks} tracks`, box.start);
    const track = parseTrack(moov, box, defaults);
    if (tracks.some((other) => other.id === track.id)) throw new Mp4Error(`track ${track.id} twice`, box.start);
    tracks.push(track);
  }
  if (tracks.length === 0) throw new Mp4Error("no track in moov", top.start);
  return tracks;
}

/** `mvex/trex`: defaults per track id. */
function trackDefaults(moov: Uint8Array, top: Box): Map<number, { duration: number; flags: number }> {
  const defaults = new Map<number, { duration: number; flags: number }>();
  const mvex = findBox(moov, top.body, top.end, "mvex");
  if (mvex === undefined) return defaults;
  for (const box of boxes(moov, mvex.body, mvex.end)) {
    if (box.type !== "trex") continue;
    const fields = new FieldReader(moov, box.body, box.end).skip(4);
    const id = fields.u32();
    fields.skip(4); // default_sample_description_index
    const duration = fields.u32();
    fields.skip(4); // default_sample_size
    defaults.set(id, { duration, flags: fields.u32() });
  }
  return defaults;
}

function parseTrack(
  moov: Uint8Array,
  trak: Box,
  defaults: ReadonlyMap<number, { duration: number; flags: number }>,
): MovieTrack {
  const within = (...path: string[]): Box => {
    const box = findBox(moov, trak.body, trak.end, ...path);
    if (box === undefined) throw new Mp4Error(`track without ${path.join("/")}`, trak.start);
    return box;
  };
  const tkhd = within("tkhd");
  const header = new FieldReader(moov, tkhd.body, tkhd.end);
  header.skip(header.full().version === 1 ? 16 : 8);
  const id = header.u32();

  const mdhd = within("mdia", "mdhd");
  const media = new FieldReader(moov, mdhd.body, mdhd.end);
  media.skip(media.full().version === 1 ? 16 : 8);
  const timescale = media.u32();
  if (timescale === 0) throw new Mp4Error(`track ${id} has a timescale of 0`, mdhd.start);

  const hdlr = within("mdia", "hdlr");
  const handler = new FieldReader(moov, hdlr.body, hdlr.end).skip(8).type();
  const kind = handler === "vide" ? "video" : handler === "soun" ? "audio" : "other";

  const stsd = within("mdia", "minf", "stbl", "stsd");
  const [entry] = boxes(moov, stsd.body + 8, stsd.end);
  if (entry === undefined) throw new Mp4Error(`track ${id} has no sample description`, stsd.start);
  const preset = defaults.get(id);
  return {
    id,
    kind,
    timescale,
    defaultSampleFlags: preset?.flags ?? 0,
    defaultSampleDuration: preset?.duration ?? 0,
    ...(kind === "video"
      ? videoEntry(moov, entry)
      : kind === "audio"
        ? audioEntry(moov, entry)
        : { codec: entry.type.trim() }),
  };
}

/** VisualSampleEntry (section 12.1.3): 78 bytes of fields, then the codec's configuration box. */
function videoEntry(moov: Uint8Array, entry: Box): Pick<MovieTrack, "codec" | "width" | "height"> {
  const fields = new FieldReader(moov, entry.body, entry.end).skip(24);
  const width = fields.u16();
  const height = fields.u16();
  fields.skip(50);
  return { codec: videoCodec(moov, entry, fields.at), width, height };
}

function videoCodec(moov: Uint8Array, entry: Box, children: number): string {
  const config = (type: string): FieldReader | undefined => {
    const box = findBox(moov, children, entry.end, type);
    return box && new FieldReader(moov, box.body, box.end);
  };
  const name = entry.type;
  switch (name) {
    case "avc1":
    case "avc3": {
      const avcC = config("avcC");
      if (avcC === undefined) return name;
      const profile = [avcC.skip(1).u8(), avcC.u8(), avcC.u8()];
      return `${name}.${profile.map(hex).join("").toUpperCase()}`;
    }
    case "hvc1":
    case "hev1": {
      const hvcC = config("hvcC");
      return hvcC === undefined ? name : `${name}.${hevcProfile(hvcC)}`;
    }
    case "av01": {
      const av1C = config("av1C")?.skip(1);
      if (av1C === undefined) return name;
      const profile = av1C.u8();
      const depth = av1C.u8();
      const bits = depth & 0x40 ? (depth & 0x20 ? 12 : 10) : 8;
      return `av01.${profile >> 5}.${decimal(profile & 31)}${depth & 0x80 ? "H" : "M"}.${decimal(bits)}`;
    }
    case "vp08":
    case "vp09": {
      const vpcC = config("vpcC")?.skip(4);
      if (vpcC === undefined) return name;
      const profile = vpcC.u8();
      const level = vpcC.u8();
      return `${name}.${decimal(profile)}.${decimal(level)}.${decimal(vpcC.u8() >> 4)}`;
    }
    default:
      return name.trim();
  }
}

/** ISO/IEC 14496-15 annex E.3: profile, reversed compatibility flags, tier and level, constraint bytes. */
function hevcProfile(hvcC: FieldReader): string {
  const first = hvcC.skip(1).u8();
  let compatibility = hvcC.u32();
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) {
    reversed = ((reversed << 1) | (compatibility & 1)) >>> 0;
    compatibility >>>= 1;
  }
  const constraints = Array.from({ length: 6 }, () => hvcC.u8());
  while (constraints.length > 0 && constraints.at(-1) === 0) constraints.pop();
  const space = ["", "A", "B", "C"][first >> 6];
  const tier = first & 0x20 ? "H" : "L";
  return [
    `${space}${first & 31}`,
    reversed.toString(16).toUpperCase(),
    `${tier}${hvcC.u8()}`,
    ...constraints.map((byte) => byte.toString(16).toUpperCase()),
  ].join(".");
}

/** AudioSampleEntry (section 12.2.3): 28 bytes of fields, then the codec's configuration box. */
function audioEntry(moov: Uint8Array, entry: Box): Pick<MovieTrack, "codec" | "channels" | "sampleRate" | "bitrate"> {
  const fields = new FieldReader(moov, entry.body, entry.end).skip(16);
  const channels = fields.u16();
  fields.skip(6); // sample size, pre_defined, reserved
  const sampleRate = fields.u16(); // 16.16 fixed point; the fraction is never used
  fields.skip(2);
  const shape = { channels, sampleRate };
  if (entry.type === "Opus") return { codec: "opus", ...shape };
  if (entry.type === "fLaC") return { codec: "flac", ...shape };
  const esds = entry.type === "mp4a" ? findBox(moov, fields.at, entry.end, "esds") : undefined;
  if (esds === undefined) return { codec: entry.type.trim(), ...shape };
  return { ...elementaryStream(new FieldReader(moov, esds.body + 4, esds.end)), ...shape };
}

/** ES_Descriptor > DecoderConfigDescriptor > DecoderSpecificInfo (ISO/IEC 14496-1 section 7.2.6). */
function elementaryStream(fields: FieldReader): Pick<MovieTrack, "codec" | "bitrate"> {
  if (descriptor(fields) !== 0x03) return { codec: "mp4a" };
  const flags = fields.skip(2).u8();
  if (flags & 0x80) fields.skip(2);
  if (flags & 0x40) fields.skip(fields.u8());
  if (flags & 0x20) fields.skip(2);
  if (descriptor(fields) !== 0x04) return { codec: "mp4a" };
  const objectType = fields.u8();
  fields.skip(4);
  const bitrate = Math.max(fields.u32(), fields.u32());
  let codec = `mp4a.${hex(objectType)}`;
  if (objectType === 0x40 && fields.remaining > 2 && descriptor(fields) === 0x05) {
    const first = fields.u8();
    const audioObjectType = first >> 3;
    codec += `.${audioObjectType === 31 ? 32 + (((first & 7) << 3) | (fields.u8() >> 5)) : audioObjectType}`;
  }
  return bitrate > 0 ? { codec, bitrate } : { codec };
}

/** Tag of the next descriptor; its length (one to four bytes of seven bits) is read over. */
function descriptor(fields: FieldReader): number {
  const tag = fields.u8();
  for (let count = 0; count < 4; count++) if ((fields.u8() & 0x80) === 0) break;
  return tag;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function decimal(value: number): string {
  return value.toString().padStart(2, "0");
}
