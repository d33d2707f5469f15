import { errorMessage, invariant, type Clock, type Codecs, type LeaderEpoch, type Logger, type Offset, type TimestampMs, type Uuid } from '@millrace/foundation';
import type { PartitionAssignment, PartitionEffects, PartitionError, PartitionMachine } from '@millrace/partition';
import { stampBatch, stampLogAppendTime, stampMaxTimestamp, validateProducerBatch, type BatchHeader, type ProducerBatchError, type RecordError } from '@millrace/records';
import type { AppendInfo, PartitionLog, ProducerError } from '@millrace/storage';
import type { TopicSettings } from '../config/topic-settings.js';
import { isStorageFailure } from '../storage-failure.js';
import { ReadAhead, type ReadAheadBudget } from './read-ahead.js';
import { recompressBatch } from './recompress-batch.js';

/** An operation that waits for this partition; called when it may be able to finish. */
export interface PartitionWaiter {
  onPartitionChanged(): void;
}

export type AppendError = PartitionError | ProducerBatchError | ProducerError | 'INVALID_TXN_STATE';

export interface AppendRefused {
  readonly error: AppendError;
  readonly message: string | null;
  readonly recordErrors?: readonly RecordError[];
}

export interface Appended {
  readonly error: null;
  readonly baseOffset: Offset;
  /** Last offset + 1: what the high watermark must reach for acks=all. */
  readonly nextOffset: Offset;
  /** -1 unless the topic stamps LogAppendTime. */
  readonly logAppendTimeMs: TimestampMs;
  /** Flush before this is acknowledged. */
  readonly isFlushDue: boolean;
}

export interface ClientAppendOptions {
  readonly acks: number;
  readonly zstdAllowed: boolean;
}

export interface HostedPartitionOptions {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly partition: number;
  readonly log: PartitionLog;
  readonly machine: PartitionMachine;
  readonly settings: TopicSettings;
  readonly clock: Clock;
  readonly codecs: Codecs;
  readonly logger: Logger;
  readonly decompressedBytesMax: number;
  readonly readAheadBudget: ReadAheadBudget;
}

/** One replica on this broker: the machine that decides, the log that keeps, and those who wait for either. */
export class HostedPartition {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly partition: number;
  readonly log: PartitionLog;
  readonly machine: PartitionMachine;
  readonly readAhead: ReadAhead;
  settings: TopicSettings;
  /** Bytes appended since the start of the process: what a waiting fetch counts by. */
  appendedBytes = 0;
  /** Records appended, and bytes fetched by clients, since the start of the process. */
  appendedRecords = 0;
  fetchedBytes = 0;
  private readonly waiters = new Set<PartitionWaiter>();
  private isWakeQueued = false;
  private readonly clock: Clock;
  private readonly codecs: Codecs;
  private readonly logger: Logger;
  private readonly decompressedBytesMax: number;

  constructor(options: HostedPartitionOptions) {
    this.topic = options.topic;
    this.topicId = options.topicId;
    this.partition = options.partition;
    this.log = options.log;
    this.machine = options.machine;
    this.settings = options.settings;
    this.readAhead = new ReadAhead(options.log, options.readAheadBudget, () => options.clock.monotonicMs());
    this.clock = options.clock;
    this.codecs = options.codecs;
    this.logger = options.logger;
    this.decompressedBytesMax = options.decompressedBytesMax;
  }

  assign(assignment: PartitionAssignment): void {
    this.execute(this.machine.assigned(assignment, this.clock.nowMs()));
  }

  changeSettings(settings: TopicSettings): void {
    this.settings = settings;
    this.log.updateConfig(settings.log);
    this.execute(this.machine.minInsyncReplicasChanged(settings.minInsyncReplicas, this.clock.nowMs()));
  }

  /** One batch of a producer: Kafka's checks, its place in the log, the append. The bytes are stamped where they are; they are the producer's own. */
  appendFromClient(bytes: Uint8Array, options: ClientAppendOptions): Appended | AppendRefused {
    const refused = this.machine.checkAppend(options.acks);
    if (refused !== null) return { error: refused, message: null };
    const nowMs = this.clock.nowMs();
    const { settings } = this;
    const check = validateProducerBatch(bytes, {
      codecs: this.codecs,
      isCompacted: settings.isCompacted,
      maxBatchBytes: settings.maxMessageBytes,
      nowMs,
      timestampBeforeMaxMs: settings.timestampBeforeMaxMs,
      timestampAfterMaxMs: settings.timestampAfterMaxMs,
      timestampType: settings.timestampType,
      decompressedBytesMax: this.decompressedBytesMax,
      zstdAllowed: options.zstdAllowed,
    });
    if (!check.ok) return check;
    if (check.header.isTransactional) return { error: 'INVALID_TXN_STATE', message: 'Transactions are not supported by this broker' };
    const isLogAppendTime = settings.timestampType === 'LogAppendTime';
    const verdict = this.log.producers.check(check.header, { origin: 'client' });
    if (verdict.kind === 'error') return { error: verdict.error, message: verdict.message };
    if (verdict.kind === 'duplicate') {
      // Invariant 18: the range is in the log already; the producer is told where, and nothing is appended.
      const { baseOffset, lastOffset, timestampMs } = verdict.batch;
      return { error: null, baseOffset, nextOffset: lastOffset + 1, logAppendTimeMs: isLogAppendTime ? timestampMs : -1, isFlushDue: this.isFlushDueFor(lastOffset) };
    }
    const batch = this.recompressed(bytes, check.header);
    if (batch.length > settings.maxMessageBytes) return { error: 'MESSAGE_TOO_LARGE', message: `The record batch size is ${batch.length} bytes which exceeds the maximum configured value of ${settings.maxMessageBytes}.` };
    stampBatch(batch, 0, this.log.logEndOffset, this.machine.leaderEpoch);
    if (isLogAppendTime) stampLogAppendTime(batch, 0, nowMs, this.codecs.crc32c);
    else if (check.isMaxTimestampWrong && batch === bytes) stampMaxTimestamp(batch, 0, check.maxTimestampMs, this.codecs.crc32c);
    const info = this.appendStamped(batch, 'client', nowMs);
    if (info === undefined) return { error: 'KAFKA_STORAGE_ERROR', message: null };
    return { error: null, baseOffset: info.baseOffset, nextOffset: info.nextOffset, logAppendTimeMs: isLogAppendTime ? nowMs : -1, isFlushDue: info.isFlushDue };
  }

  /** A batch that this broker built itself (group state). Undefined: the disk failed. */
  appendFromCoordinator(bytes: Uint8Array): AppendInfo | undefined {
    stampBatch(bytes, 0, this.log.logEndOffset, this.machine.leaderEpoch);
    return this.appendStamped(bytes, 'coordinator', this.clock.nowMs());
  }

  /** False: the flush failed and the log is offline. */
  async flush(upTo?: Offset): Promise<boolean> {
    try {
      await this.log.flush(upTo);
      return true;
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      return false;
    }
  }

  /** DeleteRecords and retention. */
  advanceLogStartOffset(offset: Offset): void {
    this.log.advanceLogStartOffset(offset);
    this.execute(this.machine.logStartAdvanced(this.log.logStartOffset));
  }

  /** Retention. Returns how many segments went. */
  deleteOldSegments(): number {
    const count = this.log.deleteOldSegments(this.machine.highWatermark);
    if (count > 0) this.execute(this.machine.logStartAdvanced(this.log.logStartOffset));
    return count;
  }

  tick(): void {
    this.execute(this.machine.tick(this.clock.nowMs()));
  }

  wentOffline(): void {
    this.readAhead.clear();
    this.execute(this.machine.wentOffline());
  }

  wait(waiter: PartitionWaiter): void {
    this.waiters.add(waiter);
  }

  stopWaiting(waiter: PartitionWaiter): void {
    this.waiters.delete(waiter);
  }

  /** The partition goes away (deleted, or the broker stops): those who wait find that out by themselves. */
  wakeAll(): void {
    for (const waiter of this.waiters) waiter.onPartitionChanged();
  }

  get leaderEpoch(): LeaderEpoch {
    return this.machine.leaderEpoch;
  }

  private appendStamped(bytes: Uint8Array, origin: 'client' | 'coordinator', nowMs: TimestampMs): AppendInfo | undefined {
    let info: AppendInfo;
    try {
      info = this.log.append(bytes, { origin, leaderEpoch: this.machine.leaderEpoch });
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      this.logger.error({ topic: this.topic, partition: this.partition, error: errorMessage(error) }, 'append refused by the disk');
      return undefined;
    }
    this.appendedBytes += info.bytes;
    this.appendedRecords += info.nextOffset - info.baseOffset;
    if (info.hasRolled) this.flushRolled(info.baseOffset);
    const unstable = this.log.firstUnstableOffset;
    if (unstable !== undefined) this.execute(this.machine.unstableOffsetChanged(unstable));
    this.execute(this.machine.appended(info.lastOffset, nowMs));
    return info;
  }

  /** A first attempt may still wait for its flush when the second one comes: neither is acknowledged before it. */
  private isFlushDueFor(lastOffset: Offset): boolean {
    const { recoveryPoint, logEndOffset, config } = this.log;
    return lastOffset >= recoveryPoint && logEndOffset - recoveryPoint >= config.flushMessages;
  }

  /** The segments before the new one, in the background. */
  private flushRolled(upTo: Offset): void {
    this.flush(upTo).catch((error: unknown) => {
      this.logger.error({ topic: this.topic, partition: this.partition, error: errorMessage(error) }, 'flush of a full segment failed');
    });
  }

  private recompressed(bytes: Uint8Array, header: BatchHeader): Uint8Array {
    const target = this.settings.recompressTo;
    if (target === undefined || target.compression === header.compression) return bytes;
    return recompressBatch(bytes, header, { ...target, codecs: this.codecs, decompressedBytesMax: this.decompressedBytesMax });
  }

  private execute(effects: PartitionEffects): void {
    if (effects.assignEpoch !== null) this.log.assignLeaderEpoch(effects.assignEpoch.leaderEpoch, effects.assignEpoch.startOffset);
    invariant(effects.truncateTo === null && effects.proposeIsr === null, 'a partition whose only replica is here neither truncates nor proposes in-sync replicas');
    if (effects.highWatermarkAdvancedTo !== null) {
      this.log.onHighWatermark(effects.highWatermarkAdvancedTo);
      this.machine.unstableOffsetChanged(this.log.firstUnstableOffset ?? -1);
    }
    const { wake } = effects;
    if (this.waiters.size > 0 && (wake.consumers || wake.producers || wake.deletions || wake.followers)) this.queueWake();
  }

  /** Once per turn of the event loop, behind the requests of the same chunk: a waiting fetch takes what all of them appended. */
  private queueWake(): void {
    if (this.isWakeQueued) return;
    this.isWakeQueued = true;
    queueMicrotask(() => {
      this.isWakeQueued = false;
      this.wakeAll();
    });
  }
}
