import { hasCode, invariant, type Offset } from '@millrace/foundation';
import type { FoundFuture, LogDirectory, PartitionLog, ReadResult } from '@millrace/storage';
import type { HostedPartition } from './hosted-partition.js';

/** What a step of a move came to. */
export type MoveStep =
  | { readonly kind: 'copied'; readonly bytes: number }
  /** The future log holds everything; the controller is to agree. */
  | { readonly kind: 'caughtUp' }
  /** The future log has taken its place. */
  | { readonly kind: 'moved' }
  /** The log is being cut: the next step is due once that has ended. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'ended' };

export interface LogMoveOptions {
  readonly hosted: HostedPartition;
  readonly source: LogDirectory;
  readonly target: LogDirectory;
  /** What the process before had of it. */
  readonly found: FoundFuture | undefined;
  readonly bytesPerStep: number;
  /** The metadata says that the replica is in the target. */
  readonly isAgreed: () => boolean;
  /** Called at once when the future log has taken its place. */
  readonly onMoved: () => void;
  /** What is written beside the logs of the target. */
  readonly highWatermarksOf: (directory: LogDirectory) => readonly { readonly topic: string; readonly partition: number; readonly offset: Offset }[];
}

/**
 * One replica on its way to another log directory: a future log there that is filled from the replica's log, as a follower's is from its leader's, and takes its place once it holds everything and the controller
 * knows. What touches the future log takes its turn.
 */
export class LogMove {
  readonly hosted: HostedPartition;
  readonly source: LogDirectory;
  readonly target: LogDirectory;
  /** Once it has been: the controller is told that the replica is in the target. */
  hasCaughtUp = false;
  /** Given up after a fault; the future log stays for who asks again. */
  hasFailed = false;
  private isEnded = false;
  private openFuture: PartitionLog | undefined;
  /** The future log is known to be a part of the log. */
  private isAligned = false;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: LogMoveOptions) {
    this.hosted = options.hosted;
    this.source = options.source;
    this.target = options.target;
  }

  get future(): PartitionLog | undefined {
    return this.openFuture;
  }

  get hasEnded(): boolean {
    return this.isEnded;
  }

  /** How many offsets the future log is behind. */
  get lag(): number {
    return this.openFuture === undefined ? 0 : Math.max(0, this.hosted.log.logEndOffset - this.openFuture.logEndOffset);
  }

  open(): Promise<void> {
    return this.inTurn(async () => {
      const { hosted, target, options } = this;
      if (this.isEnded) return;
      this.openFuture = await target.openFuture({ topic: hosted.topic, partition: hosted.partition, topicId: hosted.topicId, config: hosted.log.config }, options.found?.folder);
    });
  }

  /** Throws what the disks say. */
  step(): Promise<MoveStep> {
    return this.inTurn(async (): Promise<MoveStep> => {
      if (this.isEnded || this.source.offlineCause !== undefined) return { kind: 'ended' };
      if (this.hosted.isTruncating) return { kind: 'interrupted' };
      const bytes = await this.copy();
      if (bytes > 0 || !this.isEven) return { kind: 'copied', bytes };
      this.hasCaughtUp = true;
      if (!this.options.isAgreed()) return { kind: 'caughtUp' };
      return (await this.takePlace()) ? { kind: 'moved' } : { kind: 'copied', bytes: 0 };
    });
  }

  /** The log is about to be cut at `offset`: the future log is cut first, so that it never holds what the log has lost. */
  beforeTruncation(offset: Offset): Promise<void> {
    return this.inTurn(async () => {
      if (this.isEnded || this.openFuture === undefined) return;
      this.isAligned = false;
      if (offset < this.openFuture.logEndOffset) await this.openFuture.truncateTo(offset);
    });
  }

  /** Nothing more comes of it when this resolves. `remove`: the future log goes as well; else it stays on the disk for the next start. */
  async end({ remove }: { readonly remove: boolean }): Promise<void> {
    this.isEnded = true;
    await this.inTurn(async () => {
      const { topic, partition } = this.hosted;
      if (this.openFuture === undefined || this.target.get(topic, partition) === this.openFuture) return;
      this.openFuture = undefined;
      if (remove && this.target.offlineCause === undefined) await this.target.removeFuture(topic, partition);
      else this.target.abandonFuture(topic, partition);
    });
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private expectFuture(): PartitionLog {
    invariant(this.openFuture !== undefined, 'a move is opened first');
    return this.openFuture;
  }

  private get isEven(): boolean {
    const future = this.expectFuture();
    const { log } = this.hosted;
    return this.isAligned && future.logEndOffset === log.logEndOffset && future.logStartOffset >= log.logStartOffset;
  }

  /** One stretch; 0 when there is nothing more. */
  private async copy(): Promise<number> {
    const future = this.expectFuture();
    const { log } = this.hosted;
    if (future.config !== log.config) future.updateConfig(log.config);
    if (future.logEndOffset > log.logEndOffset || future.logEndOffset < log.logStartOffset) this.isAligned = false;
    if (!this.isAligned) await this.align(future);
    try {
      const result = await this.read();
      const taken = this.take(result);
      result.release();
      if (taken.rolledAt !== undefined) await future.flush(taken.rolledAt);
      return taken.bytes;
    } catch (error) {
      if (!hasCode(error, 'OFFSET_OUT_OF_RANGE')) throw error;
      // Records were deleted meanwhile.
      this.isAligned = false;
      return 0;
    }
  }

  private read(): ReadResult | Promise<ReadResult> {
    const { log } = this.hosted;
    return log.read({ offset: Math.max(this.expectFuture().logEndOffset, log.logStartOffset), maxBytes: this.options.bytesPerStep, minOneBatch: true });
  }

  private take({ bytes }: ReadResult): { readonly bytes: number; readonly rolledAt: Offset | undefined } {
    const future = this.expectFuture();
    const { log } = this.hosted;
    const info = bytes.length === 0 ? undefined : future.append(bytes, { origin: 'replication' });
    future.advanceLogStartOffset(Math.min(log.logStartOffset, future.logEndOffset));
    return { bytes: bytes.length, rolledAt: info?.hasRolled === true ? info.baseOffset : undefined };
  }

  /**
   * What an earlier process copied may be what the log has lost since: cut back to where the leader epochs of both agree. A log that begins behind the future log's end, or holds nothing of it, begins the
   * future log anew; with the whole batch where it begins inside of one.
   */
  private async align(future: PartitionLog): Promise<void> {
    const { log } = this.hosted;
    while (future.logEndOffset > log.logStartOffset) {
      const epoch = future.latestEpoch;
      const end = log.endOffsetForEpoch(epoch);
      const agreed = epoch < 0 ? log.logEndOffset : end.epoch === epoch ? end.endOffset : Math.min(end.epoch < 0 ? log.logStartOffset : end.endOffset, future.endOffsetForEpoch(end.epoch).endOffset);
      const cutAt = Math.min(Math.max(0, agreed), log.logEndOffset);
      if (cutAt >= future.logEndOffset) break;
      await future.truncateTo(cutAt);
      if (end.epoch === epoch || epoch < 0) break;
    }
    if (future.logEndOffset < log.logStartOffset || (future.logEndOffset === future.logStartOffset && future.logEndOffset !== log.logStartOffset)) {
      const first = await log.read({ offset: log.logStartOffset, maxBytes: 1, minOneBatch: true });
      const start = first.bytes.length === 0 ? log.logStartOffset : Math.min(first.baseOffset, log.logStartOffset);
      first.release();
      await future.truncateFullyAndStartAt(start);
    }
    this.isAligned = true;
  }

  /** False: something has come in between; once more. */
  private async takePlace(): Promise<boolean> {
    const { hosted, source, target, options } = this;
    const future = this.expectFuture();
    const { topic, partition } = hosted;
    const logStartOffset = future.logStartOffset;
    // What the target's checkpoints must say of it from the first moment on.
    await target.checkpoint([...options.highWatermarksOf(target), { topic, partition, offset: hosted.machine.highWatermark }]);
    const release = await hosted.holdFlushes();
    try {
      await future.flush();
      if (this.isEnded || hosted.isTruncating || source.offlineCause !== undefined || !options.isAgreed()) return false;
      const isWhole = this.takeRest() && future.logStartOffset === logStartOffset && future.recoveryPoint >= hosted.log.recoveryPoint;
      if (!isWhole) return false;
      // The epochs in which nothing was appended.
      for (const { epoch, startOffset } of hosted.log.leaderEpochs) if (epoch > future.latestEpoch) future.assignLeaderEpoch(epoch, startOffset);
      hosted.continueIn(target.takeOver({ topic, partition }, source));
      this.isEnded = true;
      options.onMoved();
    } finally {
      release();
    }
    await target.afterTakeOver(future, source);
    return true;
  }

  /** Without giving way to anybody. False: it would take a trip to the disk. */
  private takeRest(): boolean {
    while (!this.isEven) {
      const result = this.read();
      if (result instanceof Promise) {
        void result.then((it) => it.release());
        return false;
      }
      const { bytes } = this.take(result);
      result.release();
      if (bytes === 0) return this.isEven;
    }
    return true;
  }
}
