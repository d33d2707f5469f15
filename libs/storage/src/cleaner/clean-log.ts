import type { Clock, Codecs, Offset } from '@millrace/foundation';
import {
  BatchFilter,
  batchDeleteHorizonAt,
  batchLastOffsetAt,
  batchProducerEpochAt,
  batchProducerIdAt,
  batchRecordCountAt,
  batchSizeAt,
  emptyBatch,
  isControlBatchAt,
  RecordCursor,
} from '@millrace/records';
import type { FileSystem, OpenFile } from '../fs/file-system.js';
import { LOG_SUFFIX, offsetFileName } from '../segment/segment-names.js';
import { BatchSource } from './batch-source.js';
import { CleanerMemory } from './cleaner-memory.js';
import { CleanedSegment } from './cleaned-segment.js';
import { CleanedTransactions } from './cleaned-transactions.js';
import type { CleanedGroup, CleaningJob, CleaningResult, CleaningStats, SourceSegment } from './cleaning-job.js';
import { KeyHash } from './key-hash.js';
import { OFFSET_MAP_SPAN_MAX, OffsetMap } from './offset-map.js';
import { groupSegments } from './segment-groups.js';

export interface CleaningOptions {
  readonly fileSystem: FileSystem;
  readonly codecs: Codecs;
  readonly clock: Clock;
  /** Of this cleaner, from one cleaning to the next; new by default. */
  readonly memory?: CleanerMemory;
  /** What the map of keys may take at the most. */
  readonly mapBytes: number;
  readonly mapLoadFactor: number;
  /**
   * Asked between batches, with the bytes read and written since the last time: a promise to wait for (a throttle, a slice of time that is over), or undefined to go on. Rejects
   * to end the cleaning.
   */
  readonly pace: (bytes: number) => Promise<void> | undefined;
  /** A group is ready to take its sources' place; the next one is begun when it has. */
  readonly onGroup: (group: CleanedGroup) => Promise<void>;
}

/**
 * Compacts a partition's log: of each key the last record stays, tombstones and markers stay until their horizon. Reads the dirty part once for its keys, then rewrites every
 * group of segments. Offsets and order never change. Works on files alone and touches none that is there: who asked puts the new ones in their place (`onGroup`).
 */
export async function cleanLog(job: CleaningJob, options: CleaningOptions): Promise<CleaningResult> {
  return new Cleaning(job, options).run();
}

class Cleaning {
  private readonly stats: CleaningStats = { indexBytesRead: 0, bytesRead: 0, bytesWritten: 0, recordsRead: 0, recordsWritten: 0, keylessRecords: 0, indexMs: 0, totalMs: 0, mapUtilization: 0 };
  private readonly memory: CleanerMemory;
  private readonly map: OffsetMap;
  private readonly filter: BatchFilter;
  /** The last offset whose key is in the map, or was looked at. Records behind it stay. */
  private mappedTo: Offset;

  constructor(private readonly job: CleaningJob, private readonly options: CleaningOptions) {
    const { firstDirtyOffset, firstUncleanableOffset } = job;
    this.memory = options.memory ?? new CleanerMemory();
    this.map = new OffsetMap(new KeyHash(job.hashSecret), firstDirtyOffset, {
      memory: this.memory,
      memoryBytes: options.mapBytes,
      loadFactor: options.mapLoadFactor,
      keysMax: Math.max(1, firstUncleanableOffset - firstDirtyOffset),
    });
    this.filter = new BatchFilter(options.codecs, job.decompressedBytesMax);
    this.mappedTo = firstDirtyOffset - 1;
  }

  async run(): Promise<CleaningResult> {
    const { job, stats, options } = this;
    const startedMs = options.clock.monotonicMs();
    await this.buildMap();
    const nextDirtyOffset = this.mappedTo + 1;
    stats.indexMs = options.clock.monotonicMs() - startedMs;
    let current: CleanedSegment | undefined;
    const transactions = new CleanedTransactions(job.abortedTransactions, options.codecs, (it) => current?.addAborted(it));
    const within = job.segments.filter((it) => it.baseOffset < nextDirtyOffset);
    for (const sources of groupSegments(within, job)) {
      current = new CleanedSegment(options.fileSystem, job.folder, sources[0]!.baseOffset, { indexIntervalBytes: job.indexIntervalBytes, buffer: this.memory.writing, nowMs: job.nowMs });
      try {
        for (const source of sources) await this.cleanInto(current, source, transactions);
        await current.finish();
      } catch (error) {
        current.abandon();
        throw error;
      }
      await options.onGroup({ sources, bytes: current.bytes, hasTransactionIndex: current.hasTransactionIndex });
    }
    stats.mapUtilization = this.map.utilization;
    stats.totalMs = options.clock.monotonicMs() - startedMs;
    return { nextDirtyOffset, stats };
  }

  private async buildMap(): Promise<void> {
    const { job, stats } = this;
    const transactions = new CleanedTransactions(job.abortedTransactions.filter((it) => it.lastOffset >= job.firstDirtyOffset), this.options.codecs, () => undefined);
    const cursor = new RecordCursor();
    for (const segment of job.segments) {
      if (segment.endOffset <= job.firstDirtyOffset) continue;
      let isFull = false;
      await this.walk(segment, (bytes, at) => {
        stats.indexBytesRead += batchSizeAt(bytes, at);
        const lastOffset = batchLastOffsetAt(bytes, at);
        if (isControlBatchAt(bytes, at)) transactions.isMarkerOfNothing(bytes, at);
        else if (!transactions.isAborted(bytes, at) && lastOffset >= job.firstDirtyOffset && !this.mapBatch(cursor, bytes, at)) {
          isFull = true;
          return false;
        }
        if (lastOffset >= job.firstDirtyOffset) this.mappedTo = lastOffset;
        return true;
      });
      if (isFull) return;
      // A gap at the end of the segment holds no keys.
      this.mappedTo = segment.endOffset - 1;
    }
  }

  /** False: the map is full, and `mappedTo` is the last record that went in. */
  private mapBatch(cursor: RecordCursor, bytes: Uint8Array, at: number): boolean {
    const { map, job } = this;
    cursor.reset(bytes, at, this.options.codecs, job.decompressedBytesMax);
    while (cursor.next()) {
      if (cursor.keyStart < 0 || cursor.offset < job.firstDirtyOffset) continue;
      if (map.isFull || cursor.offset - job.firstDirtyOffset > OFFSET_MAP_SPAN_MAX) return false;
      map.put(cursor.bytes, cursor.keyStart, cursor.keyEnd, cursor.offset);
      this.mappedTo = cursor.offset;
    }
    return true;
  }

  private async cleanInto(target: CleanedSegment, source: SourceSegment, transactions: CleanedTransactions): Promise<void> {
    const { job, stats, options, filter } = this;
    const { crc32c } = options.codecs;
    let arePastRecordsGone = false;
    const keep = (record: RecordCursor): boolean => {
      stats.recordsRead += 1;
      return !arePastRecordsGone && this.isKept(record, horizonMs, isControl);
    };
    let isControl = false;
    let horizonMs: number | undefined;
    await this.walk(source, (bytes, at) => {
      const size = batchSizeAt(bytes, at);
      stats.bytesRead += size;
      isControl = isControlBatchAt(bytes, at);
      horizonMs = batchDeleteHorizonAt(bytes, at);
      const isUseless = isControl ? transactions.isMarkerOfNothing(bytes, at) : transactions.isAborted(bytes, at);
      arePastRecordsGone = isUseless && (!isControl || (horizonMs !== undefined && horizonMs <= job.nowMs));
      const mustStay = this.mustStay(bytes, at, isControl);
      if (arePastRecordsGone && !mustStay) {
        stats.recordsRead += Math.max(0, batchRecordCountAt(bytes, at));
        return true;
      }
      const filtered = filter.filter(bytes, at, { keep, deleteHorizonMs: job.nowMs + job.deleteRetentionMs, mustHaveHorizon: isUseless && isControl });
      const before = target.bytes;
      if (filtered.kind === 'same') target.add(bytes, at);
      else if (filtered.kind === 'rewritten') target.add(filtered.batch, 0);
      else if (mustStay) target.add(emptyBatch(bytes, at, crc32c), 0);
      if (filtered.kind !== 'none') stats.recordsWritten += filtered.recordsKept;
      stats.bytesWritten += target.bytes - before;
      return true;
    });
    filter.release();
  }

  private isKept(record: RecordCursor, horizonMs: number | undefined, isControl: boolean): boolean {
    if (isControl || record.offset > this.mappedTo) return true;
    if (record.keyStart < 0) {
      this.stats.keylessRecords += 1;
      return false;
    }
    if (record.offset < this.map.get(record.bytes, record.keyStart, record.keyEnd)) return false;
    return record.valueStart >= 0 || horizonMs === undefined || this.job.nowMs < horizonMs;
  }

  /** Even without records: the last batch of a producer keeps its sequence and its epoch, the last one of all keeps the end of what was cleaned. */
  private mustStay(bytes: Uint8Array, at: number, isControl: boolean): boolean {
    const lastOffset = batchLastOffsetAt(bytes, at);
    if (lastOffset + 1 === this.job.firstUncleanableOffset) return true;
    const producerId = batchProducerIdAt(bytes, at);
    const last = producerId < 0 ? undefined : this.job.lastRecords.get(producerId);
    if (last === undefined) return false;
    return last.lastDataOffset >= 0 ? lastOffset === last.lastDataOffset : isControl && batchProducerEpochAt(bytes, at) === last.producerEpoch;
  }

  /** False from the visitor ends the walk. */
  private async walk(segment: SourceSegment, visit: (bytes: Uint8Array, at: number) => boolean): Promise<void> {
    const { fileSystem, codecs, pace } = this.options;
    const path = `${this.job.folder}/${offsetFileName(segment.baseOffset, LOG_SUFFIX)}`;
    const file: OpenFile = fileSystem.open(path, 'read');
    try {
      const source = new BatchSource(file, this.memory, { to: segment.bytes, baseOffset: segment.baseOffset, crc32c: codecs.crc32c });
      while ((await source.read()) > 0) {
        while (source.next()) {
          const written = this.stats.bytesWritten;
          if (!visit(source.bytes, source.at)) return;
          const rest = pace(batchSizeAt(source.bytes, source.at) + this.stats.bytesWritten - written);
          if (rest !== undefined) await rest;
        }
      }
    } finally {
      file.close();
    }
  }
}
