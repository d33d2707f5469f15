import type { Offset } from '@millrace/foundation';
import { LeaderEpochs, LEADER_EPOCH_FILE } from './leader-epochs.js';
import { ProducerSnapshots } from '../producer/producer-snapshots.js';
import { ProducerStateTable } from '../producer/producer-state-table.js';
import { resumeSegment } from '../segment/segment-cut.js';
import { RELATIVE_OFFSET_MAX } from '../segment/offset-index.js';
import { OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX } from '../segment/segment-names.js';
import { Segment } from '../segment/segment.js';
import { applyBatch } from './batch-effects.js';
import type { PartitionLogOptions } from './contract.js';
import { findFiles, segmentName, type FoundFiles } from './log-folder.js';
import { floorSegment, replayBatches } from './segment-list.js';

export interface RecoveredLog {
  readonly segments: Segment[];
  readonly epochs: LeaderEpochs;
  readonly snapshots: ProducerSnapshots;
  readonly producers: ProducerStateTable;
  readonly logStartOffset: Offset;
  readonly recoveryPoint: Offset;
  /** Files that were renamed for deletion. */
  readonly deletedPaths: string[];
}

const DAY_MS = 86_400_000;

/**
 * Brings a partition's folder to life. Invariant 1: what remains is a prefix of what was appended, and everything below the recovery point is in it. Invariant 2: indexes,
 * epochs and producer state are what the log says; a file that cannot be right is made anew.
 */
export async function recoverLog(options: PartitionLogOptions): Promise<RecoveredLog> {
  const files = await findFiles(options.fileSystem, options.folder, options.logger);
  return new Recovery(options, files).run();
}

class Recovery {
  private readonly segments: Segment[];
  private readonly epochs: LeaderEpochs;
  private readonly snapshots: ProducerSnapshots;
  private readonly producers: ProducerStateTable;
  private readonly deletedPaths: string[] = [];

  constructor(private readonly options: PartitionLogOptions, private readonly files: FoundFiles) {
    this.segments = files.segments;
    this.epochs = new LeaderEpochs(options.fileSystem, `${options.folder}/${LEADER_EPOCH_FILE}`);
    this.snapshots = new ProducerSnapshots(options.fileSystem, options.folder, options.codecs.crc32c, options.logger, files.snapshotOffsets);
    this.producers = this.newProducerTable();
  }

  async run(): Promise<RecoveredLog> {
    const { options, segments } = this;
    const hadEpochs = this.epochs.load();
    let scanned = options.hadCleanShutdown ? segments.length : this.firstUnrecovered();
    await this.rebuildMissingIndexes(scanned);
    if (options.hadCleanShutdown && segments.length > 0) {
      if (!(await this.resumeActive())) scanned = segments.length - 1;
      // The process that stopped in order never opened this log: nobody has recovered it since an earlier one did not.
      else if (segments[segments.length - 1]!.endOffset > options.recoveryPoint) scanned = this.firstUnrecovered();
    }
    const isClean = options.hadCleanShutdown && scanned === segments.length;
    if (!hadEpochs && segments.some((it) => it.bytes > 0)) {
      options.logger.warn({ file: `${options.folder}/${LEADER_EPOCH_FILE}` }, 'leader epoch checkpoint is missing or cannot be read; rebuilding it from the log');
    }
    if (!isClean) {
      this.snapshots.remove((it) => it > (options.hadCleanShutdown ? this.baseAt(scanned) : Math.min(options.recoveryPoint, this.baseAt(scanned))));
      this.epochs.truncateFromEnd(this.baseAt(scanned));
      await this.loadProducers(this.producers, this.baseAt(scanned));
      await this.scanFrom(scanned);
    }
    const logStartOffset = this.settleStart();
    const logEndOffset = segments.at(-1)?.endOffset ?? logStartOffset;
    if (!isClean && logEndOffset < options.recoveryPoint) {
      options.logger.error({ folder: options.folder, logEndOffset, recoveryPoint: options.recoveryPoint }, 'log ends below its recovery point: records that were on the disk are missing');
    }
    if (isClean) await this.loadProducers(this.producers, logEndOffset);
    await this.repairTransactionIndexes(scanned);
    this.snapshots.remove((it) => it > logEndOffset);
    this.snapshots.keepFor(new Set(segments.map((it) => it.baseOffset)));
    this.epochs.truncateFromEnd(logEndOffset);
    await this.completeEpochs(logStartOffset, logEndOffset);
    this.epochs.truncateFromStart(logStartOffset);
    if (segments.length === 0) segments.push(Segment.create(options.fileSystem, options.folder, logStartOffset, options.clock.nowMs()));
    this.epochs.writeOut();
    const recoveryPoint = isClean ? logEndOffset : Math.min(options.recoveryPoint, logEndOffset);
    return { segments, epochs: this.epochs, snapshots: this.snapshots, producers: this.producers, logStartOffset, recoveryPoint, deletedPaths: this.deletedPaths };
  }

  /** The segment that holds the last offset below the recovery point: what stands behind it may be anything. */
  private firstUnrecovered(): number {
    return Math.max(0, floorSegment(this.segments, this.options.recoveryPoint - 1));
  }

  private baseAt(index: number): Offset {
    return this.segments[index]?.baseOffset ?? this.segments.at(-1)?.endOffset ?? 0;
  }

  private newProducerTable(): ProducerStateTable {
    return new ProducerStateTable(this.options.producerIdExpirationMs ?? DAY_MS);
  }

  /** Of the segments that are not scanned anyway: files that are not there, or not a whole number of entries, are seen at start; the rest when they are used. */
  private async rebuildMissingIndexes(before: number): Promise<void> {
    for (const segment of this.segments.slice(0, before)) {
      const suffixes = this.files.suffixesByBase.get(segment.baseOffset);
      const isActive = segment === this.segments.at(-1);
      if (suffixes?.has(OFFSET_INDEX_SUFFIX) === true && suffixes.has(TIME_INDEX_SUFFIX) && (isActive || segment.loadIndexes() !== undefined)) {
        if (!isActive) segment.close();
        continue;
      }
      this.options.logger.warn({ segment: segment.path('.log') }, 'index is missing or cannot be right; rebuilding it from the log');
      await segment.rebuildIndexes({ indexIntervalBytes: this.options.config.indexIntervalBytes });
      segment.writeOutIndexes();
      if (!isActive) await segment.sync('all');
    }
  }

  /** After a clean shutdown: finds the end of the last segment from its last index entry. False when its bytes are not what a clean shutdown leaves. */
  private async resumeActive(): Promise<boolean> {
    const { logger, config } = this.options;
    const segment = this.segments[this.segments.length - 1]!;
    segment.endOffset = Number.MAX_SAFE_INTEGER;
    if (segment.loadIndexes() === undefined) {
      logger.warn({ segment: segment.path('.log') }, 'index cannot be right; rebuilding it from the log');
      await segment.rebuildIndexes({ indexIntervalBytes: config.indexIntervalBytes });
      segment.writeOutIndexes();
    }
    const end = await resumeSegment(segment);
    if (end.problem === undefined) return true;
    logger.warn({ segment: segment.path('.log'), position: end.position, problem: end.problem }, 'the log does not end as a clean shutdown leaves it; scanning its last segment');
    return false;
  }

  /** Checks every byte from this segment on, and cuts at the first that is wrong. */
  private async scanFrom(first: number): Promise<void> {
    const { options, segments } = this;
    for (let i = first; i < segments.length; i++) {
      const segment = segments[i]!;
      const previous = segments[i - 1];
      const isScanned = i > first;
      if (previous !== undefined && (previous.endOffset > segment.baseOffset || (isScanned && this.isLoss(previous, segment)))) {
        this.cutAt(i - 1, { position: previous.bytes, problem: `the next segment begins at ${segment.baseOffset}, this one ends at ${previous.endOffset}` });
        return;
      }
      const transactions = segment.resetTransactions();
      const effects = { codecs: options.codecs, producers: this.producers, epochs: this.epochs, transactions };
      const end = await segment.rebuildIndexes({
        indexIntervalBytes: options.config.indexIntervalBytes,
        crc32c: options.codecs.crc32c,
        visit: (bytes, at) => applyBatch(bytes, at, effects),
      });
      segment.endOffset = end.nextOffset;
      if (end.problem !== undefined) {
        this.cutAt(i, { position: end.position, problem: end.problem });
        return;
      }
      segment.writeOutIndexes();
    }
  }

  /** Between unsynced segments a gap means that the end of the first one was lost. A cleaner leaves gaps too, where the policy has one. */
  private isLoss(previous: Segment, next: Segment): boolean {
    const isCleaned = this.options.config.cleanupPolicies.includes('compact');
    return !isCleaned && next.baseOffset > previous.endOffset && next.baseOffset - previous.endOffset <= RELATIVE_OFFSET_MAX;
  }

  /** Never silent: an operator must be able to see from the log line what is gone. */
  private cutAt(index: number, at: { readonly position: number; readonly problem: string }): void {
    const { segments, options } = this;
    const segment = segments[index]!;
    const bytesRemoved = segment.bytes - at.position;
    const later = segments.slice(index + 1);
    options.logger.warn(
      {
        topic: options.topic,
        partition: options.partition,
        segment: segment.path('.log'),
        position: at.position,
        problem: at.problem,
        logEndOffset: segment.endOffset,
        recoveryPoint: options.recoveryPoint,
        bytesRemoved,
        segmentsRemoved: later.map((it) => ({ segment: segmentName(it), bytes: it.bytes })),
      },
      'log is cut at the first byte that is not a valid batch',
    );
    for (const it of later.reverse()) this.deletedPaths.push(...it.markDeleted());
    segments.length = index + 1;
    segment.truncateTo(at.position, segment.endOffset, options.clock.nowMs());
    segment.writeOutIndexes();
  }

  /** A log whose end lies below its start has lost its records: it begins anew at the start. */
  private settleStart(): Offset {
    const { segments, options } = this;
    const logEndOffset = segments.at(-1)?.endOffset;
    if (logEndOffset !== undefined && logEndOffset < options.logStartOffset) {
      options.logger.error({ folder: options.folder, logEndOffset, logStartOffset: options.logStartOffset }, 'log ends below its start offset, as if files had been removed; it begins anew at the start offset');
      for (const segment of [...segments].reverse()) this.deletedPaths.push(...segment.markDeleted());
      segments.length = 0;
      this.producers.clear();
      this.snapshots.remove(() => true);
      this.epochs.truncateFromEnd(0);
    }
    return Math.max(options.logStartOffset, segments[0]?.baseOffset ?? 0);
  }

  /** The state of everything below `offset`: the latest good snapshot, and the batches behind it. */
  private async loadProducers(table: ProducerStateTable, offset: Offset): Promise<void> {
    const { options } = this;
    const snapshot = this.snapshots.loadLatest(offset);
    table.load(snapshot?.states ?? [], options.clock.nowMs());
    const from = snapshot?.offset ?? this.baseAt(0);
    if (from < offset) await replayBatches(this.segments, from, offset, (bytes, at) => applyBatch(bytes, at, { codecs: options.codecs, producers: table }));
  }

  /** Epochs before the first known one: the checkpoint was lost, or was cut at a start offset that did not reach the disk itself. */
  private async completeEpochs(logStartOffset: Offset, logEndOffset: Offset): Promise<void> {
    const to = this.epochs.all[0]?.startOffset ?? logEndOffset;
    if (to <= logStartOffset) return;
    const earlier = new LeaderEpochs(this.options.fileSystem, `${this.options.folder}/${LEADER_EPOCH_FILE}`);
    await replayBatches(this.segments, logStartOffset, to, (bytes, at) => applyBatch(bytes, at, { codecs: this.options.codecs, epochs: earlier }));
    this.epochs.prepend(earlier.all);
  }

  private async repairTransactionIndexes(before: number): Promise<void> {
    for (const segment of this.segments.slice(0, before)) {
      if (this.files.suffixesByBase.get(segment.baseOffset)?.has(TRANSACTION_INDEX_SUFFIX) !== true || segment.transactions !== undefined) continue;
      this.options.logger.warn({ file: segment.path(TRANSACTION_INDEX_SUFFIX) }, 'transaction index cannot be right; rebuilding it from the log');
      const table = this.newProducerTable();
      await this.loadProducers(table, segment.baseOffset);
      const effects = { codecs: this.options.codecs, producers: table, transactions: segment.resetTransactions() };
      await replayBatches([segment], segment.baseOffset, segment.endOffset, (bytes, at) => applyBatch(bytes, at, effects));
      segment.writeOutIndexes();
      await segment.sync('all');
    }
  }
}
