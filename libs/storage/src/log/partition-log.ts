import { errorMessage, hasCode, invariant, OperationalError, topicPartitionName, type LeaderEpoch, type Offset, type TimestampMs, type Uuid } from '@millrace/foundation';
import { batchSizeAt } from '@millrace/records';
import type { CleanedGroup } from '../cleaner/cleaning-job.js';
import { sourcesIn, swapIn } from '../cleaner/swap-in.js';
import type { ProducerSnapshots } from '../producer/producer-snapshots.js';
import type { ProducerStateTable } from '../producer/producer-state-table.js';
import { RELATIVE_OFFSET_MAX } from '../segment/offset-index.js';
import { cutPointFor, resumeSegment } from '../segment/segment-cut.js';
import { offsetFileName } from '../segment/segment-names.js';
import { Segment } from '../segment/segment.js';
import { surveyAppend, type AppendSurvey } from './append-survey.js';
import { applyBatch } from './batch-effects.js';
import type { AbortedTransaction, AppendInfo, AppendOptions, EpochEndOffset, PartitionLogOptions, ReadRequest, ReadResult, TimestampOffset } from './contract.js';
import type { EpochStart, LeaderEpochs } from './leader-epochs.js';
import { segmentMsMax, type LogConfig } from './log-config.js';
import { claimFolder } from './log-folder.js';
import { LogReader } from './log-reader.js';
import { recoverLog, type RecoveredLog } from './log-recovery.js';
import { PendingDeletions } from './pending-deletions.js';
import { ReadBuffers } from './read-buffers.js';
import { deletableSegments } from './retention.js';
import { closeLeastRecent, floorSegment, replayBatches } from './segment-list.js';
import { Tail, TailMemory } from './tail-memory.js';
import { findLargestTimestamp, findOffsetByTimestamp, loadAllIndexes, type TimestampSearch } from './timestamp-search.js';

const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024;

/**
 * One partition's log on the disk, in Apache Kafka's file formats.
 *
 * Appends, rolls and retention are synchronous calls into the page cache; fsync, larger reads, searches and truncation are asynchronous. There are no timers inside: the owner
 * asks `isFlushDue`, `deleteOldSegments` and `removeDeletedFiles` when it sees fit. Errors are OperationalErrors: `OFFSET_OUT_OF_RANGE`, `CORRUPT_MESSAGE`,
 * `STORAGE_FULL` (this write was refused, the log is as before), and `KAFKA_STORAGE_ERROR` once the log is offline, for good.
 */
export class PartitionLog {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: Uuid | undefined;
  readonly producers: ProducerStateTable;
  /** Changes whenever bytes that could be read before are gone. */
  truncationCount = 0;

  private readonly segmentList: Segment[];
  private readonly epochs: LeaderEpochs;
  private readonly snapshots: ProducerSnapshots;
  private readonly tail: Tail;
  private readonly reader: LogReader;
  private readonly deletions: PendingDeletions;
  private settings: LogConfig;
  private startOffset: Offset;
  private syncedOffset: Offset;
  private rollJitterMs = 0;
  private lastFlushMs: number;
  private flushUnderWay: Promise<void> | undefined;
  private areNamesUnsynced = true;
  private truncation: Promise<void> | undefined;
  private isClosed = false;
  private hasIndexWriteFailed = false;
  private offline: OperationalError | undefined;
  private readonly openedAt: { readonly wallMs: number; readonly monotonicMs: number };

  private constructor(private readonly options: PartitionLogOptions, recovered: RecoveredLog, topicId: Uuid | undefined) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.topicId = topicId;
    this.settings = options.config;
    this.segmentList = recovered.segments;
    this.epochs = recovered.epochs;
    this.snapshots = recovered.snapshots;
    this.producers = recovered.producers;
    this.startOffset = recovered.logStartOffset;
    this.syncedOffset = recovered.recoveryPoint;
    this.openedAt = { wallMs: options.clock.nowMs(), monotonicMs: options.clock.monotonicMs() };
    this.lastFlushMs = this.openedAt.monotonicMs;
    this.tail = new Tail(options.tailMemory ?? new TailMemory(4 * 1024 * 1024));
    this.reader = new LogReader(this, this.tail, options.readBuffers ?? new ReadBuffers(4 * 1024 * 1024), options.codecs.crc32c, options.logger);
    this.deletions = new PendingDeletions(options.fileSystem, options.clock);
    this.deletions.add(recovered.deletedPaths, options.config.fileDeleteDelayMs);
    this.drawJitter();
  }

  /** Opens, and recovers if need be. Refuses a folder of another topic id with `INCONSISTENT_TOPIC_ID`. */
  static async open(options: PartitionLogOptions): Promise<PartitionLog> {
    options.fileSystem.makeFolder(options.folder);
    const topicId = claimFolder(options.fileSystem, options.folder, options.topicId);
    return new PartitionLog(options, await recoverLog(options), topicId);
  }

  get folder(): string {
    return this.options.folder;
  }

  get name(): string {
    return topicPartitionName(this);
  }

  get config(): LogConfig {
    return this.settings;
  }

  get logStartOffset(): Offset {
    return this.startOffset;
  }

  get logEndOffset(): Offset {
    return this.active.endOffset;
  }

  /** Below it everything is on the disk for good. */
  get recoveryPoint(): Offset {
    return this.syncedOffset;
  }

  get bytes(): number {
    return this.segmentList.reduce((sum, it) => sum + it.bytes, 0);
  }

  /** @internal */
  get segments(): readonly Segment[] {
    return this.segmentList;
  }

  /** The last stable offset is this, or the high watermark when there is none. */
  get firstUnstableOffset(): Offset | undefined {
    return this.producers.firstUnstableOffset;
  }

  /** -1 for none. */
  get latestEpoch(): LeaderEpoch {
    return this.epochs.latest?.epoch ?? -1;
  }

  get leaderEpochs(): readonly EpochStart[] {
    return this.epochs.all;
  }

  get offlineCause(): OperationalError | undefined {
    return this.offline;
  }

  updateConfig(config: LogConfig): void {
    this.settings = config;
    this.drawJitter();
  }

  /**
   * Appends whole, validated and stamped batches to the page cache. Invariant 3: they stand exactly at the log end offset (for `replication`: at it or behind it, upwards).
   * On failure the log is as it was before, or, when that cannot be brought about, offline.
   */
  append(bytes: Uint8Array, options: AppendOptions = {}): AppendInfo {
    this.expectUsable();
    invariant(this.truncation === undefined, 'nothing is appended while the log is cut');
    const survey = surveyAppend(bytes, this.logEndOffset, options.origin ?? 'client');
    const hasRolled = this.rollIfNeeded(bytes.length, survey);
    const segment = this.active;
    const position = segment.bytes;
    try {
      segment.append(bytes);
    } catch (error) {
      throw this.undoAppend(segment, position, error);
    }
    this.tail.append(segment.baseOffset, position, survey.baseOffset, bytes);
    const effects = { codecs: this.options.codecs, producers: this.producers, epochs: this.epochs, transactions: segment.transactions };
    for (let at = 0; at < bytes.length; at += batchSizeAt(bytes, at)) {
      segment.noteBatch(bytes, at, position + at, this.settings.indexIntervalBytes);
      applyBatch(bytes, at, effects);
    }
    if (segment.isIndexWriteDue || this.epochs.isWriteDue) this.writeOutQuietly();
    return {
      baseOffset: survey.baseOffset,
      lastOffset: survey.lastOffset,
      maxTimestampMs: survey.maxTimestampMs,
      batchCount: survey.batchCount,
      nextOffset: segment.endOffset,
      bytes: bytes.length,
      hasRolled,
      isFlushDue: segment.endOffset - this.syncedOffset >= this.settings.flushMessages,
    };
  }

  /**
   * Whole batches from the one that contains `offset`. From memory or in small amounts the answer is there at once, else it is a promise.
   * Invariant 6: bytes from the disk are handed out only with a right CRC; `CORRUPT_MESSAGE` otherwise.
   */
  read(request: ReadRequest): ReadResult | Promise<ReadResult> {
    this.expectUsable();
    const result = this.guarded(() => this.reader.read(request));
    if (!(result instanceof Promise)) return result;
    return this.guardedAsync(result).finally(() => this.closeIdleSegments());
  }

  /** The leader of a new epoch notes where it begins, also when it never appends. */
  assignLeaderEpoch(epoch: LeaderEpoch, startOffset: Offset = this.logEndOffset): void {
    this.expectUsable();
    this.epochs.assign(epoch, startOffset);
    this.writeOutQuietly();
  }

  endOffsetForEpoch(epoch: LeaderEpoch): EpochEndOffset {
    return this.epochs.endOffsetFor(epoch, this.logEndOffset);
  }

  /** -1 when it is not known. */
  epochAt(offset: Offset): LeaderEpoch {
    return this.epochs.epochAt(offset);
  }

  /** The first record that is at least as late. Throws `CORRUPT_MESSAGE`. */
  async offsetForTimestamp(timestampMs: TimestampMs): Promise<TimestampOffset | undefined> {
    return this.searching((search) => findOffsetByTimestamp(timestampMs, search));
  }

  /** The record with the largest timestamp (ListOffsets -3). */
  async maxTimestampOffset(): Promise<TimestampOffset | undefined> {
    return this.searching((search) => findLargestTimestamp(search));
  }

  /** Aborted transactions that have records in [fromOffset, toOffset), in order of their markers. A read_committed fetch names them. */
  abortedTransactions(fromOffset: Offset, toOffset: Offset): AbortedTransaction[] {
    const found: AbortedTransaction[] = [];
    for (const segment of this.segmentList.slice(Math.max(0, floorSegment(this.segmentList, fromOffset)))) {
      for (const it of this.guarded(() => segment.transactions)?.all ?? []) {
        if (it.lastOffset >= fromOffset && it.firstOffset < toOffset) found.push(it);
        if (it.lastStableOffset >= toOffset) return found;
      }
    }
    return found;
  }

  onHighWatermark(highWatermark: Offset): void {
    this.producers.onHighWatermark(highWatermark);
  }

  /**
   * Cuts off `offset` and everything behind it (a follower that diverged from its leader). Indexes, epochs and producer state follow. The new recovery point is durable first,
   * so that what grows over the cut is scanned after a crash. Nothing may be appended before it has resolved.
   */
  async truncateTo(offset: Offset): Promise<void> {
    this.expectUsable();
    if (offset >= this.logEndOffset) {
      // An epoch that this log began as a leader and never wrote in contradicts the leader that it follows now.
      this.epochs.truncateFromEnd(offset);
      this.writeOutQuietly();
      return;
    }
    if (offset < (this.segmentList[0]?.baseOffset ?? 0)) return this.truncateFullyAndStartAt(offset);
    await this.whileTruncating(Math.min(this.syncedOffset, offset), async () => {
      const keep = floorSegment(this.segmentList, offset) + 1;
      this.dropSegments(this.segmentList.splice(keep));
      const segment = this.active;
      if (segment.loadIndexes() === undefined) await segment.rebuildIndexes({ indexIntervalBytes: this.settings.indexIntervalBytes });
      const cut = await cutPointFor(segment, offset);
      segment.truncateTo(cut.position, cut.endOffset, this.options.clock.nowMs());
      const end = await resumeSegment(segment);
      if (end.problem !== undefined) throw new OperationalError('CORRUPT_MESSAGE', `${segment.path('.log')} cannot be read at ${end.position}: ${end.problem}`);
      segment.endOffset = cut.endOffset;
      segment.writeOutIndexes();
      this.epochs.truncateFromEnd(cut.endOffset);
      this.epochs.writeOut();
      this.snapshots.remove((it) => it > cut.endOffset);
      this.startOffset = Math.min(this.startOffset, cut.endOffset);
      this.syncedOffset = Math.min(this.syncedOffset, cut.endOffset);
      await this.reloadProducers();
    });
  }

  /** Drops everything; the log is empty and goes on at `offset` (a follower whose leader has no older records). */
  async truncateFullyAndStartAt(offset: Offset): Promise<void> {
    this.expectUsable();
    await this.whileTruncating(Math.min(this.syncedOffset, offset), async () => {
      this.dropSegments(this.segmentList.splice(0));
      this.segmentList.push(Segment.create(this.options.fileSystem, this.folder, offset, this.options.clock.nowMs()));
      this.startOffset = offset;
      this.epochs.truncateFromEnd(0);
      this.epochs.writeOut();
      this.snapshots.remove(() => true);
      this.producers.clear();
    });
  }

  /**
   * Records below `offset` are no longer readable (DeleteRecords); their segments go with the next `deleteOldSegments`. False when the log begins there or later already.
   * Durable with the next checkpoint of log start offsets.
   */
  advanceLogStartOffset(offset: Offset): boolean {
    this.expectUsable();
    if (offset > this.logEndOffset) throw new OperationalError('OFFSET_OUT_OF_RANGE', `log start offset ${offset} is behind the end of the log, ${this.logEndOffset}`);
    if (offset <= this.startOffset) return false;
    this.startOffset = offset;
    this.epochs.truncateFromStart(offset);
    this.writeOutQuietly();
    return true;
  }

  /**
   * Retention by time and size, and of what lies below the log start offset. Files get the suffix `.deleted` and go for good with `removeDeletedFiles`.
   * Time is measured so that a clock that jumps forward while the process runs deletes nothing early. Returns the number of segments.
   */
  deleteOldSegments(highWatermark: Offset): number {
    this.expectUsable();
    const count = deletableSegments(this.segmentList, { config: this.settings, logStartOffset: this.startOffset, highWatermark, nowMs: this.steadyNowMs() });
    if (count === 0) return 0;
    this.guarded(() => {
      if (count === this.segmentList.length) this.roll(this.logEndOffset);
      const deleted = this.segmentList.splice(0, count);
      const first = this.segmentList[0]?.baseOffset ?? this.startOffset;
      this.options.logger.info({ topic: this.topic, partition: this.partition, segments: deleted.map((it) => it.baseOffset), logStartOffset: Math.max(this.startOffset, first) }, 'old segments are deleted');
      this.startOffset = Math.max(this.startOffset, first);
      const bases = new Set(deleted.map((it) => it.baseOffset));
      this.dropSegments(deleted, 'oldest first');
      const latest = this.snapshots.latestOffset;
      this.snapshots.remove((it) => bases.has(it) && it !== latest);
      this.areNamesUnsynced = true;
    });
    this.epochs.truncateFromStart(this.startOffset);
    this.writeOutQuietly();
    this.closeIdleSegments();
    return count;
  }

  /**
   * Puts a cleaned segment in the place of those it was made from, at once for whoever reads next; durable when it resolves. False, and nothing has changed, when the log no longer
   * has them as they were. What was read before stays true: records that are gone now were superseded.
   */
  async replaceSegments(cleaned: CleanedGroup): Promise<boolean> {
    this.expectUsable();
    const old = sourcesIn(this.segmentList.slice(0, -1), cleaned);
    if (old === undefined || this.truncation !== undefined) return false;
    try {
      const { segment, deletions } = swapIn(cleaned, old, this.options.fileSystem);
      this.segmentList.splice(this.segmentList.indexOf(old[0]!), old.length, segment);
      this.tail.dropBelow(segment.endOffset);
      for (const it of deletions) this.deletions.add(it.paths, this.settings.fileDeleteDelayMs, it.segment);
      const latest = this.snapshots.latestOffset;
      this.snapshots.remove((offset) => offset !== latest && old.some((it, i) => i > 0 && it.baseOffset === offset));
      await this.options.fileSystem.syncFolder(this.folder);
    } catch (error) {
      throw this.goOffline(error);
    }
    return true;
  }

  /** Removes files whose `file.delete.delay.ms` is over. Returns how many. */
  removeDeletedFiles(): number {
    return this.guarded(() => this.deletions.removeDue());
  }

  /** By `flush.messages` or `flush.ms`. */
  isFlushDue(): boolean {
    const unflushed = this.logEndOffset - this.syncedOffset;
    return unflushed >= this.settings.flushMessages || (unflushed > 0 && this.options.clock.monotonicMs() - this.lastFlushMs >= this.settings.flushMs);
  }

  /**
   * Resolves with the recovery point once everything below `upTo` is on the disk for good. Calls during a sync share the next one. A sync that fails puts the log offline
   * (Invariant 5): the bytes may be lost, and a second try would report success for them.
   */
  async flush(upTo: Offset = this.logEndOffset): Promise<Offset> {
    invariant(upTo <= this.logEndOffset, 'only what was appended can be flushed');
    while (this.syncedOffset < upTo) {
      this.expectUsable();
      if (this.truncation !== undefined) await this.truncation;
      if (this.flushUnderWay === undefined) {
        this.flushUnderWay = this.syncAll().finally(() => (this.flushUnderWay = undefined));
      }
      await this.flushUnderWay;
      if (upTo > this.logEndOffset) break;
    }
    return this.syncedOffset;
  }

  /** Flushes, writes the snapshot and the indexes, and gives everything back. After it the folder needs no recovery. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.expectUsable();
    await this.truncation;
    this.isClosed = true;
    try {
      await this.flushUnderWay;
      const segment = this.active;
      segment.seal();
      if (this.snapshots.latestOffset !== this.logEndOffset && this.logEndOffset > this.startOffset) this.snapshots.write(this.logEndOffset, this.producers.all());
      this.areNamesUnsynced = true;
      await this.syncAll();
      await segment.sync('all');
      this.release();
    } catch (error) {
      throw this.goOffline(error);
    }
  }

  /** Gives descriptors and memory back without writing anything, as if the process had died. For logs that are offline or to be deleted; whoever still uses it is refused, and that says nothing of its disk. */
  abandon(): void {
    this.isClosed = true;
    this.offline ??= new OperationalError('KAFKA_STORAGE_ERROR', `the log of ${this.name} is closed`);
    this.release();
  }

  /** The directory has failed under another log: nothing of this one can be trusted to reach the disk either. */
  takeOffline(cause: OperationalError): void {
    this.goOffline(cause);
  }

  /** Looks whether the files are still there, and the log offline if not. */
  checkFiles(): void {
    this.expectUsable();
    this.guarded(() => {
      const names = new Map(this.options.fileSystem.list(this.folder).map((it) => [it.name, it.bytes]));
      for (const segment of this.segmentList) {
        const name = offsetFileName(segment.baseOffset, '.log');
        const bytes = names.get(name);
        if (bytes === undefined) throw new OperationalError('FILE_NOT_FOUND', `${this.folder}/${name} is gone`);
        if (bytes < segment.bytes) throw new OperationalError('STORAGE_FAILED', `${this.folder}/${name} has ${bytes} bytes, ${segment.bytes} were written`);
      }
    });
  }

  private get active(): Segment {
    return this.segmentList[this.segmentList.length - 1]!;
  }

  private rollIfNeeded(bytes: number, survey: AppendSurvey): boolean {
    const segment = this.active;
    const { segmentBytes, segmentIndexBytes } = this.settings;
    const isTooFar = survey.lastOffset - segment.baseOffset > RELATIVE_OFFSET_MAX;
    const isDue =
      isTooFar ||
      (segment.bytes > 0 &&
        (segment.bytes + bytes > segmentBytes || segment.fillingForMs(survey.maxTimestampMs, this.options.clock.nowMs()) > segmentMsMax(this.settings) - this.rollJitterMs || segment.areIndexesFull(segmentIndexBytes)));
    if (!isDue) return false;
    // A follower's batch may stand behind a gap. The segment begins at the end of the last one even so: a gap between segments then means that bytes were lost.
    const isGapTooWide = survey.lastOffset - segment.endOffset > RELATIVE_OFFSET_MAX;
    this.guarded(() => this.roll(isGapTooWide ? survey.baseOffset : segment.endOffset));
    return true;
  }

  /** The new segment is whole before it takes its place: a failure leaves the old one active. */
  private roll(baseOffset: Offset): void {
    const finished = this.active;
    finished.seal();
    this.snapshots.write(baseOffset, this.producers.all());
    const next = Segment.create(this.options.fileSystem, this.folder, baseOffset, this.options.clock.nowMs());
    if (finished.bytes === 0) this.dropSegments(this.segmentList.splice(-1));
    else finished.endOffset = baseOffset;
    this.segmentList.push(next);
    this.areNamesUnsynced = true;
    this.drawJitter();
    this.closeIdleSegments();
  }

  private undoAppend(segment: Segment, position: number, error: unknown): OperationalError {
    try {
      segment.file.truncate(position);
    } catch (second) {
      this.options.logger.error({ segment: segment.path('.log'), problem: errorMessage(second) }, 'a failed append cannot be undone');
      return this.goOffline(error);
    }
    return hasCode(error, 'STORAGE_FULL') ? (error as OperationalError) : this.goOffline(error);
  }

  /** Index and epoch files may lag behind the log: it has the truth. They are tried again with the next append and must be written before a flush can pass them. */
  private writeOutQuietly(): void {
    try {
      this.active.writeOutIndexes();
      this.epochs.writeOut();
      this.hasIndexWriteFailed = false;
    } catch (error) {
      if (!this.hasIndexWriteFailed) this.options.logger.warn({ folder: this.folder, problem: errorMessage(error) }, 'an index or checkpoint cannot be written now; it is kept in memory');
      this.hasIndexWriteFailed = true;
    }
  }

  private async syncAll(): Promise<void> {
    const { truncationCount, active } = this;
    const target = this.logEndOffset;
    const areNamesUnsynced = this.areNamesUnsynced;
    try {
      this.areNamesUnsynced = false;
      // The indexes of the active segment are rebuilt after a crash, so only its log must be on the disk.
      const unsynced = this.segmentList.slice(Math.max(0, floorSegment(this.segmentList, this.syncedOffset - 1)));
      await Promise.all(unsynced.map((it) => it.sync(it === active ? 'log' : 'all')));
      await this.epochs.sync();
      await this.snapshots.sync();
      if (areNamesUnsynced) await this.options.fileSystem.syncFolder(this.folder);
    } catch (error) {
      throw this.goOffline(error);
    }
    this.lastFlushMs = this.options.clock.monotonicMs();
    if (this.truncationCount === truncationCount) this.syncedOffset = Math.max(this.syncedOffset, target);
  }

  private async whileTruncating(recoveryPoint: Offset, work: () => Promise<void>): Promise<void> {
    invariant(this.truncation === undefined, 'a log is cut by one caller at a time');
    this.truncation = this.truncate(recoveryPoint, work).finally(() => (this.truncation = undefined));
    return this.truncation;
  }

  private async truncate(recoveryPoint: Offset, work: () => Promise<void>): Promise<void> {
    try {
      await this.flushUnderWay;
      const isLower = recoveryPoint < this.syncedOffset;
      this.syncedOffset = recoveryPoint;
      if (isLower) await this.options.beforeRecoveryPointFalls?.();
      this.truncationCount += 1;
      this.tail.clear();
      await work();
      // The cut is on the disk before anything grows over it: after a loss of power the log is the old one or the new one, never a mixture.
      await this.active.sync('all');
      await this.epochs.sync();
      await this.options.fileSystem.syncFolder(this.folder);
      this.truncationCount += 1;
    } catch (error) {
      throw this.goOffline(error);
    }
  }

  /** What lies behind a cut goes newest first, so that a crash in between leaves a prefix. */
  private dropSegments(dropped: readonly Segment[], order: 'newest first' | 'oldest first' = 'newest first'): void {
    for (const segment of order === 'newest first' ? [...dropped].reverse() : dropped) this.deletions.add(segment.markDeleted(), this.settings.fileDeleteDelayMs, segment);
  }

  private async reloadProducers(): Promise<void> {
    const snapshot = this.snapshots.loadLatest(this.logEndOffset);
    this.producers.load(snapshot?.states ?? [], this.options.clock.nowMs());
    const effects = { codecs: this.options.codecs, producers: this.producers };
    await replayBatches(this.segmentList, snapshot?.offset ?? this.segmentList[0]?.baseOffset ?? 0, this.logEndOffset, (bytes, at) => applyBatch(bytes, at, effects));
  }

  /** With all indexes loaded; again when segments were taken away or replaced under it, whose files may be gone. */
  private async searching<T>(search: (search: TimestampSearch) => Promise<T>): Promise<T> {
    for (;;) {
      this.expectUsable();
      const found = [...this.segmentList];
      try {
        await loadAllIndexes(found, { indexIntervalBytes: this.settings.indexIntervalBytes, logger: this.options.logger });
        return await search({ segments: found, codecs: this.options.codecs, decompressedBytesMax: this.options.decompressedBytesMax ?? DECOMPRESSED_BYTES_MAX, startOffset: this.startOffset });
      } catch (error) {
        if (found.every((it) => this.segmentList.includes(it))) throw this.judged(error);
      } finally {
        this.closeIdleSegments();
      }
    }
  }

  /** Finished segments that are synced can be opened again at any time: only the last used ones stay open. */
  private closeIdleSegments(): void {
    closeLeastRecent(this.segmentList.filter((it) => it !== this.active && it.endOffset < this.syncedOffset));
  }

  private steadyNowMs(): TimestampMs {
    const { clock } = this.options;
    return Math.min(clock.nowMs(), this.openedAt.wallMs + clock.monotonicMs() - this.openedAt.monotonicMs);
  }

  private drawJitter(): void {
    const bound = Math.min(this.settings.segmentJitterMs, this.settings.segmentMs);
    this.rollJitterMs = bound > 0 && this.options.random !== undefined ? this.options.random.integer(bound) : 0;
  }

  private release(): void {
    for (const segment of this.segmentList) segment.close();
    this.deletions.release();
    this.tail.clear();
  }

  private expectUsable(): void {
    if (this.offline !== undefined) throw this.offline;
    if (this.isClosed) throw new OperationalError('KAFKA_STORAGE_ERROR', `the log of ${this.name} is closed`);
  }

  /** Disk failures other than a full disk end the log's life. */
  private guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.judged(error);
    }
  }

  private guardedAsync<T>(work: Promise<T>): Promise<T> {
    return work.catch((error: unknown) => {
      throw this.judged(error);
    });
  }

  private judged(error: unknown): unknown {
    return hasCode(error, 'STORAGE_FAILED') || hasCode(error, 'FILE_NOT_FOUND') ? this.goOffline(error) : error;
  }

  private goOffline(error: unknown): OperationalError {
    if (this.offline !== undefined) return this.offline;
    this.offline = new OperationalError('KAFKA_STORAGE_ERROR', `the log of ${this.name} is offline: ${errorMessage(error)}`, { cause: error });
    this.options.logger.error({ topic: this.topic, partition: this.partition, folder: this.folder, problem: errorMessage(error) }, 'log goes offline');
    this.release();
    this.options.onOffline?.(this.offline);
    return this.offline;
  }
}
