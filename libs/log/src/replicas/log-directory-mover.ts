import { errorMessage, hasCode, type Logger, type Offset, type Scheduled, type Scheduler } from '@millrace/foundation';
import type { LogDirectory, PartitionLog } from '@millrace/storage';
import type { HostedPartition, PartitionWaiter } from './hosted-partition.js';
import { LogMove } from './log-move.js';
import type { FuturePlace } from './replica-placement.js';
import type { ReplicationThrottle } from './replication-throttle.js';

/** While a move waits for records or for the controller it looks so often at least. */
const LOOK_MS = 200;
const THROTTLED_PAUSE_MS = 50;
/** There is no room on the target's disk. */
const FULL_PAUSE_MS = 1000;

/** What the mover needs of the partitions that are here. */
export interface MovedPartitions {
  readonly directoryHolding: (hosted: HostedPartition) => LogDirectory | undefined;
  /** The metadata says that the replica is in this directory. */
  readonly isAgreed: (hosted: HostedPartition, directory: LogDirectory) => boolean;
  /** Its log is in this directory now. */
  readonly moved: (hosted: HostedPartition, directory: LogDirectory) => void;
  /** Work on its closed segments (a cleaning) is called off; it has ended when this resolves. */
  readonly endWorkOn: (hosted: HostedPartition) => Promise<void>;
  readonly highWatermarks: (directory: LogDirectory) => readonly { readonly topic: string; readonly partition: number; readonly offset: Offset }[];
}

export interface LogDirectoryMoverOptions {
  readonly partitions: MovedPartitions;
  readonly throttle: ReplicationThrottle;
  /** Moves that copy at a time; the others wait. Those that have caught up do not count. */
  readonly copiesMax: number;
  readonly bytesPerStep: number;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

export interface MoverMetrics {
  /** Replicas on their way to another log directory. */
  readonly movingPartitions: number;
  /** Under Kafka's names (ReplicaAlterLogDirsManager): how far the furthest is behind, and how many were given up after a fault. */
  readonly alterLogDirsMaxLag: number;
  readonly alterLogDirsFailedPartitions: number;
}

/** Moves replicas between the log directories of this broker (KIP-113, KIP-858). Neither cleaner nor retention touch a replica that moves. */
export class LogDirectoryMover {
  private readonly moves = new Map<HostedPartition, LogMove>();
  private readonly runs = new Set<Promise<void>>();
  private readonly wakes = new Map<LogMove, () => void>();
  private readonly queue: (() => void)[] = [];
  private copies = 0;
  private isStopped = false;
  /** Told when the controller is to hear of another place. */
  onPlaceChanged: () => void = () => undefined;

  constructor(private readonly options: LogDirectoryMoverOptions) {}

  /** Moves the replica, or redirects it, or calls its move off when it is there. Resolves when the future log is there, or gone. */
  async move(hosted: HostedPartition, target: LogDirectory): Promise<void> {
    const underWay = this.moves.get(hosted);
    if (underWay?.target === target && !underWay.hasFailed) return;
    await this.callOff(hosted);
    const source = this.options.partitions.directoryHolding(hosted);
    if (source === undefined || source === target || this.moves.has(hosted)) return;
    await this.begin(hosted, { source, target, found: undefined });
  }

  /** At the start: what was found beside its log goes on, or goes. */
  async resume(hosted: HostedPartition, places: readonly FuturePlace[]): Promise<void> {
    const source = this.options.partitions.directoryHolding(hosted);
    const isOf = ({ directory, topicId }: FuturePlace): boolean => directory !== source && (topicId === undefined || topicId === hosted.topicId);
    const resumed = places.find(isOf);
    for (const it of places) if (it !== resumed) await it.directory.removeFoundFuture(it.found);
    if (resumed !== undefined && source !== undefined) await this.begin(hosted, { source, target: resumed.directory, found: resumed.found });
  }

  isMoving(hosted: HostedPartition): boolean {
    return this.moves.get(hosted)?.hasFailed === false;
  }

  /** Where the controller shall take the replica to be while it moves; undefined: where its log is. */
  placeOf(hosted: HostedPartition): LogDirectory | undefined {
    const move = this.moves.get(hosted);
    return move?.hasCaughtUp === true && !move.hasFailed ? move.target : undefined;
  }

  futuresIn(directory: LogDirectory): { readonly hosted: HostedPartition; readonly log: PartitionLog }[] {
    return [...this.moves.values()].flatMap(({ hosted, target, future }) => (target === directory && future !== undefined ? [{ hosted, log: future }] : []));
  }

  /** The metadata has changed. */
  look(): void {
    for (const wake of [...this.wakes.values()]) wake();
  }

  async beforeTruncation(hosted: HostedPartition, offset: Offset): Promise<void> {
    const move = this.moves.get(hosted);
    // The log is cut all the same.
    await move?.beforeTruncation(offset).catch((error: unknown) => this.failed(move, error));
  }

  /** The replica stays where it is, or goes as a whole: its future log is gone when this resolves. */
  async callOff(hosted: HostedPartition): Promise<void> {
    await this.endMove(hosted, { remove: true });
  }

  /** Moves to it are called off; so are those away from it, whose future logs stay for the next start. */
  directoryFailed(directory: LogDirectory): void {
    for (const { hosted, source, target } of [...this.moves.values()]) {
      if (source !== directory && target !== directory) continue;
      this.options.logger.warn({ topic: hosted.topic, partition: hosted.partition, from: source.folder, to: target.folder, failed: directory.folder }, 'move of a replica is called off: a log directory failed');
      this.keep(this.endMove(hosted, { remove: false }));
    }
  }

  /** Future logs stay open for the directories to close. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.look();
    for (const go of this.queue.splice(0)) go();
    await Promise.all(this.runs);
  }

  get metrics(): MoverMetrics {
    const moves = [...this.moves.values()];
    return { movingPartitions: moves.length, alterLogDirsMaxLag: Math.max(0, ...moves.map((it) => it.lag)), alterLogDirsFailedPartitions: moves.filter((it) => it.hasFailed).length };
  }

  private async begin(hosted: HostedPartition, place: Pick<LogMove, 'source' | 'target'> & { readonly found: FuturePlace['found'] | undefined }): Promise<void> {
    const { partitions, bytesPerStep, logger } = this.options;
    const { source, target } = place;
    const move = new LogMove({
      ...place,
      hosted,
      bytesPerStep,
      isAgreed: () => partitions.isAgreed(hosted, target),
      onMoved: () => this.moved(move),
      highWatermarksOf: partitions.highWatermarks,
    });
    this.moves.set(hosted, move);
    try {
      await partitions.endWorkOn(hosted);
      await move.open();
    } catch (error) {
      if (this.moves.get(hosted) === move) this.moves.delete(hosted);
      throw error;
    }
    if (move.hasEnded) return;
    logger.info({ topic: hosted.topic, partition: hosted.partition, from: source.folder, to: target.folder, offset: move.future?.logEndOffset }, 'replica moves to another log directory');
    this.keep(this.run(move));
  }

  private moved(move: LogMove): void {
    const { hosted, source, target } = move;
    this.moves.delete(hosted);
    this.options.partitions.moved(hosted, target);
    this.options.logger.info({ topic: hosted.topic, partition: hosted.partition, from: source.folder, to: target.folder }, 'replica is in another log directory');
    this.onPlaceChanged();
  }

  private async endMove(hosted: HostedPartition, how: { readonly remove: boolean }): Promise<void> {
    const move = this.moves.get(hosted);
    if (move === undefined) return;
    const ended = move.end(how);
    this.wakes.get(move)?.();
    await ended;
    if (this.moves.get(hosted) === move) this.moves.delete(hosted);
    this.onPlaceChanged();
  }

  private async run(move: LogMove): Promise<void> {
    let isCopying = await this.mayCopy();
    try {
      while (!this.isStopped && !move.hasFailed) {
        const step = await move.step();
        if (step.kind === 'moved' || step.kind === 'ended') return;
        if (step.kind === 'interrupted') await move.hosted.settled();
        if (step.kind === 'copied') {
          this.options.throttle.record(step.bytes);
          await this.pause(move, 0);
          while (this.options.throttle.isExceeded && !this.isStopped && !move.hasEnded) await this.pause(move, THROTTLED_PAUSE_MS);
        }
        if (step.kind === 'caughtUp') {
          if (isCopying) this.copied();
          isCopying = false;
          this.onPlaceChanged();
          await this.pause(move, LOOK_MS, { orChange: true });
        }
      }
    } catch (error) {
      await this.failed(move, error);
    } finally {
      if (isCopying) this.copied();
    }
  }

  /** A disk that failed has told so itself. */
  private async failed(move: LogMove, error: unknown): Promise<void> {
    const { hosted, source, target } = move;
    if (move.hasEnded || source.offlineCause !== undefined || target.offlineCause !== undefined) return;
    const fields = { topic: hosted.topic, partition: hosted.partition, from: source.folder, to: target.folder, error: errorMessage(error) };
    if (!hasCode(error, 'STORAGE_FULL')) {
      move.hasFailed = true;
      this.options.logger.error(fields, 'move of a replica to another log directory is given up');
      this.onPlaceChanged();
      return;
    }
    this.options.logger.warn(fields, 'there is no room in the other log directory; the move of the replica is tried again');
    await this.pause(move, FULL_PAUSE_MS);
    if (!this.isStopped) this.keep(this.run(move));
  }

  private async mayCopy(): Promise<boolean> {
    if (this.copies >= this.options.copiesMax && !this.isStopped) await new Promise<void>((resolve) => this.queue.push(resolve));
    this.copies += 1;
    return true;
  }

  private copied(): void {
    this.copies -= 1;
    this.queue.shift()?.();
  }

  /** `orChange`: or until something is appended. The end of the move and of the mover end it as well. */
  private pause(move: LogMove, ms: number, { orChange = false }: { readonly orChange?: boolean } = {}): Promise<void> {
    if (this.isStopped || move.hasEnded) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        move.hosted.stopWaiting(waiter);
        this.wakes.delete(move);
        resolve();
      };
      const waiter: PartitionWaiter = { waitsFor: 'anything', onPartitionChanged: end };
      const timer: Scheduled = this.options.scheduler.after(ms, end);
      this.wakes.set(move, end);
      if (orChange) move.hosted.wait(waiter);
    });
  }

  private keep(run: Promise<void>): void {
    const kept = run
      .catch((error: unknown) => this.options.logger.error({ error: errorMessage(error) }, 'a move between log directories ended badly'))
      .finally(() => this.runs.delete(kept));
    this.runs.add(kept);
  }
}
