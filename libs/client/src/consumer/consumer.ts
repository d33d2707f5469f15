import { OperationalError, topicPartitionName, type Scheduled, type TimestampMs, type TopicPartition } from '@millrace/foundation';
import { KafkaClient } from '../cluster/kafka-client.js';
import { Signal } from '../signal.js';
import { Assignment } from './assignment.js';
import { BufferedRecords } from './buffered-records.js';
import { fetchCommitted } from './committed-offsets.js';
import { ConsumerGroup } from './consumer-group.js';
import { resolveConsumerSettings, type ConsumerOptions, type ResolvedConsumerSettings } from './consumer-options.js';
import { ConsumerRecords, type ConsumerRecord } from './consumer-record.js';
import { Fetcher } from './fetcher.js';
import { lookUpOffsets, OFFSET_AT } from './offset-lookup.js';
import type { PartitionRecords } from './partition-records.js';
import { PositionCommits } from './position-commits.js';
import { PositionFinder } from './position-finder.js';
import { Subscribed } from './subscribed.js';

/**
 * All run within `poll` (or `close`), before it returns records of another assignment. Each is told only what comes or goes: with
 * cooperative assignors that may be a part of the assignment, otherwise it is all of it.
 */
export interface RebalanceListener {
  /** After each rebalance, also without a partition. */
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
  private readonly assigned = new Assignment();
  private readonly commits: PositionCommits;
  private readonly buffered: BufferedRecords<K, V>;
  private readonly news = new Signal();
  private readonly fetcher: Fetcher;
  private readonly finder: PositionFinder;
  private group: ConsumerGroup | undefined;
  private listener: RebalanceListener = {};
  private mode: 'none' | 'subscribed' | 'assigned' = 'none';
  private isPolling = false;
  private isWoken = false;
  private isExpired = false;
  private pollTimer: Scheduled | undefined;
  private closing: Promise<void> | undefined;

  /** Throws OperationalError INVALID_CONFIG. Connects with the first poll. */
  constructor(options: ConsumerOptions<K, V>) {
    this.settings = resolveConsumerSettings(options);
    this.ownsClient = !('client' in options);
    this.client = 'client' in options ? options.client : new KafkaClient(options);
    const onNews = (): void => this.news.raise();
    this.fetcher = new Fetcher({ client: this.client, settings: this.settings, assigned: this.assigned.byName, onNews });
    this.finder = new PositionFinder(this.client, this.settings, () => {
      this.fetcher.wake();
      onNews();
    });
    this.commits = new PositionCommits({ client: this.client, settings: this.settings, assignment: this.assigned, group: () => this.group });
    this.buffered = new BufferedRecords(this.assigned, options, () => this.fetcher.wake());
  }

  /** Joins the group for these topics; a pattern must match a whole name and takes topics that are made later too. Replaces the subscription before. */
  subscribe(topics: readonly (string | RegExp)[], listener: RebalanceListener = {}): void {
    const { groupId } = this.commits;
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
        owned: () => this.assignment,
        onAssigned: (all, added) => this.takeOver(all, added),
        onRevoked: (partitions) => this.revoke('revoked', partitions),
        onLost: () => this.revoke('lost'),
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

  /** Leaves the group; all partitions are revoked. */
  async unsubscribe(): Promise<void> {
    const { group } = this;
    if (group !== undefined) {
      await this.revoke(group.member.isMember ? 'revoked' : 'lost');
      this.group = undefined;
      await group.close();
    }
    this.setAssigned([]);
    this.mode = 'none';
  }

  get assignment(): readonly TopicPartition[] {
    return this.assigned.list();
  }

  /**
   * Whether what it reads is surely its own. False once a session timeout has passed since the coordinator last counted it in, as after a process was frozen: others may read these partitions by now.
   * True outside of a group.
   */
  get ownsAssignment(): boolean {
    return this.group?.isSurelyMember !== false;
  }

  /** The member's id in its group, '' outside. */
  get memberId(): string {
    return this.group?.member.memberId ?? '';
  }

  /** Up to `max.poll.records` records; none when nothing came within `timeoutMs`. Rejects with a partition's error, a failed membership, WAKEUP. */
  async poll(timeoutMs: number): Promise<ConsumerRecords<K, V>> {
    return new ConsumerRecords(await this.polling(timeoutMs, () => this.buffered.take(this.settings.maxPollRecords)));
  }

  /**
   * As `poll`, without an object per record: whole fetched pieces, to be walked with `next()`. They count as consumed at once.
   * Pieces are given until they hold `recordsMax` records; the last one may go beyond.
   */
  pollBatches(timeoutMs: number, recordsMax = this.settings.maxPollRecords): Promise<PartitionRecords[]> {
    return this.polling(timeoutMs, () => this.buffered.takePieces(recordsMax));
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
    this.assigned.expect(partition).seek(Number(offset));
    this.fetcher.wake();
  }

  seekToBeginning(partitions: readonly TopicPartition[] = this.assignment): void {
    for (const it of partitions) this.assigned.expect(it).reset('earliest');
    this.news.raise();
  }

  seekToEnd(partitions: readonly TopicPartition[] = this.assignment): void {
    for (const it of partitions) this.assigned.expect(it).reset('latest');
    this.news.raise();
  }

  /** The next record's offset; undefined until it is known. */
  position(partition: TopicPartition): bigint | undefined {
    const { position } = this.assigned.expect(partition);
    return position < 0 ? undefined : BigInt(position);
  }

  /** Records behind the end of the partition as of the last fetch; undefined before it. */
  lag(partition: TopicPartition): number | undefined {
    const it = this.assigned.expect(partition);
    const end = this.settings.isolationLevel === 'read_committed' ? it.lastStableOffset : it.highWatermark;
    return end < 0 || it.position < 0 ? undefined : Math.max(0, end - it.position);
  }

  /** Their records stay away from `poll` until `resume`, or until a rebalance takes them away. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const it of partitions) this.assigned.expect(it).isPaused = true;
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const it of partitions) this.assigned.expect(it).isPaused = false;
    this.fetcher.wake();
    this.news.raise();
  }

  get paused(): readonly TopicPartition[] {
    return [...this.assigned.partitions].filter((it) => it.isPaused).map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Commits these offsets, or the positions of everything assigned. Rejects with COMMIT_FAILED when this is no longer a member in its generation; what may pass is tried again for `timeoutMs` (default: `default.api.timeout.ms`). */
  async commit(offsets?: readonly OffsetToCommit[], options: { readonly timeoutMs?: number } = {}): Promise<void> {
    await this.commits.commit(offsets?.map((it) => ({ topic: it.topic, partition: it.partition, offset: Number(it.offset), leaderEpoch: -1, metadata: it.metadata ?? '' })), options.timeoutMs);
  }

  /** Partitions without a commit are left out. */
  async committed(partitions: readonly TopicPartition[]): Promise<Committed[]> {
    const found = await fetchCommitted(this.client, this.commits.groupId, partitions);
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
        this.commits.auto();
        this.finder.find(this.assigned.partitions);
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
    for (const it of this.assigned.partitions) {
      const { error } = it;
      if (error === undefined) continue;
      it.error = undefined;
      this.fetcher.wake();
      return error;
    }
    return undefined;
  }

  private setAssigned(partitions: readonly TopicPartition[]): void {
    const before = this.assignment;
    this.assigned.replace(partitions);
    this.commits.forget(before.filter((it) => !this.assigned.has(it)));
    this.fetcher.wake();
    this.news.raise();
  }

  private async takeOver(all: readonly TopicPartition[], added: readonly TopicPartition[]): Promise<void> {
    this.setAssigned(all);
    this.commits.postpone();
    await this.listener.onAssigned?.(added);
  }

  private async revoke(how: 'revoked' | 'lost', partitions: readonly TopicPartition[] = this.assignment): Promise<void> {
    if (how === 'revoked' && this.settings.enableAutoCommit) await this.commits.quietly(partitions);
    if (partitions.length > 0) await (how === 'lost' ? (this.listener.onLost ?? this.listener.onRevoked) : this.listener.onRevoked)?.(partitions);
    const gone = new Set(partitions.map(topicPartitionName));
    this.setAssigned(this.assignment.filter((it) => !gone.has(topicPartitionName(it))));
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
    await this.revoke('lost');
    this.group?.member.requestRejoin('polled again');
  }

  private async offsetsAt(partitions: readonly TopicPartition[], timestampMs: number): Promise<(TopicPartition & { readonly offset: bigint })[]> {
    const found = await lookUpOffsets(this.client, partitions.map((it) => ({ topic: it.topic, partition: it.partition, timestampMs })), { isolationLevel: this.settings.isolationLevel });
    return found.map(({ topic, partition, offset }) => ({ topic, partition, offset: BigInt(offset) }));
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
      if (this.group !== undefined) await this.revoke(this.group.member.isMember ? 'revoked' : 'lost');
      else if (this.settings.enableAutoCommit && this.mode === 'assigned') await this.commits.quietly();
      await this.group?.close();
    };
    try {
      await Promise.race([orderly(), timeout]);
    } finally {
      timer?.cancel();
      this.fetcher.stop();
      if (this.ownsClient) this.client.close();
      // A client that lives on would keep the membership of whoever was not done in time.
      else void this.group?.close();
    }
  }

  private nowMs(): number {
    return this.client.settings.clock.monotonicMs();
  }
}
