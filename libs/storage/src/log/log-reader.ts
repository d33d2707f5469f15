import { OperationalError, type Crc32c, type Logger, type Offset } from '@millrace/foundation';
import type { Segment } from '../segment/segment.js';
import type { ReadRequest, ReadResult } from './contract.js';
import { cutBatches, type Cut, type CutRequest } from './cut-batches.js';
import type { LogConfig } from './log-config.js';
import type { ReadBuffers } from './read-buffers.js';
import { floorSegment } from './segment-list.js';
import type { Tail } from './tail-memory.js';

const NO_BYTES = new Uint8Array(0);
/** Up to here a read from the page cache is quicker on the spot than by the thread pool. */
const SYNC_READ_BYTES_MAX = 64 * 1024;
const READ_BYTES_MIN = 16 * 1024;
/** What one call brings at most, unless a single batch is larger. */
const READ_BYTES_MAX = 8 * 1024 * 1024;

/** What the reader sees of its log, at any moment. */
export interface ReadableLog {
  readonly segments: readonly Segment[];
  readonly logStartOffset: Offset;
  readonly logEndOffset: Offset;
  readonly config: LogConfig;
  /** Changes whenever bytes that could be read before are gone. */
  readonly truncationCount: number;
}

interface Plan {
  readonly segment: Segment;
  readonly position: number;
  readonly cut: CutRequest;
}

/** Serves reads of one log: from memory where it can, on the spot when little is wanted from the disk, else by the thread pool. */
export class LogReader {
  constructor(private readonly log: ReadableLog, private readonly tail: Tail, private readonly buffers: ReadBuffers, private readonly crc32c: Crc32c, private readonly logger: Logger) {}

  read(request: ReadRequest): ReadResult | Promise<ReadResult> {
    const { offset } = request;
    const { logStartOffset, logEndOffset } = this.log;
    if (offset < logStartOffset || offset > logEndOffset) {
      throw new OperationalError('OFFSET_OUT_OF_RANGE', `offset ${offset} is not within ${logStartOffset}..${logEndOffset}`);
    }
    const maxOffset = Math.min(request.maxOffset ?? logEndOffset, logEndOffset);
    if (offset >= maxOffset) return nothing(offset);
    return this.readFromMemory(request, maxOffset) ?? this.readOnTheSpot(request, maxOffset) ?? this.readInBackground(request, maxOffset);
  }

  private readFromMemory(request: ReadRequest, maxOffset: Offset): ReadResult | undefined {
    const block = this.tail.find(request.offset);
    if (block === undefined) return undefined;
    const segment = this.log.segments[floorSegment(this.log.segments, block.segmentBaseOffset)];
    if (segment === undefined) return undefined;
    const indexed = (segment.loadIndexes()?.offsets.positionFor(request.offset) ?? 0) - block.filePosition;
    const cut = cutBatches(block.bytes, Math.max(0, indexed), block.length, {
      ...limits(request, maxOffset),
      baseOffset: block.segmentBaseOffset,
      isIndexed: indexed >= 0,
      crc32c: undefined,
    });
    if (cut.kind === 'short' || cut.kind === 'suspect') return undefined;
    block.readers += 1;
    return resultOf(cut, block.bytes, request.offset, once(() => (block.readers -= 1)));
  }

  /** Undefined when it takes more than a small read, or when something looks wrong. */
  private readOnTheSpot(request: ReadRequest, maxOffset: Offset): ReadResult | undefined {
    if (request.maxBytes > SYNC_READ_BYTES_MAX) return undefined;
    const segment = this.log.segments[floorSegment(this.log.segments, request.offset)];
    const indexes = segment?.loadIndexes();
    if (segment === undefined || indexes === undefined) return undefined;
    const plan = this.planIn(segment, indexes.offsets.positionFor(request.offset), request, maxOffset);
    const buffer = Buffer.allocUnsafe(Math.min(plan.segment.bytes - plan.position, Math.max(request.maxBytes, READ_BYTES_MIN)));
    const length = plan.segment.file.readSync(buffer, plan.position);
    const cut = cutBatches(buffer, 0, length, plan.cut);
    return cut.kind === 'short' || cut.kind === 'suspect' ? undefined : resultOf(cut, buffer, request.offset, release);
  }

  private async readInBackground(request: ReadRequest, maxOffset: Offset): Promise<ReadResult> {
    for (;;) {
      const { truncationCount } = this.log;
      const segment = this.log.segments[floorSegment(this.log.segments, request.offset)];
      if (segment === undefined) return nothing(request.offset);
      try {
        const outcome = await this.readSegment(segment, request, maxOffset);
        if (this.log.truncationCount !== truncationCount) return await this.readAgain(request);
        if (outcome === 'behind') return await this.readBehindGap(request, segment);
        if (outcome !== 'again') return outcome;
      } catch (error) {
        // Its files were removed: what was asked for stands in another segment, or nowhere any more.
        if (this.log.segments.includes(segment)) throw error;
        return this.readAgain(request);
      }
    }
  }

  /** `again`: its indexes were made anew. */
  private async readSegment(segment: Segment, request: ReadRequest, maxOffset: Offset): Promise<ReadResult | 'behind' | 'again'> {
    const indexes = segment.loadIndexes();
    if (indexes === undefined) {
      if (!segment.canRebuildIndexes) throw corrupt(segment, 0, 'its indexes cannot be rebuilt');
      await this.rebuildIndexes(segment, 'index files are missing or cannot be right');
      return 'again';
    }
    const { truncationCount } = this.log;
    const outcome = await this.readPlanned(this.planIn(segment, indexes.offsets.positionFor(request.offset), request, maxOffset), request);
    if (outcome === 'behind' || !('problem' in outcome)) return outcome;
    if (this.log.truncationCount !== truncationCount) return 'again';
    if (!segment.canRebuildIndexes) throw corrupt(segment, outcome.position, outcome.problem);
    await this.rebuildIndexes(segment, outcome.problem);
    return 'again';
  }

  /** The log was cut or emptied while the disk was read: what came may be neither the old nor the new bytes. */
  private readAgain(request: ReadRequest): ReadResult | Promise<ReadResult> {
    return this.read(request);
  }

  /** The cleaner may leave no batch between an offset and the end of its segment: it goes on there, whichever segments there are by now. */
  private readBehindGap(request: ReadRequest, segment: Segment): ReadResult | Promise<ReadResult> {
    if (segment.endOffset <= request.offset) return nothing(request.offset);
    return this.read({ ...request, offset: Math.max(segment.endOffset, this.log.logStartOffset) });
  }

  private planIn(segment: Segment, position: number, request: ReadRequest, maxOffset: Offset): Plan {
    return { segment, position, cut: { ...limits(request, maxOffset), baseOffset: segment.baseOffset, isIndexed: position > 0, crc32c: this.crc32c } };
  }

  private async readPlanned(plan: Plan, request: ReadRequest): Promise<ReadResult | 'behind' | { readonly problem: string; readonly position: number }> {
    const { segment } = plan;
    const file = segment.file;
    const segmentBytes = segment.bytes;
    let { position } = plan;
    let cutRequest = plan.cut;
    let wanted = Math.min(Math.max(request.maxBytes, READ_BYTES_MIN), READ_BYTES_MAX);
    for (;;) {
      if (position === segmentBytes) return 'behind';
      const length = Math.min(wanted, segmentBytes - position);
      const buffer = this.buffers.take(length);
      const read = await file.read(buffer.subarray(0, length), position);
      const cut = cutBatches(buffer, 0, read, cutRequest);
      if (cut.kind !== 'short' && cut.kind !== 'suspect') return resultOf(cut, buffer, request.offset, once(() => this.buffers.give(buffer)));
      this.buffers.give(buffer);
      if (cut.kind === 'suspect') return { problem: cut.problem, position: position + cut.at };
      position += cut.at;
      if (position !== segmentBytes && (position + cut.size > segmentBytes || read < length)) return { problem: 'the batch does not end within the file', position };
      wanted = Math.max(wanted, cut.size);
      cutRequest = cut.at > 0 ? { ...cutRequest, isIndexed: false } : cutRequest;
    }
  }

  private async rebuildIndexes(segment: Segment, problem: string): Promise<void> {
    this.logger.warn({ segment: segment.path('.log'), problem }, 'index does not fit its log; rebuilding it from the log');
    await segment.rebuildIndexes({ indexIntervalBytes: this.log.config.indexIntervalBytes });
    segment.writeOutIndexes();
  }
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

function limits(request: ReadRequest, maxOffset: Offset): Pick<CutRequest, 'offset' | 'maxBytes' | 'maxOffset' | 'minOneBatch'> {
  return { offset: request.offset, maxBytes: request.maxBytes, maxOffset, minOneBatch: request.minOneBatch === true };
}

function resultOf(cut: Exclude<Cut, { kind: 'short' } | { kind: 'suspect' }>, bytes: Uint8Array, offset: Offset, giveBack: () => void): ReadResult {
  if (cut.kind === 'batches') return { bytes: bytes.subarray(cut.start, cut.end), baseOffset: cut.baseOffset, nextOffset: cut.nextOffset, isFirstBatchTooLarge: false, release: giveBack };
  giveBack();
  return { bytes: NO_BYTES, baseOffset: offset, nextOffset: offset, isFirstBatchTooLarge: cut.kind === 'tooLarge', release };
}

function nothing(offset: Offset): ReadResult {
  return { bytes: NO_BYTES, baseOffset: offset, nextOffset: offset, isFirstBatchTooLarge: false, release };
}

function release(): void {
  // Memory that is not pooled has nobody to go back to.
}

function corrupt(segment: Segment, position: number, problem: string): OperationalError {
  return new OperationalError('CORRUPT_MESSAGE', `batch at ${position} of ${segment.path('.log')} cannot be read: ${problem}`);
}
