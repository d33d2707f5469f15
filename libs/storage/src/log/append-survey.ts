import { invariant, type Offset, type TimestampMs } from '@millrace/foundation';
import { BATCH_HEADER_BYTES, batchBaseOffsetAt, batchLastOffsetAt, batchMaxTimestampAt, batchSizeAt } from '@millrace/records';
import { frameProblem } from '../segment/batch-scan.js';
import type { AppendOrigin } from './contract.js';

export interface AppendSurvey {
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  readonly maxTimestampMs: TimestampMs;
  readonly batchCount: number;
}

/** Walks the frames of what is to be appended. Anything unexpected is a fault of the caller, who has validated the batches. */
export function surveyAppend(bytes: Uint8Array, logEndOffset: Offset, origin: AppendOrigin): AppendSurvey {
  invariant(bytes.length > 0, 'an append holds a batch');
  let expected = logEndOffset;
  let maxTimestampMs = -1;
  let batchCount = 0;
  for (let at = 0; at < bytes.length; ) {
    invariant(bytes.length - at >= BATCH_HEADER_BYTES, 'an append holds whole batches');
    const baseOffset = batchBaseOffsetAt(bytes, at);
    if (origin === 'replication' ? baseOffset < expected : baseOffset !== expected) invariant(false, `a batch at offset ${baseOffset} is appended where ${expected} is due`);
    const problem = frameProblem(bytes, at, expected, baseOffset);
    if (problem !== undefined) invariant(false, `an append holds well-formed batches: ${problem}`);
    const size = batchSizeAt(bytes, at);
    invariant(at + size <= bytes.length, 'an append holds whole batches');
    maxTimestampMs = Math.max(maxTimestampMs, batchMaxTimestampAt(bytes, at));
    expected = batchLastOffsetAt(bytes, at) + 1;
    batchCount += 1;
    at += size;
  }
  return { baseOffset: batchBaseOffsetAt(bytes, 0), lastOffset: expected - 1, maxTimestampMs, batchCount };
}
