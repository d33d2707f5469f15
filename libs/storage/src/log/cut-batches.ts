import type { Crc32c, Offset } from '@millrace/foundation';
import { BATCH_HEADER_BYTES, batchBaseOffsetAt, batchLastOffsetAt, batchSizeAt, isBatchCrcValid } from '@millrace/records';
import { frameProblem } from '../segment/batch-scan.js';

export interface CutRequest {
  readonly offset: Offset;
  readonly maxBytes: number;
  readonly maxOffset: Offset;
  readonly minOneBatch: boolean;
  /** Of the segment. */
  readonly baseOffset: Offset;
  /** The position came from an index: the batch there cannot begin behind `offset`. */
  readonly isIndexed: boolean;
  /** Invariant 6: bytes that come from the disk are checked before they are handed out. */
  readonly crc32c: Crc32c | undefined;
}

export type Cut =
  | { readonly kind: 'batches'; readonly start: number; readonly end: number; readonly baseOffset: Offset; readonly nextOffset: Offset }
  /** The first batch is not below `maxOffset`. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'tooLarge' }
  /** `size` bytes from `at` on are needed to go on. */
  | { readonly kind: 'short'; readonly at: number; readonly size: number }
  | { readonly kind: 'suspect'; readonly at: number; readonly problem: string };

/**
 * Finds, in bytes[from, to) that begin with a batch, the batch that contains the offset (or the first behind it), and as many whole ones from there on as the request allows.
 * A bad batch behind good ones only ends the cut: whoever reads on meets it as the first.
 */
export function cutBatches(bytes: Uint8Array, from: number, to: number, request: CutRequest): Cut {
  const { offset, maxBytes, maxOffset, crc32c } = request;
  let at = from;
  let nextOffset = request.baseOffset;
  for (;;) {
    if (to - at < BATCH_HEADER_BYTES) return { kind: 'short', at, size: BATCH_HEADER_BYTES };
    const problem = frameProblem(bytes, at, nextOffset, request.baseOffset);
    if (problem !== undefined) return { kind: 'suspect', at, problem };
    if (request.isIndexed && at === from && batchBaseOffsetAt(bytes, at) > offset) return { kind: 'suspect', at, problem: 'the index points behind the offset' };
    const lastOffset = batchLastOffsetAt(bytes, at);
    if (lastOffset >= offset) break;
    nextOffset = lastOffset + 1;
    at += batchSizeAt(bytes, at);
    if (at > to) return { kind: 'short', at, size: BATCH_HEADER_BYTES };
  }
  const start = at;
  const baseOffset = batchBaseOffsetAt(bytes, start);
  if (batchLastOffsetAt(bytes, start) >= maxOffset) return { kind: 'empty' };
  const firstSize = batchSizeAt(bytes, start);
  if (firstSize > maxBytes && !request.minOneBatch) return { kind: 'tooLarge' };
  if (firstSize > to - start) return { kind: 'short', at: start, size: firstSize };
  const limit = Math.min(to, start + Math.max(maxBytes, firstSize));
  while (limit - at >= BATCH_HEADER_BYTES) {
    const isFirst = at === start;
    const problem = isFirst ? undefined : frameProblem(bytes, at, nextOffset, request.baseOffset);
    const size = batchSizeAt(bytes, at);
    if (problem !== undefined || at + size > limit) break;
    const lastOffset = batchLastOffsetAt(bytes, at);
    if (lastOffset >= maxOffset) break;
    if (crc32c !== undefined && !isBatchCrcValid(bytes, at, crc32c)) {
      if (isFirst) return { kind: 'suspect', at, problem: 'wrong CRC' };
      break;
    }
    nextOffset = lastOffset + 1;
    at += size;
  }
  return { kind: 'batches', start, end: at, baseOffset, nextOffset };
}
