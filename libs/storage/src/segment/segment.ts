import type { Crc32c, FilePosition, Offset, TimestampMs } from '@millrace/foundation';
import { BATCH_HEADER_BYTES, batchLastOffsetAt, batchMaxTimestampAt, batchSizeAt } from '@millrace/records';
import { syncFile } from '../fs/whole-file.js';
import type { FileSystem, OpenFile } from '../fs/file-system.js';
import { scanBatches, type BatchVisitor, type ScanEnd } from './batch-scan.js';
import { OffsetIndex } from './offset-index.js';
import { DELETED_SUFFIX, LOG_SUFFIX, OFFSET_INDEX_SUFFIX, offsetFileName, SEGMENT_SUFFIXES, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX } from './segment-names.js';
import { TimeIndex } from './time-index.js';
import { TransactionIndex } from './transaction-index.js';

interface Indexes {
  readonly offsets: OffsetIndex;
  readonly times: TimeIndex;
}

/** A run of a partition's log: one file of batches and its indexes, which are loaded when first needed. */
export class Segment {
  /** Exclusive. */
  endOffset: Offset;
  bytes: number;
  private openFile: OpenFile | undefined;
  private indexes: Indexes | undefined;
  private transactionIndex: TransactionIndex | undefined;
  /** True once the indexes were made from the log by this process. */
  private areIndexesRebuilt = false;
  private bytesSinceIndexEntry = 0;
  private firstBatchTimestampMs: TimestampMs = -1;
  private largestTimestamp: { timestampMs: TimestampMs; offset: Offset } | undefined;
  private lastUse = 0;
  /** Behind the names of all its files: `.cleaned` while it is made, `.deleted` once it belongs to the log no more. */
  private nameSuffix = '';

  private constructor(private readonly fileSystem: FileSystem, readonly folder: string, readonly baseOffset: Offset, bytes: number, private createdMs: TimestampMs) {
    this.endOffset = baseOffset;
    this.bytes = bytes;
  }

  /** A segment that is on the disk. `endOffset` must be set by who knows it. */
  static found(fileSystem: FileSystem, folder: string, file: { readonly baseOffset: Offset; readonly bytes: number; readonly modifiedMs: TimestampMs }): Segment {
    return new Segment(fileSystem, folder, file.baseOffset, file.bytes, file.modifiedMs);
  }

  /** A new, empty one. What a failed attempt left under its names is cut away. */
  static create(fileSystem: FileSystem, folder: string, baseOffset: Offset, nowMs: TimestampMs, nameSuffix = ''): Segment {
    const segment = new Segment(fileSystem, folder, baseOffset, 0, nowMs);
    segment.nameSuffix = nameSuffix;
    const file = fileSystem.open(segment.path(LOG_SUFFIX), 'write');
    try {
      file.truncate(0);
      segment.resetIndexes();
      segment.writeOutIndexes();
    } catch (error) {
      file.close();
      throw error;
    }
    segment.openFile = file;
    return segment;
  }

  path(suffix: string): string {
    return `${this.folder}/${offsetFileName(this.baseOffset, suffix)}${this.nameSuffix}`;
  }

  get isOpen(): boolean {
    return this.openFile !== undefined || this.indexes !== undefined || this.transactionIndex !== undefined;
  }

  /** Grows with each use, over all segments: the least recently used one is closed first. */
  get recency(): number {
    return this.lastUse;
  }

  get file(): OpenFile {
    this.lastUse = ++uses;
    return (this.openFile ??= this.fileSystem.open(this.path(LOG_SUFFIX), 'update'));
  }

  /** Undefined when the files cannot be right: `rebuildIndexes` makes them anew. */
  loadIndexes(): Indexes | undefined {
    if (this.indexes !== undefined) return this.indexes;
    const offsets = OffsetIndex.load(this.fileSystem, this.path(OFFSET_INDEX_SUFFIX), this.baseOffset, this.bytes);
    const times = TimeIndex.load(this.fileSystem, this.path(TIME_INDEX_SUFFIX), this.baseOffset, this.endOffset);
    if (offsets === undefined || times === undefined) return undefined;
    // A finished or closed segment's time index has at least its largest timestamp, unless its batches carry none.
    if (times.count === 0 && this.readFirstTimestamp() >= 0) return undefined;
    return (this.indexes = { offsets, times });
  }

  /** Of the first batch; -1 when it carries none or there is no batch. */
  readFirstTimestamp(): TimestampMs {
    if (this.bytes < BATCH_HEADER_BYTES) return -1;
    const header = Buffer.allocUnsafe(BATCH_HEADER_BYTES);
    return this.file.readSync(header, 0) === BATCH_HEADER_BYTES ? batchMaxTimestampAt(header, 0) : -1;
  }

  get canRebuildIndexes(): boolean {
    return !this.areIndexesRebuilt;
  }

  /** Undefined when the file cannot be right. */
  get transactions(): TransactionIndex | undefined {
    return (this.transactionIndex ??= TransactionIndex.load(this.fileSystem, this.path(TRANSACTION_INDEX_SUFFIX), this.baseOffset, this.endOffset));
  }

  resetTransactions(): TransactionIndex {
    return (this.transactionIndex = TransactionIndex.empty(this.fileSystem, this.path(TRANSACTION_INDEX_SUFFIX)));
  }

  /** Writes to the page cache; the caller tells `noteBatch` of each batch, and cuts the file back when this fails. */
  append(bytes: Uint8Array): void {
    this.file.append(bytes);
    this.bytes += bytes.length;
  }

  /** Index upkeep for the batch at `at`, which stands at `position` of the file. */
  noteBatch(bytes: Uint8Array, at: number, position: FilePosition, indexIntervalBytes: number): void {
    const lastOffset = batchLastOffsetAt(bytes, at);
    const timestampMs = batchMaxTimestampAt(bytes, at);
    if (position === 0) this.firstBatchTimestampMs = timestampMs;
    if (timestampMs > this.largest.timestampMs) this.largestTimestamp = { timestampMs, offset: lastOffset };
    if (this.bytesSinceIndexEntry > indexIntervalBytes && this.indexes !== undefined) {
      this.indexes.offsets.add(lastOffset, position);
      this.indexes.times.add(this.largest.timestampMs, this.largest.offset);
      this.bytesSinceIndexEntry = 0;
    }
    this.bytesSinceIndexEntry += batchSizeAt(bytes, at);
    this.endOffset = lastOffset + 1;
  }

  /** The largest timestamp of its batches and the last offset of the first batch that has it; -1 when none has one. Loads the time index. */
  get largest(): { readonly timestampMs: TimestampMs; readonly offset: Offset } {
    if (this.largestTimestamp === undefined) {
      const times = this.loadIndexes()?.times;
      if (times === undefined) return { timestampMs: -1, offset: this.baseOffset };
      this.largestTimestamp = { timestampMs: times.lastTimestampMs, offset: times.lastOffset };
    }
    return this.largestTimestamp;
  }

  /** When it was begun; what retention goes by when its batches carry no timestamps. */
  get createdAtMs(): TimestampMs {
    return this.createdMs;
  }

  /** For retention: a segment without timestamps has the age of its file. */
  get retentionTimestampMs(): TimestampMs {
    return this.largest.timestampMs >= 0 ? this.largest.timestampMs : this.createdMs;
  }

  areIndexesFull(segmentIndexBytes: number): boolean {
    return this.indexes !== undefined && (this.indexes.offsets.bytes + 8 > segmentIndexBytes || this.indexes.times.bytes + 12 > segmentIndexBytes);
  }

  /** How long the segment has been filled, by the time of the next batch, or by the clock when batches carry none. */
  fillingForMs(nextTimestampMs: TimestampMs, nowMs: TimestampMs): number {
    return this.firstBatchTimestampMs >= 0 && nextTimestampMs >= 0 ? nextTimestampMs - this.firstBatchTimestampMs : nowMs - this.createdMs;
  }

  /** The last entry of a finished segment's time index tells its largest timestamp. */
  seal(): void {
    this.indexes?.times.add(this.largest.timestampMs, this.largest.offset);
    this.writeOutIndexes();
  }

  get isIndexWriteDue(): boolean {
    return this.indexes !== undefined && this.indexes.offsets.isWriteDue;
  }

  writeOutIndexes(): void {
    // The names of its indexes may belong to the segment that has taken its place.
    if (this.nameSuffix === DELETED_SUFFIX) return;
    this.indexes?.offsets.writeOut();
    this.indexes?.times.writeOut();
    this.transactionIndex?.writeOut();
  }

  async sync(what: 'log' | 'all'): Promise<void> {
    await (this.openFile === undefined ? syncFile(this.fileSystem, this.path(LOG_SUFFIX)) : this.openFile.sync());
    if (what === 'log') return;
    await this.indexes?.offsets.sync();
    await this.indexes?.times.sync();
    await this.transactionIndex?.sync();
  }

  resetIndexes(): void {
    this.indexes = {
      offsets: OffsetIndex.empty(this.fileSystem, this.path(OFFSET_INDEX_SUFFIX), this.baseOffset),
      times: TimeIndex.empty(this.fileSystem, this.path(TIME_INDEX_SUFFIX), this.baseOffset),
    };
    this.largestTimestamp = { timestampMs: -1, offset: this.baseOffset };
    this.bytesSinceIndexEntry = 0;
    this.firstBatchTimestampMs = -1;
  }

  /**
   * Makes both indexes from the log, up to the first byte that is not a batch. With `crc32c` the content is checked as well. Batches may be appended meanwhile: they are
   * taken along.
   */
  async rebuildIndexes(options: { readonly indexIntervalBytes: number; readonly crc32c?: Crc32c; readonly visit?: BatchVisitor }): Promise<ScanEnd> {
    const rebuilt = new Segment(this.fileSystem, this.folder, this.baseOffset, this.bytes, this.createdMs);
    rebuilt.nameSuffix = this.nameSuffix;
    rebuilt.resetIndexes();
    let end: ScanEnd = { position: 0, nextOffset: this.baseOffset, problem: undefined };
    do {
      end = await scanBatches(this.file, { from: end.position, to: this.bytes, baseOffset: this.baseOffset, crc32c: options.crc32c }, (bytes, at, position) => {
        rebuilt.noteBatch(bytes, at, position, options.indexIntervalBytes);
        return options.visit?.(bytes, at, position);
      });
    } while (end.problem === undefined && end.position < this.bytes);
    this.indexes = rebuilt.indexes;
    this.largestTimestamp = rebuilt.largestTimestamp;
    this.bytesSinceIndexEntry = rebuilt.bytesSinceIndexEntry;
    this.firstBatchTimestampMs = rebuilt.firstBatchTimestampMs;
    this.areIndexesRebuilt = true;
    this.indexes?.times.add(this.largest.timestampMs, this.largest.offset);
    return end;
  }

  /** Takes over the state that a scan of the batches behind the last index entry found, for a segment that goes on to grow. */
  resume(state: { readonly endOffset: Offset; readonly firstBatchTimestampMs: TimestampMs; readonly largest: { readonly timestampMs: TimestampMs; readonly offset: Offset } }): void {
    this.endOffset = state.endOffset;
    this.firstBatchTimestampMs = state.firstBatchTimestampMs;
    this.largestTimestamp = state.largest;
    this.bytesSinceIndexEntry = this.bytes - (this.indexes?.offsets.lastPosition ?? 0);
  }

  /** Cuts the file; index entries of `offset` and behind it go. The caller has scanned where `offset` stands. */
  truncateTo(position: FilePosition, offset: Offset, nowMs: TimestampMs): void {
    this.file.truncate(position);
    this.bytes = position;
    this.endOffset = offset;
    this.indexes?.offsets.truncateTo(offset);
    this.indexes?.times.truncateTo(offset);
    this.transactions?.truncateTo(offset);
    if (position === 0) {
      this.createdMs = nowMs;
      this.resetIndexes();
    }
  }

  /** Gives the files' names up; they are removed later. Returns the new names. Who reads it goes on undisturbed until it is closed. */
  markDeleted(names: ReadonlySet<string> = new Set(this.fileSystem.list(this.folder).map((it) => it.name))): string[] {
    const renamed: string[] = [];
    for (const suffix of SEGMENT_SUFFIXES) {
      if (!names.has(offsetFileName(this.baseOffset, suffix))) continue;
      const path = this.path(suffix);
      this.fileSystem.rename(path, path + DELETED_SUFFIX);
      renamed.push(path + DELETED_SUFFIX);
    }
    this.nameSuffix = DELETED_SUFFIX;
    return renamed;
  }

  /** Memory and descriptor are given back; the next use opens it again. */
  close(): void {
    this.openFile?.close();
    this.openFile = undefined;
    this.indexes = undefined;
    this.transactionIndex = undefined;
  }
}

let uses = 0;
