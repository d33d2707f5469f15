import type { Clock, Logger, Scheduler } from '@millrace/foundation';
import type { LogDirectory } from '@millrace/storage';
import type { BrokerConfig } from '../config/broker-config.js';
import type { LogCleaner } from '../cleaner/log-cleaner.js';
import { PeriodicWork } from '../periodic-work.js';
import type { ReplicaManager } from '../replicas/replica-manager.js';
import { unlessDiskRefuses } from '../storage-failure.js';

const FLUSH_CHECK_MS = 1000;
const REMOVE_FILES_MS = 15_000;
const READ_AHEAD_CHECK_MS = 5000;
const OPEN_BROKEN_MS = 5000;
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
  private readonly work: PeriodicWork;

  constructor(private readonly options: MaintenanceOptions) {
    this.work = new PeriodicWork(options.scheduler, options.logger, 'periodic work failed');
  }

  /** `openBroken`: what could not be opened is tried again. */
  start(openBroken: () => Promise<void>): void {
    const { config } = this.options;
    this.work.every(config.get('log.retention.check.interval.ms'), () => this.applyRetention());
    this.work.every(FLUSH_CHECK_MS, () => this.flushDue());
    this.work.every(config.get('log.flush.offset.checkpoint.interval.ms'), () => this.checkpoint());
    this.work.every(config.get('log.flush.start.offset.checkpoint.interval.ms'), () => this.options.replicas.checkpointLogStartOffsets());
    this.work.every(REMOVE_FILES_MS, () => this.removeFiles());
    this.work.every(READ_AHEAD_CHECK_MS, () => this.dropStaleReads());
    this.work.every(EXPIRE_PRODUCERS_MS, () => this.expireProducers());
    this.work.every(OPEN_BROKEN_MS, openBroken);
    this.options.cleaner?.start();
  }

  async stop(): Promise<void> {
    this.work.stop();
    await this.options.cleaner?.stop();
  }

  private applyRetention(): void {
    for (const it of this.options.replicas.all()) {
      if (it.machine.role === 'offline' || this.options.cleaner?.isCleaning(it) === true || this.options.replicas.mover.isMoving(it)) continue;
      unlessDiskRefuses(this.options.logger, { topic: it.topic, partition: it.partition }, () => it.deleteOldSegments());
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
    for (const directory of this.options.directories) if (directory.offlineCause === undefined) unlessDiskRefuses(this.options.logger, { folder: directory.folder }, () => directory.removeDeletedFiles());
  }

  private dropStaleReads(): void {
    for (const it of this.options.replicas.all()) it.readAhead.dropStale();
  }

  private expireProducers(): void {
    const nowMs = this.options.clock.nowMs();
    for (const it of this.options.replicas.all()) it.log.producers.expire(nowMs);
  }
}
