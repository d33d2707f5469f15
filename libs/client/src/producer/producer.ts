import { OperationalError, type TimestampMs } from '@millrace/foundation';
import { nodeCodecs } from '@millrace/platform';
import { ErrorCode, ProtocolError } from '@millrace/protocol';
import { recordBytesMax, type RecordHeader } from '@millrace/records';
import { KafkaClient } from '../cluster/kafka-client.js';
import type { TopicInfo } from '../cluster/metadata-cache.js';
import { TopicPartitioner } from './partitioner.js';
import { PartitionQueue } from './partition-queue.js';
import { NO_TAG, ProducerBatch, type BatchAck, type Delivery, type RecordMetadata } from './producer-batch.js';
import { resolveProducerSettings, type ProducerOptions, type ResolvedProducerSettings } from './producer-options.js';
import { Sender } from './sender.js';

/** What `append` gives when the record was not taken: await `writable(topic)` and append it again. */
export const APPEND_FULL = -1;

export interface ProducerRecord {
  readonly topic: string;
  readonly key?: Uint8Array | string | null;
  /** Null is a tombstone. Texts become UTF-8. */
  readonly value: Uint8Array | string | null;
  readonly headers?: readonly RecordHeader[] | Readonly<Record<string, Uint8Array | string | null>>;
  /** Left out: the partitioner chooses. */
  readonly partition?: number;
  /** Left out: now. */
  readonly timestamp?: TimestampMs;
}

interface TopicState {
  info: TopicInfo;
  available: readonly number[];
  readonly partitioner: TopicPartitioner;
  readonly queues: (PartitionQueue | undefined)[];
}

/**
 * Sends records, in batches, each to the leader of its partition; idempotent and acks=all by default. Two ways in: `send`, a promise
 * for each record; and `append`, which allocates nothing per record and tells the fate of whole batches to `onBatch`.
 */
export class Producer {
  readonly settings: ResolvedProducerSettings;
  private readonly client: KafkaClient;
  private readonly ownsClient: boolean;
  private readonly sender: Sender;
  private readonly topics = new Map<string, TopicState>();
  /** Sends that wait for metadata or room, by topic: each waits for the one before it. */
  private readonly queues = new Map<string, Promise<void>>();
  private readonly roomWaiters: (() => void)[] = [];
  private readonly forgetMetadata: () => void;
  private bufferedBytes = 0;
  private closing: Promise<void> | undefined;
  /**
   * Called once for each batch, before the promises of its records resolve; within a partition in the order of offsets.
   * Set it before the first `append`; it must not throw.
   */
  onBatch: (ack: BatchAck) => void = () => undefined;

  /** Throws OperationalError INVALID_CONFIG for settings that exclude each other. Connects with the first record. */
  constructor(options: ProducerOptions) {
    this.settings = resolveProducerSettings(options);
    this.ownsClient = !('client' in options);
    this.client = 'client' in options ? options.client : new KafkaClient(options);
    this.sender = new Sender({
      client: this.client,
      settings: this.settings,
      codecs: nodeCodecs,
      onBatch: (ack) => this.onBatch(ack),
      onReleased: (bytes) => this.released(bytes),
    });
    this.forgetMetadata = this.client.onMetadata(() => this.updateTopics());
  }

  /** Bytes of records that have no answer yet. */
  get pendingBytes(): number {
    return this.bufferedBytes;
  }

  /**
   * Resolves with the record's place once it is acknowledged. Rejects with the broker's ProtocolError, with DELIVERY_TIMED_OUT, or with
   * METADATA_TIMEOUT or BUFFER_EXHAUSTED after max.block.ms. Records of one caller to one partition keep the order of the calls.
   */
  send(record: ProducerRecord): Promise<RecordMetadata> {
    const state = this.topics.get(record.topic);
    if (state !== undefined && !this.queues.has(record.topic) && this.hasRoom()) return this.sendNow(record, state);
    return this.sendLater(record);
  }

  /**
   * Puts a record into its batch. Returns the partition, or APPEND_FULL when memory is used up or the topic is not known yet.
   * `tag` (from 0) comes back in BatchAck.tagRuns. The key's and value's bytes are copied. Throws ProtocolError MESSAGE_TOO_LARGE for a record above
   * max.request.size, OperationalError CLIENT_CLOSED after close, UNKNOWN_PARTITION for a partition that the topic has not got.
   */
  append(topic: string, partition: number | null, key: Uint8Array | null, value: Uint8Array | null, timestampMs: TimestampMs, headers: readonly RecordHeader[] | undefined, tag: number): number {
    const state = this.topics.get(topic);
    if (state === undefined || !this.hasRoom()) {
      this.throwIfEnded();
      return APPEND_FULL;
    }
    return this.place(state, partition, key, value, timestampMs, headers, tag, undefined);
  }

  /** Resolves when `append` has a chance again: the topic is known and there is room. Rejects as `send` does. */
  async writable(topic: string): Promise<void> {
    this.throwIfEnded();
    const deadlineMs = this.nowMs() + this.settings.maxBlockMs;
    if (!this.topics.has(topic)) this.addTopic(await this.client.topic(topic, { timeoutMs: this.settings.maxBlockMs, create: true }));
    while (!this.hasRoom()) {
      this.throwIfEnded();
      await this.room(deadlineMs);
    }
  }

  /** Partitions of the topic, asked for when they are not known. Rejects as `KafkaClient.topic`. */
  async partitionsFor(topic: string): Promise<TopicInfo> {
    const info = await this.client.topic(topic, { timeoutMs: this.settings.maxBlockMs, create: true });
    this.addTopic(info);
    return info;
  }

  /** Sends what lingers and resolves when everything appended before has its answer. Failures went to their own callers. */
  flush(): Promise<void> {
    return this.sender.flush();
  }

  /** Flushes for at most `timeoutMs`, then fails what is left with CLIENT_CLOSED. */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.closing ??= this.finish(options.timeoutMs ?? 30_000);
    return this.closing;
  }

  private sendNow(record: ProducerRecord, state: TopicState): Promise<RecordMetadata> {
    return new Promise((resolve, reject) => {
      const key = asBytes(record.key ?? null);
      const timestampMs = record.timestamp ?? this.client.settings.clock.nowMs();
      try {
        this.place(state, record.partition ?? null, key, asBytes(record.value), timestampMs, headersOf(record.headers), NO_TAG, { resolve, reject });
      } catch (error) {
        reject(error);
      }
    });
  }

  private async sendLater(record: ProducerRecord): Promise<RecordMetadata> {
    const turn = this.queues.get(record.topic);
    let done = (): void => undefined;
    const own = new Promise<void>((resolve) => (done = resolve));
    this.queues.set(record.topic, own);
    let sent: Promise<RecordMetadata>;
    try {
      await turn;
      await this.writable(record.topic);
      const state = this.topics.get(record.topic);
      if (state === undefined) throw new OperationalError('CLIENT_CLOSED', 'the producer was closed');
      sent = this.sendNow(record, state);
    } finally {
      if (this.queues.get(record.topic) === own) this.queues.delete(record.topic);
      done();
    }
    return sent;
  }

  private place(state: TopicState, partition: number | null, key: Uint8Array | null, value: Uint8Array | null, timestampMs: TimestampMs, headers: readonly RecordHeader[] | undefined, tag: number, waiter: Pick<Delivery, 'resolve' | 'reject'> | undefined): number {
    if (this.closing !== undefined || this.sender.fatal !== undefined) this.throwIfEnded();
    const bytes = recordBytesMax(key, value, headers);
    if (bytes > this.settings.maxRequestSize) throw new ProtocolError(ErrorCode.MESSAGE_TOO_LARGE, `The message is ${bytes} bytes when serialized, which is larger than ${this.settings.maxRequestSize}, the value of max.request.size.`);
    const partitionCount = state.info.partitions.length;
    const chosen = partition ?? state.partitioner.choose(key, value, bytes, partitionCount, state.available);
    if (!(chosen >= 0 && chosen < partitionCount)) throw new OperationalError('UNKNOWN_PARTITION', `topic ${state.info.name} has ${partitionCount} partitions, none is ${chosen}`);
    const queue = (state.queues[chosen] ??= new PartitionQueue(state.info.name, chosen));
    let batch = queue.open;
    if (batch !== undefined && batch.sizeBytes + bytes > this.settings.batchSize) {
      queue.seal();
      this.sender.wake();
      batch = undefined;
    }
    if (batch === undefined) {
      queue.open = batch = new ProducerBatch(this.nowMs(), Math.max(this.settings.batchSize, bytes));
      this.sender.opened(queue, batch);
    }
    if (waiter !== undefined) batch.addDelivery({ index: batch.count, timestampMs, ...waiter });
    batch.append(key, value, timestampMs, headers, tag);
    batch.memoryBytes += bytes;
    this.bufferedBytes += bytes;
    return chosen;
  }

  private hasRoom(): boolean {
    if (this.bufferedBytes < this.settings.bufferMemory) return true;
    this.sender.sealAll();
    return false;
  }

  private released(bytes: number): void {
    this.bufferedBytes -= bytes;
    if (this.bufferedBytes < this.settings.bufferMemory) for (const wake of this.roomWaiters.splice(0)) wake();
  }

  private room(deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const waitMs = Math.max(0, deadlineMs - this.nowMs());
      const timer = this.client.settings.foregroundScheduler.after(waitMs, () => {
        const at = this.roomWaiters.indexOf(wake);
        if (at >= 0) this.roomWaiters.splice(at, 1);
        reject(new OperationalError('BUFFER_EXHAUSTED', `no room in buffer.memory within max.block.ms (${this.settings.maxBlockMs} ms)`, { isRetriable: true }));
      });
      const wake = (): void => {
        timer.cancel();
        resolve();
      };
      this.roomWaiters.push(wake);
    });
  }

  private addTopic(info: TopicInfo): void {
    const known = this.topics.get(info.name);
    const available = info.partitions.filter((it) => it.leaderId >= 0).map((it) => it.partition);
    if (known === undefined) {
      const partitioner = new TopicPartitioner(info.name, this.settings.partitioner, this.settings.batchSize, this.client.settings.random);
      this.topics.set(info.name, { info, available, partitioner, queues: [] });
    } else {
      known.info = info;
      known.available = available;
    }
  }

  private updateTopics(): void {
    for (const name of this.topics.keys()) {
      const info = this.client.metadata.topics.get(name);
      if (info !== undefined && info.errorCode === ErrorCode.NONE && info.partitions.length > 0) this.addTopic(info);
    }
  }

  private throwIfEnded(): void {
    if (this.sender.fatal !== undefined) throw this.sender.fatal;
    if (this.closing !== undefined || this.client.isClosed) throw new OperationalError('CLIENT_CLOSED', 'the producer was closed');
  }

  private async finish(timeoutMs: number): Promise<void> {
    let timer: { cancel(): void } | undefined;
    const timeout = new Promise<void>((resolve) => (timer = this.client.settings.foregroundScheduler.after(timeoutMs, resolve)));
    await Promise.race([this.sender.flush(), timeout]);
    timer?.cancel();
    this.sender.stop(new OperationalError('CLIENT_CLOSED', 'the producer was closed before the record was acknowledged'));
    this.forgetMetadata();
    for (const wake of this.roomWaiters.splice(0)) wake();
    if (this.ownsClient) this.client.close();
  }

  private nowMs(): number {
    return this.client.settings.clock.monotonicMs();
  }
}

function asBytes(value: Uint8Array | string | null): Uint8Array | null {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
}

function headersOf(headers: ProducerRecord['headers']): readonly RecordHeader[] | undefined {
  if (headers === undefined || isHeaderList(headers)) return headers;
  return Object.entries(headers).map(([key, value]) => ({ key, value: asBytes(value) }));
}

function isHeaderList(headers: NonNullable<ProducerRecord['headers']>): headers is readonly RecordHeader[] {
  return Array.isArray(headers);
}
