/** What every format of `moqb pub` is: bytes in, groups and objects out. */
import { ObjectStatus, type TrackProducer } from "@moqingbird/model";

export interface Publisher {
  /** Groups begun so far, over all tracks. */
  readonly groups: number;
  /** Takes the next bytes of the input; the chunk may be reused afterwards. */
  write(chunk: Uint8Array): void;
  /** The input is over: completes what is open and finishes the tracks. */
  end(): void;
}

/**
 * Finishes a track after saying where it ends (an object of status "end of track", moq-transport-14 section "Object
 * Status"), so that a subscriber can tell when its last groups were lost on the way.
 */
export function finishTrack(track: TrackProducer): void {
  if (track.ending !== undefined) return;
  const group = track.appendGroup();
  const stream = group.subgroup(0, { endOfGroup: true });
  stream.begin(0, 0, ObjectStatus.endOfTrack);
  stream.finish();
  group.finish();
  track.finish();
}
