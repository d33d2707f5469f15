import { errorMessage, invariant, type BrokerEpoch, type BrokerId, type Clock, type Codecs, type LeaderEpoch, type Logger, type Offset, type PartitionEpoch, type TimestampMs, type Uuid } from '@millrace/foundation';
import type { AppendStatus, EpochEnd, FollowerFetch, IsrProposal, PartitionAssignment, PartitionEffects, PartitionError, PartitionMachine, Wake } from '@millrace/partition';
import { stampBatch, stampLogAppendTime, stampMaxTimestamp, validateProducerBatch, type BatchHeader, type ProducerBatchError, type RecordError } from '@millrace/records';
import type { AppendInfo, AppendOrigin, PartitionLog, ProducerError } from '@millrace/storage';
import type { TopicSettings } from '../config/topic-settings.js';
import { isStorageFailure } from '../storage-failure.js';
import { ReadAhead, type ReadAheadBudget } from './read-ahead.js';
import { recompressBatch } from './recompress-batch.js';
import { replicableBatches } from './replicable-batches.js';

export type WaitsFor = keyof Wake | 'anything';

/** An operation that waits for partitions; called when it may be able to finish. */
export interface PartitionWaiter {
  /** What it waits for, and so what it is woken by. */
  readonly waitsFor: WaitsFor;
  onPartitionChanged(hosted: HostedPartition): void;
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

/** What a leader answered a follower's fetch with. */
export interface LeaderAnswer {
  readonly records: Uint8Array;
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
}

/** What became of it. `startsBefore`: the leader's first batch begins below the end of this log, which must then begin anew at `offset` (its start lies inside a batch). */
export type Replicated =
  | { readonly kind: 'replicated'; readonly bytes: number; readonly isFlushDue: boolean }
  | { readonly kind: 'corrupt'; readonly problem: string }
  | { readonly kind: 'startsBefore'; readonly offset: Offset }
  | { readonly kind: 'refusedByDisk' };

/** What a partition asks of its broker. */
export interface PartitionBroker {
  /** The in-sync replicas that it wants, for the controller. */
  readonly proposeIsr: (hosted: HostedPartition, proposal: IsrProposal) => void;
  /** Its log is about to be cut at `offset`; nothing is cut before this has resolved. */
  readonly beforeTruncation: (hosted: HostedPartition, offset: Offset) => Promise<void>;
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
  readonly broker: PartitionBroker;
}

/** One replica on this broker: the machine that decides, the log that keeps, and those who wait for either. */
export class HostedPartition {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly partition: number;
  readonly machine: PartitionMachine;
  readonly readAhead: ReadAhead;
  settings: TopicSettings;
  /** Bytes appended for producers since the start of the process. */
  appendedBytes = 0;
  /** Records appended, and bytes fetched by clients, since the start of the process. */
  appendedRecords = 0;
  fetchedBytes = 0;
  /** Bytes that came from the leader, and that followers fetched. */
  replicatedBytes = 0;
  fetchedByReplicasBytes = 0;
  /** What waits for this leadership asks whether it is still the same. */
  leadershipsLost = 0;
  private readonly waiters: Readonly<Record<WaitsFor, Set<PartitionWaiter>>> = { followers: new Set(), consumers: new Set(), producers: new Set(), deletions: new Set(), anything: new Set() };
  private readonly wakesQueued = new Set<WaitsFor>();
  private readonly clock: Clock;
  private readonly codecs: Codecs;
  private readonly logger: Logger;
  private readonly decompressedBytesMax: number;
  private readonly broker: PartitionBroker;
  private truncation: Promise<void> | undefined;
  private ownLog: PartitionLog;
  private readonly flushes = new Set<Promise<unknown>>();
  private flushHold: Promise<void> | undefined;

  constructor(options: HostedPartitionOptions) {
    this.topic = options.topic;
    this.topicId = options.topicId;
    this.partition = options.partition;
    this.ownLog = options.log;
    this.machine = options.machine;
    this.settings = options.settings;
    this.readAhead = new ReadAhead(() => this.ownLog, options.readAheadBudget, () => options.clock.monotonicMs());
    this.clock = options.clock;
    this.codecs = options.codecs;
    this.logger = options.logger;
    this.decompressedBytesMax = options.decompressedBytesMax;
    this.broker = options.broker;
  }

  get log(): PartitionLog {
    return this.ownLog;
  }

  /** The same records in another directory: this is its log from now on. Reads of the old one that are under way come to their end. */
  continueIn(log: PartitionLog): void {
    invariant(this.truncation === undefined && log.logEndOffset === this.ownLog.logEndOffset, 'a log is replaced by one that holds the same');
    this.readAhead.clear();
    log.updateConfig(this.settings.log);
    log.onHighWatermark(this.machine.highWatermark);
    this.ownLog = log;
  }

  /** Not while the log is being cut: see `settled`. */
  assign(assignment: PartitionAssignment): void {
    invariant(this.truncation === undefined, 'a partition gets another role once its log is cut');
    const wasLeader = this.machine.role === 'leader';
    // Another epoch begins at the true end, which was synced where that is asked; within one, an append is told when its own flush is done.
    if (wasLeader && assignment.leaderEpoch !== this.machine.leaderEpoch) this.tellLogEnd(this.log.logEndOffset);
    this.execute(this.machine.assigned(assignment, this.clock.nowMs()));
    if (wasLeader && this.machine.role !== 'leader') this.leadershipsLost += 1;
  }

  /** Resolves when the log is not being cut. */
  async settled(): Promise<void> {
    while (this.truncation !== undefined) await this.truncation.catch(() => undefined);
  }

  get isTruncating(): boolean {
    return this.truncation !== undefined;
  }

  /** How the broker of another replica fares. */
  brokerChanged(brokerId: BrokerId, registration: { readonly isActive: boolean; readonly brokerEpoch: BrokerEpoch }): void {
    this.execute(this.machine.brokerChanged(brokerId, registration, this.clock.nowMs()));
  }

  /** A follower fetched from the log as it was when it ended at `logEndOffset`. */
  followerFetched(fetch: Omit<FollowerFetch, 'nowMs'>, logEndOffset: Offset): void {
    this.execute(this.machine.followerFetched({ ...fetch, nowMs: this.clock.nowMs() }, logEndOffset));
  }

  isrCommitted(proposal: IsrProposal, answer: { leaderEpoch: LeaderEpoch; partitionEpoch: PartitionEpoch; isr: readonly BrokerId[] }): void {
    this.execute(this.machine.isrCommitted(proposal, answer, this.clock.nowMs()));
  }

  isrRefused(proposal: IsrProposal, error: string): void {
    this.execute(this.machine.isrRefused(proposal, error));
  }

  /** Whether a produce with acks=all may be answered. `leadershipsLost` as it was at the append: what another leader did since may not be taken for it. */
  ackStatus(requiredOffset: Offset, leadershipsLost: number): AppendStatus {
    if (leadershipsLost !== this.leadershipsLost && this.machine.role !== 'offline') return 'NOT_LEADER_OR_FOLLOWER';
    return this.machine.appendStatus(requiredOffset);
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

  /** A follower: the leader's batches as they came, then how far its readers may see. */
  replicate(answer: LeaderAnswer): Replicated {
    const { log, machine } = this;
    let bytes = 0;
    let isFlushDue = false;
    if (answer.records.length > 0) {
      const batches = replicableBatches(answer.records, { logEndOffset: log.logEndOffset, leaderEpoch: machine.leaderEpoch, crc32c: this.codecs.crc32c });
      if (batches.kind === 'corrupt') return batches;
      if (batches.kind === 'startsBefore') return log.logEndOffset === log.logStartOffset && batches.lastOffset >= log.logEndOffset ? { kind: 'startsBefore', offset: batches.baseOffset } : { kind: 'corrupt', problem: `a batch from ${batches.baseOffset} on where ${log.logEndOffset} is due` };
      if (batches.bytes.length > 0) {
        const info = this.appendStamped(batches.bytes, 'replication', this.clock.nowMs());
        if (info === undefined) return { kind: 'refusedByDisk' };
        bytes = info.bytes;
        isFlushDue = info.isFlushDue;
      }
    }
    this.execute(machine.leaderAnswered(answer));
    if (machine.logStartOffset > log.logStartOffset) log.advanceLogStartOffset(machine.logStartOffset);
    return { kind: 'replicated', bytes, isFlushDue };
  }

  /** A follower whose last epoch ends at `end` on the leader: cuts the log to where the two agree. */
  truncateToDivergence(end: EpochEnd): Promise<void> {
    const { truncateTo } = this.machine.diverged(end);
    return truncateTo === null ? Promise.resolve() : this.truncateTo(truncateTo);
  }

  truncateTo(offset: Offset): Promise<void> {
    return this.cut(offset, () => this.log.truncateTo(offset));
  }

  /** A follower whose leader has nothing that goes with this log: empties it. */
  startAnewAt(offset: Offset): Promise<void> {
    return this.cut(Math.min(offset, this.log.logStartOffset), () => this.log.truncateFullyAndStartAt(offset));
  }

  /** A batch that this broker built itself (group state). Undefined: the disk failed. */
  appendFromCoordinator(bytes: Uint8Array): AppendInfo | undefined {
    stampBatch(bytes, 0, this.log.logEndOffset, this.machine.leaderEpoch);
    return this.appendStamped(bytes, 'coordinator', this.clock.nowMs());
  }

  /** False: the flush failed and the log is offline. */
  async flush(upTo?: Offset): Promise<boolean> {
    while (this.flushHold !== undefined) await this.flushHold;
    const { log } = this;
    const flush = log.flush(upTo === undefined ? upTo : Math.min(upTo, log.logEndOffset));
    this.flushes.add(flush);
    try {
      await flush;
      return true;
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      return false;
    } finally {
      this.flushes.delete(flush);
    }
  }

  /** What is durable stays as it is when this resolves, and until what it gives is called: flushes that are asked for meanwhile wait. */
  async holdFlushes(): Promise<() => void> {
    invariant(this.flushHold === undefined, 'flushes are held by one at a time');
    let release = (): void => undefined;
    this.flushHold = new Promise<void>((resolve) => {
      release = () => {
        this.flushHold = undefined;
        resolve();
      };
    });
    await Promise.allSettled(this.flushes);
    return release;
  }

  /** With `flush.messages=1`: what another process, or this one in another role, has written and not synced yet. */
  async syncAsAsked(): Promise<void> {
    const { log } = this;
    if (this.machine.role !== 'offline' && log.config.flushMessages <= 1 && log.recoveryPoint < log.logEndOffset) await this.flush();
  }

  /** DeleteRecords and retention. */
  advanceLogStartOffset(offset: Offset): void {
    this.log.advanceLogStartOffset(offset);
    this.execute(this.machine.logStartAdvanced(this.log.logStartOffset));
  }

  /** Retention. Returns how many segments went. */
  deleteOldSegments(): number {
    if (this.truncation !== undefined) return 0;
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
    this.waiters[waiter.waitsFor].add(waiter);
  }

  stopWaiting(waiter: PartitionWaiter): void {
    this.waiters[waiter.waitsFor].delete(waiter);
  }

  /** What the log has grown by: what a waiting fetch counts by. */
  get logBytesIn(): number {
    return this.appendedBytes + this.replicatedBytes;
  }

  get leaderEpoch(): LeaderEpoch {
    return this.machine.leaderEpoch;
  }

  private cut(offset: Offset, work: () => Promise<void>): Promise<void> {
    invariant(this.truncation === undefined, 'a log is cut by one caller at a time');
    this.readAhead.clear();
    const run = async (): Promise<void> => {
      await this.broker.beforeTruncation(this, offset);
      await work();
      this.readAhead.clear();
      this.machine.truncated(this.log.logEndOffset, this.log.logStartOffset);
      this.execute(this.machine.unstableOffsetChanged(this.log.firstUnstableOffset ?? -1));
    };
    this.truncation = run().finally(() => (this.truncation = undefined));
    return this.truncation;
  }

  private appendStamped(bytes: Uint8Array, origin: AppendOrigin, nowMs: TimestampMs): AppendInfo | undefined {
    let info: AppendInfo;
    try {
      info = this.log.append(bytes, origin === 'replication' ? { origin } : { origin, leaderEpoch: this.machine.leaderEpoch });
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      this.logger.error({ topic: this.topic, partition: this.partition, error: errorMessage(error) }, 'append refused by the disk');
      return undefined;
    }
    if (origin === 'replication') this.replicatedBytes += info.bytes;
    else {
      this.appendedBytes += info.bytes;
      this.appendedRecords += info.nextOffset - info.baseOffset;
    }
    if (info.hasRolled) this.flushRolled(info.baseOffset);
    const unstable = this.log.firstUnstableOffset;
    if (unstable !== undefined) this.execute(this.machine.unstableOffsetChanged(unstable));
    if (origin !== 'replication' && info.isFlushDue && this.log.config.flushMessages <= 1) this.tellLogEndOnceFlushed(info.nextOffset);
    else this.execute(this.machine.appended(info.lastOffset, nowMs));
    return info;
  }

  /** With `flush.messages=1` nobody, reader or follower, sees what a loss of power could take back. */
  private tellLogEndOnceFlushed(logEndOffset: Offset): void {
    void this.flush(logEndOffset).then((isFlushed) => {
      if (isFlushed && this.machine.role === 'leader') this.tellLogEnd(logEndOffset);
    });
  }

  private tellLogEnd(logEndOffset: Offset): void {
    const end = Math.min(logEndOffset, this.log.logEndOffset);
    if (end > this.machine.logEndOffset) this.execute(this.machine.appended(end - 1, this.clock.nowMs()));
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
    if (effects.proposeIsr !== null) this.broker.proposeIsr(this, effects.proposeIsr);
    if (effects.highWatermarkAdvancedTo !== null) {
      this.log.onHighWatermark(effects.highWatermarkAdvancedTo);
      this.machine.unstableOffsetChanged(this.log.firstUnstableOffset ?? -1);
    }
    const { wake } = effects;
    if (wake.followers) this.queueWake('followers');
    if (wake.consumers) this.queueWake('consumers');
    if (wake.producers) this.queueWake('producers');
    if (wake.deletions) this.queueWake('deletions');
    if (this.waiters.anything.size > 0 && (wake.followers || wake.consumers || wake.deletions)) this.queueWake('anything');
  }

  /** Once per turn of the event loop, behind the requests of the same chunk: a waiting fetch takes what all of them appended. */
  private queueWake(waitsFor: WaitsFor): void {
    if (this.waiters[waitsFor].size === 0) return;
    if (this.wakesQueued.size === 0) {
      queueMicrotask(() => {
        const queued = [...this.wakesQueued];
        this.wakesQueued.clear();
        for (const kind of queued) for (const waiter of this.waiters[kind]) waiter.onPartitionChanged(this);
      });
    }
    this.wakesQueued.add(waitsFor);
  }
}
