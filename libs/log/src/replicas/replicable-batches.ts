import type { Crc32c, LeaderEpoch, Offset } from '@millrace/foundation';
import { BATCH_HEADER_BYTES, batchBaseOffsetAt, batchLastOffsetAt, batchLeaderEpochAt, batchMagicAt, batchSizeAt, isBatchCrcValid } from '@millrace/records';

export interface ReplicationLimits {
  readonly logEndOffset: Offset;
  /** Batches of a later epoch than the one that this follower knows of are not taken: who leads in it is yet to be heard. */
  readonly leaderEpoch: LeaderEpoch;
  readonly crc32c: Crc32c;
}

export type ReplicableBatches =
  /** Whole, right and in order; what comes behind is left to the next fetch. May be empty. */
  | { readonly kind: 'batches'; readonly bytes: Uint8Array }
  | { readonly kind: 'corrupt'; readonly problem: string }
  /** The first batch begins below the end of the log. */
  | { readonly kind: 'startsBefore'; readonly baseOffset: Offset; readonly lastOffset: Offset };

/** What of a leader's answer may be appended as it is. A batch that is not right behind right ones ends them; it is met again as the first of the next answer. */
export function replicableBatches(bytes: Uint8Array, { logEndOffset, leaderEpoch, crc32c }: ReplicationLimits): ReplicableBatches {
  let expected = logEndOffset;
  let at = 0;
  while (bytes.length - at >= BATCH_HEADER_BYTES) {
    const size = batchSizeAt(bytes, at);
    if (size >= BATCH_HEADER_BYTES && at + size > bytes.length) break;
    const problem = problemOf(bytes, at, size, crc32c);
    if (problem !== undefined) {
      if (at === 0) return { kind: 'corrupt', problem };
      break;
    }
    const baseOffset = batchBaseOffsetAt(bytes, at);
    if (baseOffset < expected) {
      if (at === 0) return { kind: 'startsBefore', baseOffset, lastOffset: batchLastOffsetAt(bytes, at) };
      break;
    }
    if (batchLeaderEpochAt(bytes, at) > leaderEpoch) break;
    expected = batchLastOffsetAt(bytes, at) + 1;
    at += size;
  }
  return { kind: 'batches', bytes: at === bytes.length ? bytes : bytes.subarray(0, at) };
}

function problemOf(bytes: Uint8Array, at: number, size: number, crc32c: Crc32c): string | undefined {
  if (size < BATCH_HEADER_BYTES) return `impossible batch size ${size}`;
  if (batchMagicAt(bytes, at) !== 2) return `magic ${batchMagicAt(bytes, at)}`;
  if (batchLastOffsetAt(bytes, at) < batchBaseOffsetAt(bytes, at)) return `last offset ${batchLastOffsetAt(bytes, at)} is below the base offset ${batchBaseOffsetAt(bytes, at)}`;
  return isBatchCrcValid(bytes, at, crc32c) ? undefined : 'wrong CRC';
}
