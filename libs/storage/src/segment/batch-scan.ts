import type { Crc32c, FilePosition, Offset } from '@millrace/foundation';
import { BATCH_HEADER_BYTES, batchBaseOffsetAt, batchLastOffsetAt, batchMagicAt, batchSizeAt, isBatchCrcValid } from '@millrace/records';
import type { OpenFile } from '../fs/file-system.js';
import { RELATIVE_OFFSET_MAX } from './offset-index.js';

const CHUNK_BYTES = 1024 * 1024;

export interface ScanOptions {
  readonly from: FilePosition;
  readonly to: FilePosition;
  /** Of the segment: no batch stands below it or more than int32 above. */
  readonly baseOffset: Offset;
  /** Checks each batch's CRC when given. */
  readonly crc32c?: Crc32c;
}

export interface ScanEnd {
  /** Behind the last good batch. */
  readonly position: FilePosition;
  /** Offset behind the last good batch; the segment's base when there was none. */
  readonly nextOffset: Offset;
  /** Why the scan ended before `to`; undefined when all was good. */
  readonly problem: string | undefined;
}

/** Sees a good batch, which starts at `at` in `bytes` and at `position` in the file. The bytes are used again for later batches. False ends the scan behind this batch. */
export type BatchVisitor = (bytes: Uint8Array, at: number, position: FilePosition) => boolean | void;

/** What is wrong with the frame of the batch at `at`, whose 61 bytes of header are there. */
export function frameProblem(bytes: Uint8Array, at: number, nextOffset: Offset, baseOffset: Offset): string | undefined {
  const size = batchSizeAt(bytes, at);
  if (size < BATCH_HEADER_BYTES) return `impossible batch size ${size}`;
  if (batchMagicAt(bytes, at) !== 2) return `magic ${batchMagicAt(bytes, at)}`;
  const first = batchBaseOffsetAt(bytes, at);
  const last = batchLastOffsetAt(bytes, at);
  if (first < nextOffset) return `offset ${first} goes back below ${nextOffset}`;
  if (last < first) return `last offset ${last} is below the base offset ${first}`;
  if (last - baseOffset > RELATIVE_OFFSET_MAX) return `offset ${last} is too far from the segment's base ${baseOffset}`;
  return undefined;
}

/** Walks the batches of a file range, in larger asynchronous reads. Stops at the first batch that is not right. */
export async function scanBatches(file: OpenFile, options: ScanOptions, visit: BatchVisitor): Promise<ScanEnd> {
  const { from, to, baseOffset, crc32c } = options;
  let buffer: Uint8Array = Buffer.allocUnsafeSlow(Math.max(BATCH_HEADER_BYTES, Math.min(CHUNK_BYTES, to - from)));
  let position = from;
  let nextOffset = baseOffset;
  const end = (problem: string | undefined): ScanEnd => ({ position, nextOffset, problem });
  for (;;) {
    if (position === to) return end(undefined);
    const length = await file.read(buffer.subarray(0, Math.min(buffer.length, to - position)), position);
    const chunkPosition = position;
    let at = 0;
    while (at < length) {
      if (length - at < BATCH_HEADER_BYTES) break;
      const problem = frameProblem(buffer, at, nextOffset, baseOffset);
      if (problem !== undefined) return end(problem);
      const size = batchSizeAt(buffer, at);
      if (position + size > to) return end(`the batch has ${size} bytes, ${to - position} are there`);
      if (at + size > length) break;
      if (crc32c !== undefined && !isBatchCrcValid(buffer, at, crc32c)) return end('wrong CRC');
      nextOffset = batchLastOffsetAt(buffer, at) + 1;
      const goesOn = visit(buffer, at, position);
      at += size;
      position += size;
      if (goesOn === false) return end(undefined);
    }
    if (position > chunkPosition) continue;
    if (to - position < BATCH_HEADER_BYTES || length < BATCH_HEADER_BYTES) return end(`${Math.min(to - position, length)} bytes are no batch header`);
    const size = batchSizeAt(buffer, 0);
    if (length === Math.min(buffer.length, to - position) && buffer.length < size) buffer = Buffer.allocUnsafeSlow(size);
    else return end(`the file ends at ${position + length}`);
  }
}
