/** Fragmented MP4 as this suite needs it: which bytes belong to which track at which time. Not a parser for anything else. */

export interface Fragment {
  /** track_ID of the moof's only traf. */
  readonly track: number;
  /** Decode time of its first sample, in seconds. */
  readonly seconds: number;
  /** The moof with its mdat. */
  readonly bytes: Buffer;
}

export interface Movie {
  /** ftyp and moov. */
  readonly header: Buffer;
  /** In the order of the file. */
  readonly fragments: readonly Fragment[];
  /** track_IDs in the order of the moov. */
  readonly tracks: readonly number[];
}

interface Box {
  readonly type: string;
  readonly bytes: Buffer;
  readonly content: Buffer;
}

/** Reads a whole file. Boxes other than ftyp, moov, moof and mdat are passed over. Throws at anything out of order. */
export function parseMovie(file: Buffer): Movie {
  const header: Buffer[] = [];
  const fragments: Fragment[] = [];
  const timescales = new Map<number, number>();
  let moof: Box | undefined;
  for (const box of boxes(file)) {
    if (box.type === "ftyp" || box.type === "moov") header.push(box.bytes);
    if (box.type === "moov") for (const trak of children(box, "trak")) timescales.set(...describeTrack(trak));
    if (box.type === "moof") {
      if (moof !== undefined) throw new Error("Two moof boxes follow each other without an mdat.");
      moof = box;
    }
    if (box.type === "mdat") {
      if (moof === undefined) throw new Error("An mdat follows no moof.");
      fragments.push(describeFragment(moof, box, timescales));
      moof = undefined;
    }
  }
  return { header: Buffer.concat(header), fragments, tracks: [...timescales.keys()] };
}

function* boxes(bytes: Buffer): Generator<Box> {
  for (let at = 0; at < bytes.length; ) {
    const size = at + 8 <= bytes.length ? bytes.readUInt32BE(at) : 0;
    if (size < 8 || at + size > bytes.length) throw new Error(`No whole box stands at byte ${at} of ${bytes.length}.`);
    const box = bytes.subarray(at, at + size);
    yield { type: box.toString("latin1", 4, 8), bytes: box, content: box.subarray(8) };
    at += size;
  }
}

const children = (box: Box, type: string): Box[] => [...boxes(box.content)].filter((child) => child.type === type);

function find(box: Box, ...path: string[]): Box {
  return path.reduce((parent, type) => {
    const [only, ...more] = children(parent, type);
    if (only === undefined || more.length > 0) throw new Error(`One ${type} was expected in a ${parent.type}.`);
    return only;
  }, box);
}

/** track_ID and timescale. Version 1 of a full box has 64-bit times before them. */
function describeTrack(trak: Box): [number, number] {
  const tkhd = find(trak, "tkhd").content;
  const mdhd = find(trak, "mdia", "mdhd").content;
  return [tkhd.readUInt32BE(tkhd[0] === 1 ? 20 : 12), mdhd.readUInt32BE(mdhd[0] === 1 ? 20 : 12)];
}

function describeFragment(moof: Box, mdat: Box, timescales: ReadonlyMap<number, number>): Fragment {
  const traf = find(moof, "traf");
  const track = find(traf, "tfhd").content.readUInt32BE(4);
  const tfdt = find(traf, "tfdt").content;
  const time = tfdt[0] === 1 ? Number(tfdt.readBigUInt64BE(4)) : tfdt.readUInt32BE(4);
  const timescale = timescales.get(track);
  if (timescale === undefined) throw new Error(`The moov describes no track ${track}.`);
  return { track, seconds: time / timescale, bytes: Buffer.concat([moof.bytes, mdat.bytes]) };
}
