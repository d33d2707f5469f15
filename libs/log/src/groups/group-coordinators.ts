import { coordinatorPartitionFor, GroupCoordinator, type GroupConfig } from '@millrace/coordinator';
import { errorMessage, type Clock, type Codecs, type Logger, type Random, type Scheduled, type Scheduler } from '@millrace/foundation';
import type { HostedPartition } from '../replicas/hosted-partition.js';
import { GroupShardDriver } from './group-shard-driver.js';

/** The pause before a shard that could not be loaded is loaded again; it doubles up to the longest. */
const RELOAD_MS = 500;
const RELOAD_MS_MAX = 60_000;

export interface GroupCoordinatorsOptions {
  readonly config: GroupConfig;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly codecs: Codecs;
  readonly logger: Logger;
  readonly decompressedBytesMax: number;
  /** offsets.commit.timeout.ms: a reply whose records are not committed by then is an error. */
  readonly commitTimeoutMs: number;
}

/** Why a group's coordinator does not answer here and now. */
export type CoordinatorError = 'COORDINATOR_NOT_AVAILABLE' | 'COORDINATOR_LOAD_IN_PROGRESS' | 'NOT_COORDINATOR';

/** The group coordinators of this broker: one shard for each partition of `__consumer_offsets` that it leads. */
export class GroupCoordinators {
  private readonly drivers = new Map<number, GroupShardDriver>();
  private readonly reloads = new Map<number, Scheduled>();
  private partitionCount = 0;

  constructor(private readonly options: GroupCoordinatorsOptions) {}

  /** The topic exists with this many partitions. The number never changes after that, or groups would be looked for in the wrong place. */
  setPartitionCount(count: number): void {
    this.partitionCount = count;
  }

  partitionFor(groupId: string): number {
    return coordinatorPartitionFor(groupId, this.partitionCount);
  }

  get isReady(): boolean {
    return this.partitionCount > 0;
  }

  /** The partition has a role here (anew): while this broker leads it, its groups are served here, from what was in the log when it began to lead. */
  follow(hosted: HostedPartition): void {
    const { partition } = hosted;
    const isLeader = hosted.machine.role === 'leader';
    const driver = this.drivers.get(partition);
    if (isLeader && driver?.hosted === hosted && (driver.isCurrent || this.reloads.has(partition))) return;
    this.end(partition);
    if (isLeader) this.load(hosted, RELOAD_MS);
  }

  /** What cannot be loaded is tried again, from the start, as long as this broker leads the partition. Meanwhile its groups have no coordinator here. */
  private load(hosted: HostedPartition, retryMs: number): void {
    const { config, clock, scheduler, random, codecs, logger, decompressedBytesMax, commitTimeoutMs } = this.options;
    const { partition } = hosted;
    const loadAgain = (): void => {
      if (this.drivers.get(partition) !== driver || hosted.machine.role !== 'leader') return;
      const reload = scheduler.after(retryMs, () => {
        this.reloads.delete(partition);
        this.load(hosted, Math.min(retryMs * 2, RELOAD_MS_MAX));
      });
      this.reloads.set(partition, reload);
    };
    const driver = new GroupShardDriver({ hosted, coordinator: new GroupCoordinator({ config, random }), clock, scheduler, codecs, logger, decompressedBytesMax, commitTimeoutMs, onGivenUp: loadAgain });
    this.drivers.set(partition, driver);
    driver.load().catch((error: unknown) => {
      if (driver.state === 'unloaded') return;
      driver.unload();
      const isLeader = hosted.machine.role === 'leader';
      logger.error({ partition, error: errorMessage(error), ...(isLeader ? { retryMs } : {}) }, 'group coordinator cannot be loaded');
      loadAgain();
    });
  }

  end(partition: number): void {
    this.reloads.get(partition)?.cancel();
    this.reloads.delete(partition);
    this.drivers.get(partition)?.unload();
    this.drivers.delete(partition);
  }

  endAll(): void {
    for (const partition of [...this.drivers.keys()]) this.end(partition);
  }

  /** The driver that serves this group, or the error to answer. */
  driverFor(groupId: string): GroupShardDriver | CoordinatorError {
    if (!this.isReady) return 'NOT_COORDINATOR';
    const driver = this.drivers.get(this.partitionFor(groupId));
    if (driver === undefined || driver.state === 'unloaded') return 'NOT_COORDINATOR';
    return driver.state === 'loading' ? 'COORDINATOR_LOAD_IN_PROGRESS' : driver;
  }

  get isLoading(): boolean {
    for (const driver of this.drivers.values()) if (driver.state === 'loading') return true;
    return false;
  }

  *active(): Generator<GroupShardDriver> {
    for (const driver of this.drivers.values()) if (driver.state === 'active') yield driver;
  }

  topicsDeleted(topics: ReadonlySet<string>): void {
    for (const driver of this.active()) driver.run(driver.query((coordinator, nowMs) => coordinator.topicsDeleted(topics, nowMs)));
  }
}
