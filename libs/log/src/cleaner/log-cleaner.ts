import { errorMessage, hasCode, OperationalError, type Clock, type Logger, type Random, type Scheduled, type Scheduler } from '@millrace/foundation';
import { cleanableRange, planCleaning, type CleanableRange, type CleanedGroup, type CleaningStats, type FileSystem, type LogDirectory } from '@millrace/storage';
import type { HostedPartition } from '../replicas/hosted-partition.js';
import type { ReplicaManager } from '../replicas/replica-manager.js';
import { isStorageFailure, unlessDiskRefuses } from '../storage-failure.js';
import { cleaningAborted, expectWanted } from './cleaning-pace.js';
import type { LogRewriter } from './log-rewriter.js';

export interface LogCleanerOptions {
  readonly replicas: ReplicaManager;
  readonly fileSystem: FileSystem;
  /** One for each cleaner that may run at a time (`log.cleaner.threads`). */
  readonly rewriters: readonly LogRewriter[];
  readonly backoffMs: number;
  readonly decompressedBytesMax: number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

/** What the cleaner can tell of itself, under Kafka's names of the metrics. */
export interface LogCleanerMetrics {
  /** Of the dirtiest log, when it was last looked; 0 to 100. */
  readonly maxDirtyPercent: number;
  readonly timeSinceLastRunMs: number;
  /** Of the last cleanings: written as a share of what was read. */
  readonly cleanerRecopyPercent: number;
  readonly maxBufferUtilizationPercent: number;
  readonly maxCleanTimeSecs: number;
  /** By how much `max.compaction.lag.ms` was overstepped, at most. */
  readonly maxCompactionDelaySecs: number;
  readonly uncleanablePartitionsCount: number;
  /** Since the start: what was read by cleanings, and what they wrote in its place. */
  readonly bytesCleaned: number;
  readonly bytesWritten: number;
  readonly cleanings: number;
}

interface Candidate {
  readonly hosted: HostedPartition;
  readonly directory: LogDirectory;
  readonly range: CleanableRange;
}

/**
 * Compacts the logs of this broker, the dirtiest one first. It looks every `log.cleaner.backoff.ms`, and goes on at once while there is something to do. A log that cannot be
 * cleaned is named in the log and left alone until the broker starts again; all others go on.
 */
export class LogCleaner {
  /** From the choice of a log on, while its cleaning is prepared as well: what is called off then must not begin. */
  private readonly underWay = new Map<HostedPartition, { readonly calledOff: AbortController; readonly ended: Promise<void> }>();
  private readonly uncleanable = new Set<HostedPartition>();
  private readonly timers = new Set<Scheduled>();
  private readonly runs = new Set<Promise<void>>();
  private lastRunMs: number;
  private dirtiestRatio = 0;
  private delayMs = 0;
  private readonly lastStats = new Map<LogRewriter, CleaningStats>();
  private bytesCleaned = 0;
  private bytesWritten = 0;
  private cleanings = 0;
  private isStopped = false;

  constructor(private readonly options: LogCleanerOptions) {
    this.lastRunMs = options.clock.monotonicMs();
  }

  start(): void {
    this.options.replicas.beforeEachCut((hosted) => this.letGoOf(hosted));
    for (const rewriter of this.options.rewriters) this.runLater(rewriter);
  }

  /** Cleanings under way are called off; what they had not put in place yet is thrown away. */
  async stop(): Promise<void> {
    this.isStopped = true;
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
    for (const { calledOff } of this.underWay.values()) calledOff.abort();
    await Promise.all(this.runs);
  }

  /** Retention and others that take segments away leave such a log alone. */
  isCleaning(hosted: HostedPartition): boolean {
    return this.underWay.has(hosted);
  }

  /** Its log is about to be cut: a cleaning of it is called off, and has ended when this resolves. */
  private async letGoOf(hosted: HostedPartition): Promise<void> {
    const cleaning = this.underWay.get(hosted);
    if (cleaning === undefined) return;
    cleaning.calledOff.abort();
    await cleaning.ended;
  }

  get metrics(): LogCleanerMetrics {
    const stats = [...this.lastStats.values()];
    const read = stats.reduce((sum, it) => sum + it.bytesRead, 0);
    const written = stats.reduce((sum, it) => sum + it.bytesWritten, 0);
    return {
      maxDirtyPercent: Math.floor(100 * this.dirtiestRatio),
      timeSinceLastRunMs: Math.round(this.options.clock.monotonicMs() - this.lastRunMs),
      cleanerRecopyPercent: Math.floor((100 * written) / Math.max(1, read)),
      maxBufferUtilizationPercent: Math.floor(100 * Math.max(0, ...stats.map((it) => it.mapUtilization))),
      maxCleanTimeSecs: Math.floor(Math.max(0, ...stats.map((it) => it.totalMs)) / 1000),
      maxCompactionDelaySecs: Math.floor(this.delayMs / 1000),
      uncleanablePartitionsCount: this.uncleanable.size,
      bytesCleaned: this.bytesCleaned,
      bytesWritten: this.bytesWritten,
      cleanings: this.cleanings,
    };
  }

  private runLater(rewriter: LogRewriter): void {
    if (this.isStopped) return;
    const timer = this.options.scheduler.after(this.options.backoffMs, () => {
      this.timers.delete(timer);
      const run = this.run(rewriter).finally(() => {
        this.runs.delete(run);
        this.runLater(rewriter);
      });
      this.runs.add(run);
    });
    this.timers.add(timer);
  }

  private async run(rewriter: LogRewriter): Promise<void> {
    try {
      while (!this.isStopped) {
        // Nothing may come between the choice and its mark in `underWay`: two threads would write the same files.
        const candidate = this.dirtiest();
        if (candidate === undefined || !(await this.clean(candidate, rewriter))) break;
      }
      this.deleteOldSegments();
    } catch (error) {
      this.options.logger.error({ error: errorMessage(error) }, 'a run of the log cleaner failed');
    } finally {
      rewriter.rest();
    }
  }

  private dirtiest(): Candidate | undefined {
    const { replicas, clock, logger } = this.options;
    this.lastRunMs = clock.monotonicMs();
    for (const it of this.uncleanable) if (it.machine.role === 'offline') this.uncleanable.delete(it);
    let dirtiest: Candidate | undefined;
    let ratioMax = 0;
    let delayMax = 0;
    for (const hosted of replicas.all()) {
      const directory = replicas.directoryHolding(hosted);
      if (!hosted.settings.isCompacted || directory === undefined || hosted.machine.role === 'offline' || hosted.isTruncating || replicas.mover.isMoving(hosted) || this.underWay.has(hosted) || this.uncleanable.has(hosted)) continue;
      let range: CleanableRange | undefined;
      try {
        range = cleanableRange(hosted.log, { cleanedOffset: directory.cleanedOffset(hosted.log), lastStableOffset: hosted.machine.lastStableOffset, nowMs: clock.nowMs() });
      } catch (error) {
        this.giveUp(hosted, error);
        continue;
      }
      if (range === undefined) continue;
      if (range.isCheckpointWrong) {
        const isExpected = hosted.log.config.cleanupPolicies.includes('delete');
        if (!isExpected) logger.warn({ topic: hosted.topic, partition: hosted.partition, firstDirtyOffset: range.firstDirtyOffset }, 'the checkpoint of the cleaner lies outside of the log; it begins anew at the log start offset');
        this.beginAnew(hosted, directory, range);
      }
      ratioMax = Math.max(ratioMax, range.ratio);
      delayMax = Math.max(delayMax, range.delayMs);
      if (range.isDue && (dirtiest === undefined || range.ratio > dirtiest.range.ratio)) dirtiest = { hosted, directory, range };
    }
    this.dirtiestRatio = ratioMax;
    this.delayMs = delayMax;
    return dirtiest;
  }

  /** What is asked for the checkpoint sees it at once; the file follows. */
  private beginAnew({ log, topic, partition }: HostedPartition, directory: LogDirectory, { firstDirtyOffset }: CleanableRange): void {
    const written = directory.checkpointCleanedOffset(log, firstDirtyOffset).catch((error: unknown) => {
      this.options.logger.error({ topic, partition, error: errorMessage(error) }, 'the checkpoint of the cleaner cannot be written');
    });
    const run = written.finally(() => this.runs.delete(run));
    this.runs.add(run);
  }

  /** False: it did not come to its end. */
  private async clean({ hosted, directory, range }: Candidate, rewriter: LogRewriter): Promise<boolean> {
    const { clock, logger, fileSystem, random, decompressedBytesMax } = this.options;
    const { log } = hosted;
    let end = (): void => undefined;
    const calledOff = new AbortController();
    const { signal } = calledOff;
    this.underWay.set(hosted, { calledOff, ended: new Promise<void>((resolve) => (end = resolve)) });
    try {
      await directory.prepareCleaning(log, range.firstUncleanableOffset);
      const job = planCleaning(log, range, { fileSystem, random, nowMs: clock.nowMs(), decompressedBytesMax });
      const { nextDirtyOffset, stats } = await rewriter.clean(job, (group) => this.putInPlace(hosted, group, signal), signal);
      await directory.checkpointCleanedOffset(log, nextDirtyOffset);
      this.note(rewriter, stats);
      logger.info(
        { topic: hosted.topic, partition: hosted.partition, from: range.firstDirtyOffset, to: nextDirtyOffset, bytesRead: stats.bytesRead, bytesWritten: stats.bytesWritten, recordsRead: stats.recordsRead, recordsWritten: stats.recordsWritten, durationMs: Math.round(stats.totalMs) },
        'log is cleaned',
      );
      if (stats.keylessRecords > 0) logger.warn({ topic: hosted.topic, partition: hosted.partition, records: stats.keylessRecords }, 'records without a key were removed from a compacted log');
      return true;
    } catch (error) {
      this.failed(hosted, error);
      return false;
    } finally {
      this.underWay.delete(hosted);
      end();
    }
  }

  private async putInPlace(hosted: HostedPartition, group: CleanedGroup, calledOff: AbortSignal): Promise<void> {
    expectWanted(calledOff);
    if (!(await hosted.log.replaceSegments(group))) throw cleaningAborted('the segments are no longer in the log');
  }

  private note(rewriter: LogRewriter, stats: CleaningStats): void {
    this.lastStats.set(rewriter, stats);
    this.bytesCleaned += stats.bytesRead;
    this.bytesWritten += stats.bytesWritten;
    this.cleanings += 1;
  }

  private failed(hosted: HostedPartition, error: unknown): void {
    const { logger } = this.options;
    // The partition went away, or its disk did: that was told where it was found out.
    if (hasCode(error, 'CLEANING_ABORTED') || this.isStopped || hosted.machine.role === 'offline' || hosted.log.offlineCause !== undefined) return;
    if (hasCode(error, 'STORAGE_FULL')) {
      logger.warn({ topic: hosted.topic, partition: hosted.partition, error: errorMessage(error) }, 'there is no room to clean the log; it is tried again');
      this.uncleanable.add(hosted);
      const timer = this.options.scheduler.after(this.options.backoffMs, () => {
        this.timers.delete(timer);
        this.uncleanable.delete(hosted);
      });
      this.timers.add(timer);
      return;
    }
    if (isStorageFailure(error)) hosted.log.takeOffline(new OperationalError('KAFKA_STORAGE_ERROR', `the log cannot be cleaned: ${errorMessage(error)}`, { cause: error }));
    else this.giveUp(hosted, error);
  }

  private giveUp(hosted: HostedPartition, error: unknown): void {
    this.options.logger.error({ topic: hosted.topic, partition: hosted.partition, error: errorMessage(error) }, 'log cannot be cleaned and is left as it is');
    this.uncleanable.add(hosted);
  }

  /** Of compacted logs: by the clock of the cleaner, as Kafka does, since both take segments away. */
  private deleteOldSegments(): void {
    for (const hosted of this.options.replicas.all()) {
      if (!hosted.settings.isCompacted || hosted.machine.role === 'offline' || this.isCleaning(hosted) || this.options.replicas.mover.isMoving(hosted)) continue;
      unlessDiskRefuses(this.options.logger, { topic: hosted.topic, partition: hosted.partition }, () => hosted.deleteOldSegments());
    }
  }
}
