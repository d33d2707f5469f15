import { decodeGroupRecord, encodeGroupRecord, failedReply, replyErrorOf, type GroupCaller, type GroupCoordinator, type GroupEffects, type GroupReply } from '@millrace/coordinator';
import { errorMessage, hasCode, invariant, MalformedBytes, type Clock, type Codecs, type Logger, type Offset, type Scheduled, type Scheduler, type TimestampMs } from '@millrace/foundation';
import type { RequestContext } from '@millrace/network';
import { ErrorCode } from '@millrace/protocol';
import { batchesOf, readEndTxnMarker, RecordBatchBuilder, recordsOf } from '@millrace/records';
import type { HostedPartition, PartitionWaiter } from '../replicas/hosted-partition.js';

const LOAD_READ_BYTES = 5 * 1024 * 1024;
/** By less the clock on the wall only drifts. */
const CLOCK_MOVED_MS = 500;

export interface GroupShardDriverOptions {
  readonly hosted: HostedPartition;
  readonly coordinator: GroupCoordinator;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly codecs: Codecs;
  readonly logger: Logger;
  readonly decompressedBytesMax: number;
  /** offsets.commit.timeout.ms */
  readonly commitTimeoutMs: number;
  /** Called once when the shard gave up by itself: this broker leads the partition no more, or the disk failed. */
  readonly onGivenUp: () => void;
}

/** Replies that wait until what was appended before them is committed. */
interface HeldReplies {
  readonly requiredOffset: Offset;
  /** By the steady clock: when they are given up. */
  readonly limitMs: number;
  readonly replies: readonly GroupReply[];
}

/**
 * Carries out what one group coordinator shard asks: appends its records to its partition of `__consumer_offsets` by the same path as a
 * produce, tells it how that went, and answers requests once their records are committed. It knows nothing of rebalances.
 */
export class GroupShardDriver implements PartitionWaiter {
  readonly waitsFor = 'producers';
  /** `unloaded`: the shard answers nothing any more. */
  state: 'loading' | 'active' | 'unloaded' = 'loading';
  /** The leadership that the state belongs to. */
  private readonly leadershipsLost: number;
  private onceCommitted: (() => void) | undefined;
  private readonly resolvers = new Map<number, (reply: GroupReply | 'unloaded') => void>();
  /** In the order of the log, and of their limits. */
  private held: HeldReplies[] = [];
  private heldTimer: Scheduled | undefined;
  private nextToken = 0;
  private timer: Scheduled | undefined;
  private timerDueMs = Number.POSITIVE_INFINITY;
  /** What the clock on the wall is ahead of the steady one; it changes when somebody sets the clock. */
  private aheadMs: number;

  constructor(private readonly options: GroupShardDriverOptions) {
    this.leadershipsLost = options.hosted.leadershipsLost;
    this.aheadMs = options.clock.nowMs() - options.clock.monotonicMs();
  }

  /** False once another broker led the partition since: what it wrote is not in this state. */
  get isCurrent(): boolean {
    return this.state !== 'unloaded' && this.leadershipsLost === this.hosted.leadershipsLost;
  }

  get hosted(): HostedPartition {
    return this.options.hosted;
  }

  /**
   * Replays the partition from its start, and waits until all of that is committed: nothing that could be lost again is shown. A record that cannot be read is skipped and told:
   * one bad group must not take the others away.
   */
  async load(): Promise<void> {
    const { hosted, coordinator, logger } = this.options;
    const startedMs = this.options.clock.monotonicMs();
    const { logEndOffset } = hosted.log;
    let offset = hosted.log.logStartOffset;
    while (offset < logEndOffset) {
      const read = await hosted.log.read({ offset, maxBytes: LOAD_READ_BYTES, maxOffset: logEndOffset, minOneBatch: true });
      try {
        // Ended meanwhile: there is nobody to load for.
        if (this.state !== 'loading') return;
        invariant(read.nextOffset > offset, `partition ${hosted.partition} of __consumer_offsets ends at ${logEndOffset} and has nothing at ${offset}`);
        this.replay(read.bytes);
        offset = read.nextOffset;
      } finally {
        read.release();
      }
    }
    if (!this.isCurrent) return;
    hosted.wait(this);
    if (!this.isCommitted(logEndOffset)) await this.untilCommitted(logEndOffset);
    // Unloaded in the meantime.
    if (!this.isCurrent) return;
    coordinator.committedTo(hosted.machine.highWatermark);
    coordinator.loaded(this.nowMs());
    this.state = 'active';
    this.rearm();
    if (logEndOffset > 0) logger.debug({ partition: hosted.partition, records: logEndOffset, durationMs: this.options.clock.monotonicMs() - startedMs }, 'group coordinator loaded');
  }

  /** Answers everyone who waits with NOT_COORDINATOR. */
  unload(): void {
    const wasActive = this.state === 'active';
    this.state = 'unloaded';
    this.timer?.cancel();
    this.heldTimer?.cancel();
    this.hosted.stopWaiting(this);
    if (wasActive) this.send(this.options.coordinator.unload());
    this.held = [];
    // Whoever is left waited for records that are not known to be committed.
    for (const resolve of this.resolvers.values()) resolve('unloaded');
    this.resolvers.clear();
    this.onceCommitted?.();
  }

  /** One request that the shard answers now or later; `unloaded` when nobody knows whether it took effect. */
  ask(context: RequestContext, input: (coordinator: GroupCoordinator, caller: GroupCaller) => GroupEffects): Promise<GroupReply | 'unloaded'> {
    return new Promise((resolve) => {
      const token = this.nextToken++;
      this.resolvers.set(token, resolve);
      const nowMs = this.nowMs();
      const caller = { token, apiVersion: context.apiVersion, clientId: context.clientId ?? '', clientHost: `/${context.connection.remote.host}`, nowMs };
      this.run(input(this.options.coordinator, caller));
    });
  }

  /** For questions that the shard answers at once and without records, from what is committed. */
  query<T>(question: (coordinator: GroupCoordinator, nowMs: number) => T): T {
    const answer = question(this.options.coordinator, this.nowMs());
    this.rearm();
    return answer;
  }

  /** Carries out effects that no request caused. */
  run(effects: GroupEffects): void {
    if (effects.records.length > 0) this.append(effects);
    else this.answer(effects.replies, this.hosted.log.logEndOffset);
    this.rearm();
  }

  onPartitionChanged(): void {
    if (this.hosted.machine.role !== 'leader' || !this.isCurrent) {
      this.giveUp();
      return;
    }
    this.onceCommitted?.();
    this.options.coordinator.committedTo(this.hosted.machine.highWatermark);
    while (this.held.length > 0 && this.isCommitted(this.held[0]!.requiredOffset)) this.send(this.held.shift()!.replies);
  }

  /** Once it is, no later leader can be without it. That the in-sync replicas have become fewer since changes nothing about that. */
  private isCommitted(offset: Offset): boolean {
    const { machine } = this.hosted;
    return machine.role === 'leader' && machine.highWatermark >= offset;
  }

  private untilCommitted(offset: Offset): Promise<void> {
    return new Promise((resolve) => {
      this.onceCommitted = () => {
        if (this.state === 'loading' && !this.isCommitted(offset)) return;
        this.onceCommitted = undefined;
        resolve();
      };
    });
  }

  private giveUp(): void {
    if (this.state === 'unloaded') return;
    this.unload();
    this.options.onGivenUp();
  }

  private append(effects: GroupEffects): void {
    const { hosted, coordinator, codecs } = this.options;
    const nowMs = this.nowMs();
    const batch = batchOf(effects, codecs, nowMs);
    const refused = batch.length > hosted.settings.maxMessageBytes ? 'MESSAGE_TOO_LARGE' : hosted.machine.checkAppend(-1);
    if (refused !== null) {
      this.run(coordinator.appendFailed(effects, ErrorCode[refused], nowMs));
      return;
    }
    const info = hosted.appendFromCoordinator(batch);
    if (info === undefined) {
      this.run(coordinator.appendFailed(effects, ErrorCode.KAFKA_STORAGE_ERROR, nowMs));
      return;
    }
    coordinator.committedTo(hosted.machine.highWatermark);
    coordinator.appended(effects, info.baseOffset);
    if (!info.isFlushDue) {
      this.answer(effects.replies, info.nextOffset);
      return;
    }
    hosted.flush().then(
      (isFlushed) => (isFlushed ? this.answer(effects.replies, info.nextOffset) : this.giveUp()),
      (error: unknown) => {
        this.options.logger.error({ partition: hosted.partition, error: errorMessage(error) }, 'a flush of group records failed; the group coordinator stops');
        this.giveUp();
      },
    );
  }

  /** Invariant 4 of the coordinator: a reply leaves once everything appended before it is committed. */
  private answer(replies: readonly GroupReply[], requiredOffset: Offset): void {
    if (replies.length === 0) return;
    if (this.held.length === 0 && this.isCommitted(requiredOffset)) this.send(replies);
    else this.hold(requiredOffset, replies);
  }

  private hold(requiredOffset: Offset, replies: readonly GroupReply[]): void {
    const { clock, scheduler, commitTimeoutMs } = this.options;
    this.held.push({ requiredOffset, limitMs: clock.monotonicMs() + commitTimeoutMs, replies });
    this.heldTimer ??= scheduler.after(commitTimeoutMs, () => this.giveUpHeld());
  }

  /**
   * What takes too long is answered with an error, so that nobody waits for a coordinator that is cut off: the client looks for another one, and its connection is free for heartbeats.
   * Whether its records become committed is open.
   */
  private giveUpHeld(): void {
    const { clock, scheduler } = this.options;
    const nowMs = clock.monotonicMs();
    this.heldTimer = undefined;
    while (this.held.length > 0 && this.held[0]!.limitMs <= nowMs) this.send(this.held.shift()!.replies.map((reply) => failedReply(reply, replyErrorOf(ErrorCode.REQUEST_TIMED_OUT, reply.api))));
    const next = this.held[0];
    if (next !== undefined) this.heldTimer = scheduler.after(next.limitMs - nowMs, () => this.giveUpHeld());
  }

  private send(replies: readonly GroupReply[]): void {
    for (const reply of replies) {
      const resolve = this.resolvers.get(reply.token);
      this.resolvers.delete(reply.token);
      resolve?.(reply);
    }
  }

  private replay(bytes: Uint8Array): void {
    const { coordinator, codecs, decompressedBytesMax } = this.options;
    for (const { position, header } of batchesOf(bytes)) {
      const records = recordsOf(bytes, codecs, { position, decompressedBytesMax });
      const producerId = header.isTransactional ? header.producerId : -1;
      while (records.next()) {
        const [key, value] = [records.key(), records.value()];
        if (header.isControl) {
          const marker = readEndTxnMarker({ key, value });
          if (marker !== undefined) coordinator.replayEndTransaction(header.producerId, marker.isCommit);
        } else if (key !== null) {
          this.replayRecord(key, value, { offset: records.offset, producerId });
        }
      }
    }
  }

  private replayRecord(key: Uint8Array, value: Uint8Array | null, position: { offset: Offset; producerId: number }): void {
    try {
      // A plain view: a Buffer's `slice` would not copy what outlives the lent memory of a read.
      const record = decodeGroupRecord(key, value === null ? null : new Uint8Array(value.buffer, value.byteOffset, value.length));
      if (record !== undefined) this.options.coordinator.replay(record, position);
    } catch (error) {
      if (!(error instanceof MalformedBytes) && !hasCode(error, 'KAFKA_UNSUPPORTED_VERSION')) throw error;
      this.options.logger.error({ partition: this.hosted.partition, offset: position.offset, error: errorMessage(error) }, 'a record of __consumer_offsets cannot be read and is skipped');
    }
  }

  /** Stamps are by the clock on the wall. When that was set, what the shard waits for is due as long from now as before. */
  private nowMs(): TimestampMs {
    const { clock, coordinator } = this.options;
    const nowMs = clock.nowMs();
    const movedMs = nowMs - clock.monotonicMs() - this.aheadMs;
    if (Math.abs(movedMs) >= CLOCK_MOVED_MS) {
      this.aheadMs += movedMs;
      this.timerDueMs += movedMs;
      coordinator.clockMoved(movedMs);
    }
    return nowMs;
  }

  /** One timer, for the earliest thing that the shard waits for. */
  private rearm(): void {
    if (this.state !== 'active') return;
    const dueMs = this.options.coordinator.nextDueMs();
    if (dueMs >= this.timerDueMs && this.timer !== undefined) return;
    this.timer?.cancel();
    this.timer = undefined;
    this.timerDueMs = dueMs;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(0, dueMs - this.nowMs());
    this.timer = this.options.scheduler.after(delayMs, () => this.onTimer());
  }

  private onTimer(): void {
    this.timer = undefined;
    this.timerDueMs = Number.POSITIVE_INFINITY;
    while (this.state === 'active') {
      const effects = this.options.coordinator.tick(this.nowMs());
      if (effects === null) break;
      this.run(effects);
    }
    this.rearm();
  }
}

/** All records of one input in one batch. */
function batchOf(effects: GroupEffects, codecs: Codecs, nowMs: TimestampMs): Uint8Array {
  const builder = new RecordBatchBuilder(1024);
  for (const record of effects.records) {
    const { key, value } = encodeGroupRecord(record);
    builder.append(key, value, nowMs);
  }
  const { transaction } = effects;
  return builder.build({ codecs, ...(transaction === null ? {} : { producerId: transaction.producerId, producerEpoch: transaction.producerEpoch, isTransactional: true }) });
}
