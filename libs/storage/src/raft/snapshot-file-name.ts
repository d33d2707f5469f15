import type { LeaderEpoch, Offset } from '@millrace/foundation';

export const CHECKPOINT_SUFFIX = '.checkpoint';
/** While it is written. */
export const CHECKPOINT_PART_SUFFIX = '.checkpoint.part';

/** A snapshot of a metadata log: everything below `endOffset`, of which the last record was written in `epoch`. */
export interface SnapshotId {
  readonly endOffset: Offset;
  readonly epoch: LeaderEpoch;
}

export function snapshotFileName(id: SnapshotId, suffix: string = CHECKPOINT_SUFFIX): string {
  return `${String(id.endOffset).padStart(20, '0')}-${String(id.epoch).padStart(10, '0')}${suffix}`;
}

/** Undefined for any other file, a part or a deleted one included. */
export function parseSnapshotFileName(name: string): SnapshotId | undefined {
  const match = /^(\d{20})-(\d{10})\.checkpoint$/.exec(name);
  return match === null ? undefined : { endOffset: Number(match[1]), epoch: Number(match[2]) };
}
