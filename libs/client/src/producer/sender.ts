import { errorMessage, isRetriable, OperationalError, ZERO_UUID, type BrokerId, type Codecs, type Scheduled } from '@millrace/foundation';
import { ErrorCode, InitProducerId, Produce, ProtocolError, type ProduceRequestInput, type ProduceResponse } from '@millrace/protocol';
import type { NegotiatedConnection } from '@millrace/network';
import { closedError, type KafkaClient } from '../cluster/kafka-client.js';
import type { PartitionQueue } from './partition-queue.js';
import { type ProducerBatch, type BatchAck, type ProducerIdentity } from './producer-batch.js';
import type { ResolvedProducerSettings } from './producer-options.js';

interface Sent {
  readonly queue: PartitionQueue;
  readonly batch: ProducerBatch;
}

export interface SenderOptions {
  readonly client: KafkaClient;
  readonly settings: ResolvedProducerSettings;
  readonly codecs: Codecs;
  /** In the order of offsets for each partition. */
  readonly onBatch: (ack: BatchAck) => void;
  /** That many bytes of memory are free again. */
  readonly onReleased: (bytes: number) => void;
}

const EPOCH_MAX = 32_767;

/**
 * Brings batches to their leaders. It runs when something changed (a batch is due, an answer came, metadata came), never in a loop
 * of its own. Order within a partition holds over retries: with idempotence by sequences, without it by one batch in flight.
 */
export class Sender {
  private readonly active = new Set<PartitionQueue>();
  private readonly incomplete = new Set<ProducerBatch>();
  private readonly requestsByNode = new Map<BrokerId, number>();
  private readonly connecting = new Set<BrokerId>();
  private identity: ProducerIdentity | undefined;
  private isAcquiring = false;
  private isScheduled = false;
  private timer: Scheduled | undefined;
  private wakeAtMs = Number.POSITIVE_INFINITY;
  private isStopped = false;
  private readonly forgetMetadata: () => void;
  /** What ended this producer for good. */
  fatal: Error | undefined;

  constructor(private readonly options: SenderOptions) {
    this.forgetMetadata = options.client.onMetadata(() => this.wake());
  }

  /** A batch was begun. */
  opened(queue: PartitionQueue, batch: ProducerBatch): void {
    this.active.add(queue);
    this.incomplete.add(batch);
    if (this.options.settings.lingerMs === 0) this.wake();
    else this.wakeAt(batch.createdMs + this.options.settings.lingerMs);
  }

  wake(): void {
    if (this.isScheduled || this.isStopped) return;
    this.isScheduled = true;
    queueMicrotask(() => {
      this.isScheduled = false;
      if (!this.isStopped) this.run();
    });
  }

  /** Ends the wait for more records in every batch. */
  sealAll(): void {
    for (const queue of this.active) queue.seal();
    this.wake();
  }

  /** Resolves when every batch that exists now has its answer, good or bad. */
  async flush(): Promise<void> {
    this.sealAll();
    await Promise.all([...this.incomplete].map((batch) => new Promise<void>((resolve) => batch.onDone(resolve))));
  }

  /** Fails what is left. */
  stop(error: Error): void {
    if (this.isStopped) return;
    this.failAll(error);
    this.isStopped = true;
    this.timer?.cancel();
    this.forgetMetadata();
  }

  private failAll(error: Error): void {
    for (const queue of this.active) {
      queue.seal();
      for (const batch of [...queue.inFlight, ...queue.retries.splice(0), ...queue.ready.splice(0)]) this.fail(queue, batch, error);
    }
    this.active.clear();
  }

  private run(): void {
    const nowMs = this.nowMs();
    for (const queue of this.active) this.expire(queue, nowMs);
    if (this.options.settings.enableIdempotence && this.identity === undefined) {
      if (this.active.size > 0) this.acquireIdentity();
      return;
    }
    while (this.round(nowMs));
  }

  /** One request to each broker that has something due. False when there was nothing to send. */
  private round(nowMs: number): boolean {
    const due = new Map<BrokerId, PartitionQueue[]>();
    for (const queue of this.active) {
      if (queue.isIdle) {
        this.active.delete(queue);
        continue;
      }
      if (!this.isDue(queue, nowMs)) continue;
      const leader = this.options.client.metadata.leaderOf(queue.topic, queue.partition);
      if (!this.options.client.metadata.brokers.has(leader)) {
        this.options.client.requestRefresh();
        continue;
      }
      const queues = due.get(leader);
      if (queues === undefined) due.set(leader, [queue]);
      else queues.push(queue);
    }
    let isAnySent = false;
    for (const [nodeId, queues] of due) isAnySent = this.sendTo(nodeId, queues) || isAnySent;
    return isAnySent;
  }

  private isDue(queue: PartitionQueue, nowMs: number): boolean {
    const { enableIdempotence, acks, maxInFlightRequestsPerConnection, lingerMs } = this.options.settings;
    if (queue.notBeforeMs > nowMs && this.leaderEpochOf(queue) <= queue.failedLeaderEpoch) {
      this.wakeAt(queue.notBeforeMs);
      return false;
    }
    const isAlone = queue.inFlight.length === 0;
    if (enableIdempotence && (queue.needsNewEpoch || queue.identity !== this.identity)) {
      if (!queue.mayRenew) return isAlone && queue.retries.length > 0;
      if (!this.renew(queue)) return false;
    }
    if (queue.retries.length > 0) return isAlone;
    if (enableIdempotence ? !queue.mayFollow(maxInFlightRequestsPerConnection) : !isAlone && acks !== 0) return false;
    if (queue.ready.length > 0) return true;
    if (queue.open === undefined) return false;
    const dueMs = queue.open.createdMs + lingerMs;
    if (dueMs > nowMs) {
      this.wakeAt(dueMs);
      return false;
    }
    queue.seal();
    return true;
  }

  /** KIP-360 for a producer without transactions: the next epoch is its own to take; the broker wants it to begin at sequence 0. */
  private renew(queue: PartitionQueue): boolean {
    if (this.identity === undefined) return false;
    if (queue.needsNewEpoch && queue.identity === this.identity) {
      if (this.identity.producerEpoch >= EPOCH_MAX) {
        this.identity = undefined;
        this.acquireIdentity();
        return false;
      }
      this.identity = { producerId: this.identity.producerId, producerEpoch: this.identity.producerEpoch + 1 };
    }
    queue.adopt(this.identity);
    return true;
  }

  private sendTo(nodeId: BrokerId, queues: readonly PartitionQueue[]): boolean {
    if ((this.requestsByNode.get(nodeId) ?? 0) >= this.options.settings.maxInFlightRequestsPerConnection) return false;
    const link = this.options.client.link(nodeId, 'main');
    if (link === undefined) return false;
    const open = link.current;
    if (open === undefined) {
      this.connect(nodeId);
      return false;
    }
    const sent: Sent[] = [];
    let bytes = 0;
    for (const queue of queues) {
      const next = queue.retries[0] ?? queue.ready[0];
      if (next === undefined) continue;
      if (sent.length > 0 && bytes + next.sizeBytes > this.options.settings.maxRequestSize) break;
      const batch = queue.take();
      if (batch === undefined) continue;
      bytes += this.build(queue, batch).length;
      batch.attempts += 1;
      sent.push({ queue, batch });
    }
    this.transmit(nodeId, open, sent);
    return true;
  }

  private build(queue: PartitionQueue, batch: ProducerBatch): Uint8Array {
    const { compressionType, compressionLevel } = this.options.settings;
    return batch.build(this.options.codecs, compressionType, compressionLevel, queue.identity);
  }

  private connect(nodeId: BrokerId): void {
    if (this.connecting.has(nodeId)) return;
    this.connecting.add(nodeId);
    const isDone = (): void => {
      this.connecting.delete(nodeId);
      this.wake();
    };
    this.options.client.link(nodeId, 'main')?.connect().then(isDone, (error: unknown) => {
      this.options.client.settings.logger.warn({ brokerId: nodeId, reason: errorMessage(error) }, 'no connection to a leader');
      this.options.client.requestRefresh();
      isDone();
    });
  }

  private transmit(nodeId: BrokerId, open: NegotiatedConnection, sent: readonly Sent[]): void {
    const { acks, requestTimeoutMs, compressionType } = this.options.settings;
    const topics = topicsOf(sent, (name) => this.options.client.metadata.topics.get(name)?.topicId ?? ZERO_UUID);
    try {
      const version = open.ranges.versionFor(Produce, topics.some((it) => it.topicId === ZERO_UUID) ? 12 : Produce.maxVersion);
      if (compressionType === 'zstd' && version < 7) throw new ProtocolError(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
      const request: ProduceRequestInput = { acks, timeoutMs: requestTimeoutMs, topicData: topics.map(({ name, topicId, partitionData }) => (version >= 13 ? { topicId, partitionData } : { name, partitionData })) };
      if (acks === 0) {
        open.connection.send(Produce, version, request);
        for (const it of sent) this.succeed(it.queue, it.batch, -1, -1);
        return;
      }
      this.requestsByNode.set(nodeId, (this.requestsByNode.get(nodeId) ?? 0) + 1);
      const timeoutMs = Math.max(1, Math.min(requestTimeoutMs, ...sent.map((it) => it.batch.createdMs + this.options.settings.deliveryTimeoutMs - this.nowMs())));
      void open.connection.request(Produce, version, request, { timeoutMs }).then(
        (response) => this.answered(nodeId, sent, response),
        (error: unknown) => this.unanswered(nodeId, sent, error),
      );
    } catch (error) {
      for (const it of sent) this.failedAttempt(it, error);
    }
  }

  private answered(nodeId: BrokerId, sent: readonly Sent[], response: ProduceResponse): void {
    this.requestsByNode.set(nodeId, (this.requestsByNode.get(nodeId) ?? 1) - 1);
    for (const node of response.nodeEndpoints) this.options.client.metadata.noteBroker(node);
    const open = new Map(sent.map((it) => [`${it.queue.topic}/${it.queue.partition}`, it]));
    for (const topic of response.responses) {
      const name = topic.name !== '' ? topic.name : this.options.client.metadata.nameOf(topic.topicId);
      for (const partition of topic.partitionResponses) {
        const it = open.get(`${name}/${partition.index}`);
        if (it === undefined) continue;
        open.delete(`${name}/${partition.index}`);
        this.settle(it, partition);
      }
    }
    for (const it of open.values()) this.failedAttempt(it, new OperationalError('BAD_RESPONSE', 'the broker answered without this partition', { isRetriable: true }));
    this.wake();
  }

  private unanswered(nodeId: BrokerId, sent: readonly Sent[], error: unknown): void {
    this.requestsByNode.set(nodeId, (this.requestsByNode.get(nodeId) ?? 1) - 1);
    for (const it of sent) this.failedAttempt(it, error);
    this.wake();
  }

  private settle(it: Sent, answer: ProduceResponse.Topic['partitionResponses'][number]): void {
    const { queue, batch } = it;
    if (batch.isDone) return void queue.landed(batch);
    switch (answer.errorCode) {
      case ErrorCode.NONE:
        return this.succeed(queue, batch, answer.baseOffset, answer.logAppendTimeMs);
      case ErrorCode.DUPLICATE_SEQUENCE_NUMBER:
        return this.succeed(queue, batch, -1, -1);
      case ErrorCode.MESSAGE_TOO_LARGE:
        if (batch.count > 1) return this.split(queue, batch);
        break;
      case ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
      case ErrorCode.UNKNOWN_PRODUCER_ID:
      case ErrorCode.INVALID_PRODUCER_EPOCH:
        if (this.options.settings.enableIdempotence) {
          // Behind a batch that is to be sent again this is only the echo of that failure; at the head the broker has lost our sequence.
          if (!queue.hasEarlier(batch)) queue.needsNewEpoch = queue.isSequenceRefused = true;
          return this.retry(queue, batch, new ProtocolError(answer.errorCode, answer.errorMessage));
        }
        break;
    }
    this.failedAttempt(it, new ProtocolError(answer.errorCode, answer.errorMessage));
    const { leaderId, leaderEpoch } = answer.currentLeader;
    this.options.client.metadata.noteLeader(queue.topic, queue.partition, leaderId, leaderEpoch);
  }

  private failedAttempt({ queue, batch }: Sent, error: unknown): void {
    if (batch.isDone) return void queue.landed(batch);
    if (isRetriable(error)) this.retry(queue, batch, error);
    else this.fail(queue, batch, error instanceof Error ? error : new Error(String(error)));
  }

  private retry(queue: PartitionQueue, batch: ProducerBatch, error: unknown): void {
    const { settings, client } = this.options;
    const nowMs = this.nowMs();
    if (batch.attempts > settings.retries || nowMs >= batch.createdMs + settings.deliveryTimeoutMs || client.isClosed) {
      this.fail(queue, batch, error instanceof Error ? error : new Error(String(error)));
      return;
    }
    client.settings.logger.debug({ topic: queue.topic, partition: queue.partition, attempt: batch.attempts, reason: errorMessage(error) }, 'a batch is sent again');
    queue.landed(batch);
    queue.putBack([batch]);
    queue.failedLeaderEpoch = this.leaderEpochOf(queue);
    queue.notBeforeMs = nowMs + Math.min(settings.retryBackoffMaxMs, settings.retryBackoffMs * 2 ** Math.min(batch.attempts - 1, 16));
    this.wakeAt(queue.notBeforeMs);
    client.requestRefresh();
  }

  private leaderEpochOf({ topic, partition }: PartitionQueue): number {
    return this.options.client.metadata.leaderEpochOf(topic, partition);
  }

  private split(queue: PartitionQueue, batch: ProducerBatch): void {
    let parts: ProducerBatch[];
    try {
      parts = batch.split(this.options.codecs);
    } catch (error) {
      this.fail(queue, batch, error instanceof Error ? error : new Error(String(error)));
      return;
    }
    this.incomplete.delete(batch);
    for (const part of parts) this.incomplete.add(part);
    queue.landed(batch);
    queue.putBack(parts);
    this.wake();
  }

  private succeed(queue: PartitionQueue, batch: ProducerBatch, baseOffset: number, logAppendTimeMs: number): void {
    queue.landed(batch);
    this.finish(batch);
    this.options.onBatch(batch.complete(queue.topic, queue.partition, baseOffset, logAppendTimeMs));
  }

  private fail(queue: PartitionQueue, batch: ProducerBatch, error: Error): void {
    queue.landed(batch);
    if (batch.baseSequence >= 0) queue.needsNewEpoch = true;
    this.finish(batch);
    this.options.onBatch(batch.fail(queue.topic, queue.partition, error));
  }

  private finish(batch: ProducerBatch): void {
    this.incomplete.delete(batch);
    this.options.onReleased(batch.memoryBytes);
  }

  private expire(queue: PartitionQueue, nowMs: number): void {
    const deadline = nowMs - this.options.settings.deliveryTimeoutMs;
    for (const list of [queue.retries, queue.ready]) {
      while (list[0] !== undefined && list[0].createdMs <= deadline) {
        const batch = list.shift();
        if (batch !== undefined) this.fail(queue, batch, this.expiredError(queue, batch));
      }
    }
    const oldest = queue.retries[0] ?? queue.ready[0];
    if (oldest !== undefined) this.wakeAt(oldest.createdMs + this.options.settings.deliveryTimeoutMs);
  }

  private expiredError(queue: PartitionQueue, batch: ProducerBatch): OperationalError {
    return new OperationalError('DELIVERY_TIMED_OUT', `Expiring ${batch.count} record(s) for ${queue.topic}-${queue.partition}: ${this.options.settings.deliveryTimeoutMs} ms has passed since batch creation`);
  }

  private acquireIdentity(): void {
    if (this.isAcquiring) return;
    this.isAcquiring = true;
    const { client } = this.options;
    client
      .retrying(async () => {
        const response = await client.requestAny(InitProducerId, () => ({ transactionalId: null, transactionTimeoutMs: 2_147_483_647 }));
        if (response.errorCode !== ErrorCode.NONE) throw new ProtocolError(response.errorCode);
        return { producerId: response.producerId, producerEpoch: response.producerEpoch };
      }, Math.max(this.options.settings.deliveryTimeoutMs, 1))
      .then(
        (identity) => {
          this.isAcquiring = false;
          this.identity = identity;
          this.wake();
        },
        (error: unknown) => {
          this.isAcquiring = false;
          if (this.isStopped) return;
          const failure = error instanceof Error ? error : new Error(String(error));
          if (!isRetriable(error)) this.fatal = failure;
          this.failAll(client.isClosed ? closedError(error) : failure);
        },
      );
  }

  private wakeAt(atMs: number): void {
    if (atMs >= this.wakeAtMs || this.isStopped) return;
    this.timer?.cancel();
    this.wakeAtMs = atMs;
    this.timer = this.options.client.settings.foregroundScheduler.after(Math.max(0, Math.ceil(atMs - this.nowMs())), () => {
      this.wakeAtMs = Number.POSITIVE_INFINITY;
      this.wake();
    });
  }

  private nowMs(): number {
    return this.options.client.settings.clock.monotonicMs();
  }
}

interface TopicBatches {
  readonly name: string;
  readonly topicId: string;
  readonly partitionData: { readonly index: number; readonly records: Uint8Array }[];
}

function topicsOf(sent: readonly Sent[], idOf: (topic: string) => string): TopicBatches[] {
  const topics = new Map<string, TopicBatches>();
  for (const { queue, batch } of sent) {
    let topic = topics.get(queue.topic);
    if (topic === undefined) topics.set(queue.topic, (topic = { name: queue.topic, topicId: idOf(queue.topic), partitionData: [] }));
    if (batch.built !== undefined) topic.partitionData.push({ index: queue.partition, records: batch.built });
  }
  return [...topics.values()];
}
