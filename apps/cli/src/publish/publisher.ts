/** What every format of `moqb pub` is: bytes in, groups and objects out. */
import { type GroupProducer, ObjectStatus, type SubgroupProducer, type TrackProducer } from "@moqingbird/model";

export interface Publisher {
  /** Groups begun so far, over all tracks. */
  readonly groups: number;
  /** Takes the next bytes of the input; the chunk may be reused afterwards. */
  write(chunk: Uint8Array): void;
  /** The input is over: completes what is open and finishes the tracks. */
  end(): void;
}

/** A group being written, all in one stream. */
export interface OpenGroup {
  readonly producer: GroupProducer;
  readonly stream: SubgroupProducer;
}

/** Begins the track's next group. */
export function openGroup(track: TrackProducer): OpenGroup {
  const producer = track.appendGroup();
  return { producer, stream: producer.subgroup(0, { endOfGroup: true }) };
}

export function finishGroup({ producer, stream }: OpenGroup): void {
  stream.finish();
  producer.finish();
}

/**
 * Finishes a track after saying where it ends (an object of status "end of track", moq-transport-14 section "Object
 * Status"), so that a subscriber can tell when its last groups were lost on the way. It goes into the last group: as a group
 * of its own it would be the newest, and relays that pass on the newest only would drop the one before.
 */
export function finishTrack(track: TrackProducer, last?: OpenGroup): void {
  if (track.ending !== undefined) return;
  const group = last ?? openGroup(track);
  group.stream.begin(group.stream.nextId, 0, ObjectStatus.endOfTrack);
  finishGroup(group);
  track.finish();
}
