import { errorMessage, isRetriable, topicPartitionName, ZERO_UUID, type BrokerId, type Scheduled } from '@millrace/foundation';
import { nodeCodecs } from '@millrace/platform';
import { ErrorCode, Fetch, ProtocolError, type FetchResponse } from '@millrace/protocol';
import type { KafkaClient } from '../cluster/kafka-client.js';
import type { AssignedPartition } from './assigned-partition.js';
import type { ResolvedConsumerSettings } from './consumer-options.js';
import { PartitionRecords } from './partition-records.js';

/** A broker that also leads partitions whose buffer is full is not asked to wait long: they must be asked for as soon as they are drained. */
const SHORT_WAIT_MS = 20;

/** Buffered answers of a partition up to which the next one is fetched: one to be worked on, one ready behind it. */
const AHEAD = 2;

export interface FetcherOptions {
  readonly client: KafkaClient;
  readonly settings: ResolvedConsumerSettings;
  readonly assigned: ReadonlyMap<string, AssignedPartition>;
  /** Records, an error, or a position that must be looked up is there for the next poll. */
  readonly onNews: () => void;
}

/**
 * Keeps the buffers of the assigned partitions filled while the application works: one fetch at a time to each broker, for the
 * partitions that have room.
 */
export class Fetcher {
  private readonly busyNodes = new Set<BrokerId>();
  private isScheduled = false;
  private isStopped = false;
  private timer: Scheduled | undefined;
  private readonly forgetMetadata: () => void;

  constructor(private readonly options: FetcherOptions) {
    this.forgetMetadata = options.client.onMetadata(() => this.wake());
  }

  /** Something changed: a position, room in a buffer, an assignment. */
  wake(): void {
    if (this.isScheduled || this.isStopped) return;
    this.isScheduled = true;
    queueMicrotask(() => {
      this.isScheduled = false;
      if (!this.isStopped) this.run();
    });
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
    this.forgetMetadata();
  }

  private run(): void {
    const { client, settings } = this.options;
    const nowMs = client.settings.clock.monotonicMs();
    const due = new Map<BrokerId, AssignedPartition[]>();
    const crowded = new Set<BrokerId>();
    let bufferedBytes = 0;
    for (const it of this.options.assigned.values()) bufferedBytes += it.bufferedBytes;
    for (const it of this.options.assigned.values()) {
      if (it.fetchOffset < 0 || it.isPaused || it.isFetching || it.error !== undefined) continue;
      if (it.notBeforeMs > nowMs) {
        this.wakeIn(it.notBeforeMs - nowMs);
        continue;
      }
      const leader = client.metadata.leaderOf(it.topic, it.partition);
      if (!client.metadata.brokers.has(leader)) {
        client.requestRefresh();
        it.notBeforeMs = nowMs + client.settings.retryBackoffMs;
        this.wakeIn(client.settings.retryBackoffMs);
        continue;
      }
      if (it.bufferedBytes >= AHEAD * settings.maxPartitionFetchBytes || bufferedBytes >= settings.fetchMaxBytes) {
        crowded.add(leader);
        continue;
      }
      if (this.busyNodes.has(leader)) continue;
      const group = due.get(leader);
      if (group === undefined) due.set(leader, [it]);
      else group.push(it);
    }
    for (const [nodeId, group] of due) void this.fetch(nodeId, group, crowded.has(nodeId));
  }

  private async fetch(nodeId: BrokerId, partitions: readonly AssignedPartition[], isCrowded: boolean): Promise<void> {
    const { client } = this.options;
    const asked = new Map(partitions.map((it) => [topicPartitionName(it), { it, epoch: it.epoch, offset: it.fetchOffset }]));
    for (const it of partitions) it.isFetching = true;
    this.busyNodes.add(nodeId);
    try {
      const hasIds = partitions.every((it) => (client.metadata.topics.get(it.topic)?.topicId ?? ZERO_UUID) !== ZERO_UUID);
      const response = await client.request(nodeId, Fetch, (version) => this.request(partitions, version, isCrowded), { lane: 'fetch', versionMax: hasIds ? Fetch.maxVersion : 12, timeoutMs: client.settings.requestTimeoutMs + this.options.settings.fetchMaxWaitMs });
      if (response.errorCode !== ErrorCode.NONE) throw new ProtocolError(response.errorCode);
      for (const node of response.nodeEndpoints) client.metadata.noteBroker(node);
      for (const topic of response.responses) {
        const name = topic.topic !== '' ? topic.topic : (client.metadata.nameOf(topic.topicId) ?? '');
        for (const answer of topic.partitions) {
          const question = asked.get(`${name}-${answer.partitionIndex}`);
          // A partition that was sought or taken away in the meantime wants none of this.
          if (question === undefined || question.it.epoch !== question.epoch) continue;
          this.take(question.it, answer);
        }
      }
    } catch (error) {
      if (this.isStopped || client.isClosed) return;
      this.unanswered(partitions, error);
    } finally {
      for (const it of partitions) it.isFetching = false;
      this.busyNodes.delete(nodeId);
      this.wake();
    }
  }

  private unanswered(partitions: readonly AssignedPartition[], error: unknown): void {
    const { client } = this.options;
    client.settings.logger.debug({ reason: errorMessage(error) }, 'a fetch failed');
    client.requestRefresh();
    const notBeforeMs = client.settings.clock.monotonicMs() + client.settings.retryBackoffMs;
    for (const it of partitions) {
      it.notBeforeMs = notBeforeMs;
      if (!isRetriable(error)) this.surface(it, error);
    }
  }

  private request(partitions: readonly AssignedPartition[], version: number, isCrowded: boolean): Parameters<typeof Fetch.request.encode>[1] {
    const { client, settings } = this.options;
    const topics = new Map<string, { partition: number; fetchOffset: number; partitionMaxBytes: number }[]>();
    for (const it of partitions) {
      const item = { partition: it.partition, fetchOffset: it.fetchOffset, partitionMaxBytes: settings.maxPartitionFetchBytes };
      const list = topics.get(it.topic);
      if (list === undefined) topics.set(it.topic, [item]);
      else list.push(item);
    }
    return {
      maxWaitMs: isCrowded ? Math.min(SHORT_WAIT_MS, settings.fetchMaxWaitMs) : settings.fetchMaxWaitMs,
      minBytes: settings.fetchMinBytes,
      maxBytes: settings.fetchMaxBytes,
      isolationLevel: settings.isolationLevel === 'read_committed' ? 1 : 0,
      ...(version >= 7 ? { sessionId: 0, sessionEpoch: -1 } : {}),
      topics: [...topics].map(([topic, list]) => (version >= 13 ? { topicId: client.metadata.topics.get(topic)?.topicId ?? ZERO_UUID, partitions: list } : { topic, partitions: list })),
    };
  }

  private take(it: AssignedPartition, answer: FetchResponse.Partition): void {
    const { settings } = this.options;
    if (answer.errorCode !== ErrorCode.NONE) return this.refused(it, answer);
    it.highWatermark = answer.highWatermark;
    it.lastStableOffset = answer.lastStableOffset;
    it.logStartOffset = answer.logStartOffset;
    if (answer.records === null || answer.records.length === 0) return;
    try {
      const records = new PartitionRecords(
        { topic: it.topic, partition: it.partition, bytes: answer.records, fromOffset: it.fetchOffset, aborted: answer.abortedTransactions ?? [], isReadCommitted: settings.isolationLevel === 'read_committed', checkCrcs: settings.checkCrcs },
        nodeCodecs,
      );
      if (records.nextOffset === it.fetchOffset) return;
      it.fetchOffset = records.nextOffset;
      it.buffered.push(records);
      it.bufferedBytes += records.sizeBytes;
      this.options.onNews();
    } catch (error) {
      this.surface(it, error);
    }
  }

  private refused(it: AssignedPartition, answer: FetchResponse.Partition): void {
    const { client } = this.options;
    const error = new ProtocolError(answer.errorCode, `${topicPartitionName(it)}: ${new ProtocolError(answer.errorCode).message}`);
    it.notBeforeMs = client.settings.clock.monotonicMs() + client.settings.retryBackoffMs;
    if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      // What is buffered is still good; the question comes again when it has been read.
      if (it.buffered.length > 0) return;
      const { autoOffsetReset } = this.options.settings;
      if (autoOffsetReset === 'none') return this.surface(it, error);
      client.settings.logger.warn({ topic: it.topic, partition: it.partition, offset: it.fetchOffset, resetTo: autoOffsetReset }, 'the offset is out of range');
      it.reset(autoOffsetReset);
      this.options.onNews();
      return;
    }
    if (!error.isRetriable) return this.surface(it, error);
    client.metadata.noteLeader(it.topic, it.partition, answer.currentLeader.leaderId, answer.currentLeader.leaderEpoch);
    client.requestRefresh();
  }

  private surface(it: AssignedPartition, error: unknown): void {
    it.error = error instanceof Error ? error : new Error(String(error));
    this.options.onNews();
  }

  private wakeIn(delayMs: number): void {
    this.timer?.cancel();
    this.timer = this.options.client.settings.scheduler.after(Math.max(1, Math.ceil(delayMs)), () => this.wake());
  }
}
