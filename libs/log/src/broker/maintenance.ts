import { errorMessage, type Clock, type Logger, type Scheduled, type Scheduler } from '@millrace/foundation';
import type { LogDirectory } from '@millrace/storage';
import type { BrokerConfig } from '../config/broker-config.js';
import type { LogCleaner } from '../cleaner/log-cleaner.js';
import type { ReplicaManager } from '../replicas/replica-manager.js';
import { isStorageFailure } from '../storage-failure.js';

const FLUSH_CHECK_MS = 1000;
const REMOVE_FILES_MS = 15_000;
const READ_AHEAD_CHECK_MS = 5000;
const EXPIRE_PRODUCERS_MS = 600_000;

export interface MaintenanceOptions {
  readonly config: BrokerConfig;
  readonly replicas: ReplicaManager;
  readonly directories: readonly LogDirectory[];
  /** Undefined: `log.cleaner.enable` is off. */
  readonly cleaner: LogCleaner | undefined;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/** What a broker does by the clock: retention, flushes by time, checkpoints, removal of deleted files, compaction. One run of a kind at a time. */
export class Maintenance {
  private readonly timers = new Set<Scheduled>();
  private isStopped = false;

  constructor(private readonly options: MaintenanceOptions) {}

  start(): void {
    const { config } = this.options;
    this.every(config.get('log.retention.check.interval.ms'), () => this.applyRetention());
    this.every(FLUSH_CHECK_MS, () => this.flushDue());
    this.every(config.get('log.flush.offset.checkpoint.interval.ms'), () => this.checkpoint());
    this.every(config.get('log.flush.start.offset.checkpoint.interval.ms'), () => this.options.replicas.checkpointLogStartOffsets());
    this.every(REMOVE_FILES_MS, () => this.removeFiles());
    this.every(READ_AHEAD_CHECK_MS, () => this.dropStaleReads());
    this.every(EXPIRE_PRODUCERS_MS, () => this.expireProducers());
    this.options.cleaner?.start();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
    await this.options.cleaner?.stop();
  }

  /** A period of 0 is never, as in Kafka. */
  private every(periodMs: number, work: () => void | Promise<void>): void {
    if (this.isStopped || periodMs === 0) return;
    const timer = this.options.scheduler.after(periodMs, () => {
      this.timers.delete(timer);
      void this.run(work).then(() => this.every(periodMs, work));
    });
    this.timers.add(timer);
  }

  private async run(work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.options.logger.error({ error: errorMessage(error) }, 'periodic work failed');
    }
  }

  private applyRetention(): void {
    for (const it of this.options.replicas.all()) {
      if (it.machine.role === 'offline' || this.options.cleaner?.isCleaning(it) === true) continue;
      this.guarded(() => it.deleteOldSegments());
    }
  }

  private async flushDue(): Promise<void> {
    for (const it of this.options.replicas.all()) if (it.machine.role !== 'offline' && it.log.isFlushDue()) await it.flush();
  }

  private async checkpoint(): Promise<void> {
    const { directories, replicas } = this.options;
    for (const directory of directories) if (directory.offlineCause === undefined) await directory.checkpoint(replicas.highWatermarks(directory));
  }

  private removeFiles(): void {
    for (const directory of this.options.directories) if (directory.offlineCause === undefined) this.guarded(() => directory.removeDeletedFiles());
  }

  private dropStaleReads(): void {
    for (const it of this.options.replicas.all()) it.readAhead.dropStale();
  }

  private expireProducers(): void {
    const nowMs = this.options.clock.nowMs();
    for (const it of this.options.replicas.all()) it.log.producers.expire(nowMs);
  }

  /** A failed disk has told so itself; the other partitions go on. */
  private guarded(work: () => unknown): void {
    try {
      work();
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      this.options.logger.error({ error: errorMessage(error) }, 'periodic work was refused by the disk');
    }
  }
}
