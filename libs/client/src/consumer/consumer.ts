import { errorMessage, OperationalError, topicPartitionName, type Scheduled, type TimestampMs, type TopicPartition } from '@millrace/foundation';
import { KafkaClient } from '../cluster/kafka-client.js';
import { Signal } from '../signal.js';
import { AssignedPartition } from './assigned-partition.js';
import { commitFailed, commitOffsets, fetchCommitted, isCommitFenced, NO_MEMBER, type Committer } from './committed-offsets.js';
import { ConsumerGroup } from './consumer-group.js';
import { resolveConsumerSettings, type ConsumerOptions, type ResolvedConsumerSettings } from './consumer-options.js';
import { ConsumerRecords, type ConsumerRecord } from './consumer-record.js';
import { Fetcher } from './fetcher.js';
import { lookUpOffsets, OFFSET_AT } from './offset-lookup.js';
import type { PartitionRecords } from './partition-records.js';
import { PositionFinder } from './position-finder.js';
import { Subscribed } from './subscribed.js';

/** All run within `poll` (or `close`), before it returns records of another assignment. */
export interface RebalanceListener {
  readonly onAssigned?: (partitions: readonly TopicPartition[]) => void | Promise<void>;
  /** Still this consumer's: the place for a last commit. */
  readonly onRevoked?: (partitions: readonly TopicPartition[]) => void | Promise<void>;
  /** Others may own them by now; `onRevoked` is called when this is left out. */
  readonly onLost?: (partitions: readonly TopicPartition[]) => void | Promise<void>;
}

export interface OffsetToCommit extends TopicPartition {
  /** The next record to be read. */
  readonly offset: bigint | number;
  readonly metadata?: string;
}

export interface Committed extends TopicPartition {
  readonly offset: bigint;
  readonly metadata: string;
}

const CLOSE_TIMEOUT_MS = 30_000;
/** The longest that `poll` sleeps without a look at what became due. */
const NAP_MS = 100;

/**
 * Reads topics, alone or as a member of a group. Not for concurrent use: one call of `poll`, `pollBatches` or the iterator at a time;
 * the other methods may be called in between. Records are fetched ahead while the application works.
 */
export class Consumer<K = Uint8Array, V = Uint8Array> {
  readonly settings: ResolvedConsumerSettings;
  private readonly client: KafkaClient;
  private readonly ownsClient: boolean;
  private readonly assigned = new Map<string, AssignedPartition>();
  private readonly news = new Signal();
  private readonly fetcher: Fetcher;
  private readonly finder: PositionFinder;
  private group: ConsumerGroup | undefined;
  private listener: RebalanceListener = {};
  private mode: 'none' | 'subscribed' | 'assigned' = 'none';
  private firstPartition = 0;
  private isPolling = false;
  private isWoken = false;
  private isExpired = false;
  private pollTimer: Scheduled | undefined;
  private nextAutoCommitMs: number;
  private readonly lastCommitted = new Map<string, number>();
  private autoCommitUnderWay: Promise<void> | undefined;
  private closing: Promise<void> | undefined;

  /** Throws OperationalError INVALID_CONFIG. Connects with the first poll. */
  constructor(private readonly options: ConsumerOptions<K, V>) {
    this.settings = resolveConsumerSettings(options);
    this.ownsClient = !('client' in options);
    this.client = 'client' in options ? options.client : new KafkaClient(options);
    const onNews = (): void => this.news.raise();
    this.fetcher = new Fetcher({ client: this.client, settings: this.settings, assigned: this.assigned, onNews });
    this.finder = new PositionFinder(this.client, this.settings, () => {
      this.fetcher.wake();
      onNews();
    });
    this.nextAutoCommitMs = this.nowMs() + this.settings.autoCommitIntervalMs;
  }

  /** Joins the group for these topics; a pattern must match a whole name and takes topics that are made later too. Replaces the subscription before. */
  subscribe(topics: readonly (string | RegExp)[], listener: RebalanceListener = {}): void {
    const { groupId } = this.settings;
    if (groupId === undefined) throw new OperationalError('INVALID_STATE', 'To use the group management or offset commit APIs, you must provide a valid group.id in the consumer configuration.');
    if (this.mode === 'assigned') throw new OperationalError('INVALID_STATE', 'Subscription to topics, partitions and pattern are mutually exclusive');
    this.mode = 'subscribed';
    this.listener = listener;
    const subscribed = new Subscribed(topics, this.settings.excludeInternalTopics, this.client.metadata.topics);
    if (subscribed.hasPatterns) this.client.trackAllTopics();
    this.client.trackTopics(topics.filter((it) => typeof it === 'string'), { create: this.settings.allowAutoCreateTopics });
    this.client.requestRefresh();
    if (this.group !== undefined) return this.group.subscribe(subscribed);
    this.group = new ConsumerGroup(
      {
        client: this.client,
        settings: this.settings,
        groupId,
        onAssigned: (partitions) => this.takeOver(partitions),
        onRevoked: () => this.giveUp('revoked'),
        onLost: () => this.giveUp('lost'),
        onNews: () => this.news.raise(),
      },
      subscribed,
    );
    if (subscribed.hasPatterns) void this.startWithTopics(this.group);
    else this.group.member.start();
  }

  /** Reads exactly these partitions, without a group's rebalances. Partitions that stay keep their positions. */
  assign(partitions: readonly TopicPartition[]): void {
    if (this.mode === 'subscribed') throw new OperationalError('INVALID_STATE', 'Subscription to topics, partitions and pattern are mutually exclusive');
    this.mode = 'assigned';
    this.client.trackTopics(partitions.map((it) => it.topic), { create: this.settings.allowAutoCreateTopics });
    this.client.requestRefresh();
    this.setAssigned(partitions);
  }

  /** Leaves the group, gives up all partitions. */
  async unsubscribe(): Promise<void> {
    const { group } = this;
    if (group !== undefined) {
      await this.giveUp('revoked');
      this.group = undefined;
      await group.close();
    }
    this.setAssigned([]);
    this.mode = 'none';
  }

  get assignment(): readonly TopicPartition[] {
    return [...this.assigned.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  /** The member's id in its group, '' outside. */
  get memberId(): string {
    return this.group?.member.memberId ?? '';
  }

  /** Up to `max.poll.records` records; none when nothing came within `timeoutMs`. Rejects with a partition's error, a failed membership, WAKEUP. */
  async poll(timeoutMs: number): Promise<ConsumerRecords<K, V>> {
    return new ConsumerRecords(await this.polling(timeoutMs, () => this.collect(this.settings.maxPollRecords)));
  }

  /**
   * As `poll`, without an object per record: whole fetched pieces, to be walked with `next()`. They count as consumed at once.
   * Pieces are given until they hold `recordsMax` records; the last one may go beyond.
   */
  pollBatches(timeoutMs: number, recordsMax = this.settings.maxPollRecords): Promise<PartitionRecords[]> {
    return this.polling(timeoutMs, () => this.collectBatches(recordsMax));
  }

  /** Records one by one, until the consumer is closed or the loop is left. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord<K, V>> {
    while (this.closing === undefined) yield* await this.poll(1000);
  }

  /** Makes the poll under way, or else the next one, reject with WAKEUP. */
  wakeup(): void {
    this.isWoken = true;
    this.news.raise();
  }

  seek(partition: TopicPartition, offset: bigint | number): void {
    if (offset < 0) throw new OperationalError('INVALID_STATE', 'seek offset must not be a negative number');
    this.expectAssigned(partition).seek(Number(offset));
    this.fetcher.wake();
  }

  seekToBeginning(partitions: readonly TopicPartition[] = this.assignment): void {
    for (const it of partitions) this.expectAssigned(it).reset('earliest');
    this.news.raise();
  }

  seekToEnd(partitions: readonly TopicPartition[] = this.assignment): void {
    for (const it of partitions) this.expectAssigned(it).reset('latest');
    this.news.raise();
  }

  /** The next record's offset; undefined until it is known. */
  position(partition: TopicPartition): bigint | undefined {
    const { position } = this.expectAssigned(partition);
    return position < 0 ? undefined : BigInt(position);
  }

  /** Records behind the end of the partition as of the last fetch; undefined before it. */
  lag(partition: TopicPartition): number | undefined {
    const it = this.expectAssigned(partition);
    const end = this.settings.isolationLevel === 'read_committed' ? it.lastStableOffset : it.highWatermark;
    return end < 0 || it.position < 0 ? undefined : Math.max(0, end - it.position);
  }

  /** Their records stay away from `poll` until `resume`; a rebalance ends the pause. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const it of partitions) this.expectAssigned(it).isPaused = true;
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const it of partitions) this.expectAssigned(it).isPaused = false;
    this.fetcher.wake();
    this.news.raise();
  }

  get paused(): readonly TopicPartition[] {
    return [...this.assigned.values()].filter((it) => it.isPaused).map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Commits these offsets, or the positions of everything assigned. Rejects with COMMIT_FAILED when this is no longer a member in its generation. */
  async commit(offsets?: readonly OffsetToCommit[]): Promise<void> {
    const list = offsets?.map((it) => ({ topic: it.topic, partition: it.partition, offset: Number(it.offset), leaderEpoch: -1, metadata: it.metadata ?? '' })) ?? this.positions();
    try {
      await commitOffsets(this.client, this.requireGroup(), list, this.committer());
    } catch (error) {
      if (!isCommitFenced(error)) throw error;
      this.group?.member.requestRejoin('a commit was refused');
      throw commitFailed(error);
    }
    for (const it of list) this.lastCommitted.set(topicPartitionName(it), it.offset);
  }

  /** Partitions without a commit are left out. */
  async committed(partitions: readonly TopicPartition[]): Promise<Committed[]> {
    const found = await fetchCommitted(this.client, this.requireGroup(), partitions);
    return found.map(({ topic, partition, offset, metadata }) => ({ topic, partition, offset: BigInt(offset), metadata }));
  }

  /** The first offset at or after each time; partitions with nothing that late are left out. */
  async offsetsForTimes(times: readonly (TopicPartition & { readonly timestampMs: TimestampMs })[]): Promise<(TopicPartition & { readonly offset: bigint; readonly timestampMs: TimestampMs })[]> {
    const found = await lookUpOffsets(this.client, times, { isolationLevel: this.settings.isolationLevel });
    return found.filter((it) => it.offset >= 0).map(({ topic, partition, offset, timestampMs }) => ({ topic, partition, offset: BigInt(offset), timestampMs }));
  }

  beginningOffsets(partitions: readonly TopicPartition[]): Promise<(TopicPartition & { readonly offset: bigint })[]> {
    return this.offsetsAt(partitions, OFFSET_AT.earliest);
  }

  endOffsets(partitions: readonly TopicPartition[]): Promise<(TopicPartition & { readonly offset: bigint })[]> {
    return this.offsetsAt(partitions, OFFSET_AT.latest);
  }

  /** Commits positions when auto commit is on, runs `onRevoked`, leaves the group; all within `timeoutMs`. */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.closing ??= this.finish(options.timeoutMs ?? CLOSE_TIMEOUT_MS);
    return this.closing;
  }

  private async polling<T>(timeoutMs: number, collect: () => T[]): Promise<T[]> {
    if (this.isPolling) throw new OperationalError('INVALID_STATE', 'the consumer is not for concurrent use: a poll is under way');
    if (this.mode === 'none') throw new OperationalError('INVALID_STATE', 'Consumer is not subscribed to any topics or assigned any partitions');
    this.isPolling = true;
    this.pollTimer?.cancel();
    const deadlineMs = this.nowMs() + timeoutMs;
    try {
      for (;;) {
        this.throwIfEnded();
        if (this.isExpired) await this.comeBack();
        await this.group?.serve();
        this.autoCommit();
        this.finder.find(this.assigned.values());
        const collected = collect();
        if (collected.length > 0) return collected;
        const failure = this.takeFailure();
        if (failure !== undefined) throw failure;
        const leftMs = deadlineMs - this.nowMs();
        if (leftMs <= 0) return collected;
        await this.news.wait(this.client.settings.foregroundScheduler, Math.min(leftMs, NAP_MS));
      }
    } finally {
      this.isPolling = false;
      this.watchPolls();
    }
  }

  /** One partition's error. It is told once: the next poll asks the broker again, which may have its reason no longer. */
  private takeFailure(): Error | undefined {
    for (const it of this.assigned.values()) {
      const { error } = it;
      if (error === undefined) continue;
      it.error = undefined;
      this.fetcher.wake();
      return error;
    }
    return undefined;
  }

  private collect(recordsMax: number): ConsumerRecord<K, V>[] {
    const list: ConsumerRecord<K, V>[] = [];
    for (const it of this.inTurn()) {
      for (let records = it.buffered[0]; records !== undefined && list.length < recordsMax; records = it.buffered[0]) {
        const { cursor } = records;
        while (list.length < recordsMax) {
          if (!records.next()) {
            this.drained(it, records);
            break;
          }
          try {
            list.push({ topic: it.topic, partition: it.partition, offset: BigInt(cursor.offset), timestampMs: cursor.timestampMs, key: this.key(cursor.key()), value: this.value(cursor.value()), headers: cursor.headers() });
            it.position = cursor.offset + 1;
          } catch (error) {
            // The application must decide about this record: the position stays on it.
            it.seek(cursor.offset);
            it.error = new OperationalError('DESERIALIZATION_FAILED', `the record at offset ${cursor.offset} of ${topicPartitionName(it)} cannot be deserialized, seek past it to go on: ${errorMessage(error)}`, { cause: error });
            return list;
          }
        }
      }
      if (list.length >= recordsMax) break;
    }
    return list;
  }

  private collectBatches(recordsMax: number): PartitionRecords[] {
    const list: PartitionRecords[] = [];
    let count = 0;
    for (const it of this.inTurn()) {
      for (let records = it.buffered[0]; records !== undefined && count < recordsMax; records = it.buffered[0]) {
        this.drained(it, records);
        if (records.recordsMax === 0) continue;
        list.push(records);
        count += records.recordsMax;
      }
      if (count >= recordsMax) break;
    }
    return list;
  }

  /** The partitions that have records, beginning with another one at each poll. */
  private inTurn(): AssignedPartition[] {
    const ready = [...this.assigned.values()].filter((it) => it.buffered.length > 0 && !it.isPaused && it.error === undefined);
    if (ready.length < 2) return ready;
    this.firstPartition = (this.firstPartition + 1) % ready.length;
    return [...ready.slice(this.firstPartition), ...ready.slice(0, this.firstPartition)];
  }

  private drained(it: AssignedPartition, records: PartitionRecords): void {
    it.buffered.shift();
    it.bufferedBytes -= records.sizeBytes;
    it.position = records.nextOffset;
    this.fetcher.wake();
  }

  private key(bytes: Uint8Array | null): K | null {
    const deserializer = this.options.keyDeserializer;
    return bytes === null ? null : deserializer === undefined ? (bytes as K) : deserializer.deserialize(bytes);
  }

  private value(bytes: Uint8Array | null): V | null {
    const deserializer = this.options.valueDeserializer;
    return bytes === null ? null : deserializer === undefined ? (bytes as V) : deserializer.deserialize(bytes);
  }

  private setAssigned(partitions: readonly TopicPartition[]): void {
    const before = new Map(this.assigned);
    this.assigned.clear();
    for (const it of partitions) {
      const name = topicPartitionName(it);
      this.assigned.set(name, before.get(name) ?? new AssignedPartition(it.topic, it.partition));
      before.delete(name);
    }
    // Answers to fetches under way for what is gone are dropped by their epoch.
    for (const [name, gone] of before) {
      gone.reset(undefined);
      this.lastCommitted.delete(name);
    }
    this.fetcher.wake();
    this.news.raise();
  }

  private async takeOver(partitions: readonly TopicPartition[]): Promise<void> {
    this.setAssigned(partitions);
    this.nextAutoCommitMs = this.nowMs() + this.settings.autoCommitIntervalMs;
    await this.listener.onAssigned?.(partitions);
  }

  private async giveUp(how: 'revoked' | 'lost'): Promise<void> {
    const partitions = this.assignment;
    if (how === 'revoked' && this.settings.enableAutoCommit) await this.commitQuietly();
    if (partitions.length > 0) await (how === 'lost' ? (this.listener.onLost ?? this.listener.onRevoked) : this.listener.onRevoked)?.(partitions);
    this.setAssigned([]);
  }

  /** For a pattern the first join needs to know which topics there are. */
  private async startWithTopics(group: ConsumerGroup): Promise<void> {
    try {
      await this.client.retrying(() => this.client.refreshMetadata(), Number.POSITIVE_INFINITY);
      if (this.group === group) group.member.start();
    } catch (error) {
      if (this.closing !== undefined) return;
      group.failure = error instanceof Error ? error : new Error(String(error));
      this.news.raise();
    }
  }

  private autoCommit(): void {
    if (!this.settings.enableAutoCommit || this.assigned.size === 0 || this.nowMs() < this.nextAutoCommitMs || this.autoCommitUnderWay !== undefined) return;
    this.nextAutoCommitMs = this.nowMs() + this.settings.autoCommitIntervalMs;
    this.autoCommitUnderWay = this.commitQuietly().finally(() => (this.autoCommitUnderWay = undefined));
  }

  private async commitQuietly(): Promise<void> {
    const changed = this.positions().filter((it) => this.lastCommitted.get(topicPartitionName(it)) !== it.offset);
    if (changed.length === 0) return;
    try {
      await this.commit(changed);
    } catch (error) {
      this.client.settings.logger.warn({ groupId: this.settings.groupId, reason: errorMessage(error) }, 'offsets could not be committed');
    }
  }

  private positions(): { topic: string; partition: number; offset: number; leaderEpoch: number; metadata: string }[] {
    return [...this.assigned.values()].filter((it) => it.position >= 0).map(({ topic, partition, position }) => ({ topic, partition, offset: position, leaderEpoch: -1, metadata: '' }));
  }

  private committer(): Committer {
    if (this.group === undefined) return NO_MEMBER;
    // Without a generation the broker would take this for a commit from outside the group.
    if (this.group.member.generationId < 0) throw commitFailed(undefined);
    return this.group.committer;
  }

  /** The application has not polled for `max.poll.interval.ms`: others get its partitions, as if it were dead. */
  private watchPolls(): void {
    if (this.group === undefined || this.closing !== undefined) return;
    this.pollTimer = this.client.settings.scheduler.after(this.settings.maxPollIntervalMs, () => {
      if (this.isPolling || this.group === undefined) return;
      this.isExpired = true;
      this.client.settings.logger.warn({ groupId: this.settings.groupId, maxPollIntervalMs: this.settings.maxPollIntervalMs }, 'no poll within max.poll.interval.ms: leaving the group');
      void this.group.member.leave('consumer poll timeout has expired.');
    });
  }

  private async comeBack(): Promise<void> {
    this.isExpired = false;
    await this.giveUp('lost');
    this.group?.member.requestRejoin('polled again');
  }

  private async offsetsAt(partitions: readonly TopicPartition[], timestampMs: number): Promise<(TopicPartition & { readonly offset: bigint })[]> {
    const found = await lookUpOffsets(this.client, partitions.map((it) => ({ topic: it.topic, partition: it.partition, timestampMs })), { isolationLevel: this.settings.isolationLevel });
    return found.map(({ topic, partition, offset }) => ({ topic, partition, offset: BigInt(offset) }));
  }

  private expectAssigned(partition: TopicPartition): AssignedPartition {
    const it = this.assigned.get(topicPartitionName(partition));
    if (it === undefined) throw new OperationalError('INVALID_STATE', `No current assignment for partition ${topicPartitionName(partition)}`);
    return it;
  }

  private requireGroup(): string {
    const { groupId } = this.settings;
    if (groupId === undefined) throw new OperationalError('INVALID_STATE', 'To use the group management or offset commit APIs, you must provide a valid group.id in the consumer configuration.');
    return groupId;
  }

  private throwIfEnded(): void {
    if (this.closing !== undefined || this.client.isClosed) throw new OperationalError('CLIENT_CLOSED', 'the consumer was closed');
    if (this.isWoken) {
      this.isWoken = false;
      throw new OperationalError('WAKEUP', 'wakeup was called');
    }
    if (this.group?.failure !== undefined) throw this.group.failure;
  }

  private async finish(timeoutMs: number): Promise<void> {
    this.pollTimer?.cancel();
    this.news.raise();
    let timer: Scheduled | undefined;
    const timeout = new Promise<void>((resolve) => (timer = this.client.settings.foregroundScheduler.after(timeoutMs, resolve)));
    const orderly = async (): Promise<void> => {
      if (this.group !== undefined && this.assigned.size > 0 && this.group.member.generationId >= 0) await this.giveUp('revoked');
      else if (this.settings.enableAutoCommit && this.group === undefined && this.mode === 'assigned') await this.commitQuietly();
      await this.group?.close();
    };
    try {
      await Promise.race([orderly(), timeout]);
    } finally {
      timer?.cancel();
      this.fetcher.stop();
      if (this.ownsClient) this.client.close();
    }
  }

  private nowMs(): number {
    return this.client.settings.clock.monotonicMs();
  }
}
