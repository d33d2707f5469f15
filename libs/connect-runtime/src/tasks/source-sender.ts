import { DataError, type ConnectLogger, type OffsetMap, type SourceRecord } from '@millrace/connect-api';
import { APPEND_FULL, Producer, type BatchAck } from '@millrace/client';
import { errorMessage, isRetriable } from '@millrace/foundation';
import { ProtocolError } from '@millrace/protocol';
import { RecordErrors } from '../errors/record-errors.js';
import type { TaskSpec } from '../isolation/task-protocol.js';
import { producerSettings } from '../kafka/client-settings.js';
import { TopicMaker } from '../kafka/topic-maker.js';
import { TransformationChain } from '../transforms/transformation-chain.js';
import { SourceConversion } from './source-conversion.js';
import { SubmittedRecords, type CompletedPolls } from './submitted-records.js';
import { TaskConverters } from './task-converters.js';
import { pauseFor, unlessAborted } from '../waiting.js';

/** Polls and offsets that may wait for one record that is not acknowledged, some 30 MB: one target partition may be without a leader while all others take what comes. */
const KEPT_MAX = 50_000;

export interface SourceSenderOptions {
  readonly spec: TaskSpec;
  readonly stopping: AbortSignal;
  /** Polls are done whose offsets may be stored. */
  readonly onCompleted: (polls: CompletedPolls) => void;
  readonly onFailed: (error: Error) => void;
  readonly onTopic: (topic: string) => void;
  readonly logger: ConnectLogger;
}

/** The way of a source's records into Kafka: transformed, converted, appended in order, followed until they are acknowledged. */
export class SourceSender {
  recordsIn = 0;
  recordsOut = 0;
  bytesOut = 0;
  readonly errors: RecordErrors;
  private recordsDropped = 0;
  private failure: Error | undefined;
  private readonly submitted = new SubmittedRecords();
  private readonly chain: TransformationChain;
  private readonly conversion: SourceConversion;
  private readonly producer: Producer;
  private readonly topics: TopicMaker;
  private readonly usedTopics = new Set<string>();
  private roomWaiter: (() => void) | undefined;

  constructor(private readonly options: SourceSenderOptions) {
    const { spec, logger } = options;
    this.errors = new RecordErrors(spec.errors, logger);
    this.chain = new TransformationChain(spec.transformations);
    this.conversion = new SourceConversion(spec, new TaskConverters(spec), this.chain, this.errors);
    this.producer = new Producer(producerSettings(spec.clientConfig, logger));
    this.producer.onBatch = (ack) => this.acknowledged(ack);
    this.topics = new TopicMaker(spec, logger);
  }

  /** Sent, and neither acknowledged nor dropped. */
  get recordsActive(): number {
    return this.recordsIn - this.recordsOut - this.recordsDropped;
  }

  /**
   * Converts and appends in order. A stop leaves a poll unfinished that cannot be written: its offsets are never released. The converters'
   * buffers stay as they are while a full producer is waited for.
   */
  async send(records: readonly SourceRecord[]): Promise<void> {
    const { conversion, submitted, options } = this;
    const nowMs = Date.now();
    const offsets = new Map<OffsetMap, OffsetMap>();
    submitted.begin(records[records.length - 1]!.timestampMs ?? nowMs);
    this.recordsIn += records.length;
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!;
      const number = submitted.submit();
      let outcome = conversion.convert(record, nowMs);
      while (outcome === 'later') {
        await pauseFor(conversion.retryMs, options.stopping);
        if (options.stopping.aborted) return;
        outcome = conversion.convert(record, nowMs);
      }
      if (outcome === 'dropped') this.dropped(number, 1);
      else {
        if (!this.usedTopics.has(conversion.topic) && !(await this.firstUse(conversion.topic))) return;
        if (!this.append(record, number) && !(await this.appendWhenWritable(record, number))) return;
      }
      const next = records[i + 1];
      if (next === undefined || next.sourcePartition !== record.sourcePartition) {
        offsets.delete(record.sourcePartition);
        offsets.set(record.sourcePartition, record.sourceOffset);
      }
    }
    submitted.end(offsets);
    this.collect();
  }

  get hasRoom(): boolean {
    return this.producer.pendingBytes < this.options.spec.inFlightBytesMax && this.submitted.kept < KEPT_MAX;
  }

  /** Back-pressure: the task is not polled while too much is on its way, or waits behind what is. */
  async room(): Promise<void> {
    while (!this.hasRoom && !this.failure && !this.options.stopping.aborted) {
      await new Promise<void>((resolve) => {
        this.roomWaiter = resolve;
      });
      this.roomWaiter = undefined;
    }
  }

  /** Ends a wait for room: the task stops. */
  wake(): void {
    this.roomWaiter?.();
  }

  /** The task fails: nothing is waited for any more. */
  fail(error: Error): void {
    this.failure ??= error;
    this.roomWaiter?.();
  }

  async flush(): Promise<void> {
    await this.producer.flush();
  }

  async close(): Promise<void> {
    await this.producer.close({ timeoutMs: 0 });
    this.topics.close();
    this.chain.close();
  }

  /** False: the producer is full. */
  private append(record: SourceRecord, number: number): boolean {
    const { topic, partition, key, value, timestampMs, headers } = this.conversion;
    try {
      if (this.producer.append(topic, partition, key, value, timestampMs, headers, number) === APPEND_FULL) return false;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.conversion.refused(error, record);
      this.dropped(number, 1);
      return true;
    }
    this.bytesOut += (key?.length ?? 0) + (value?.length ?? 0);
    return true;
  }

  /** False: the task stops. */
  private async appendWhenWritable(record: SourceRecord, number: number): Promise<boolean> {
    do {
      if (!(await this.writable(this.conversion.topic))) return false;
    } while (!this.append(record, number));
    return true;
  }

  /** False: the task stops. */
  private async firstUse(topic: string): Promise<boolean> {
    if (typeof topic !== 'string' || topic === '') throw new DataError('a source record has no topic');
    if (!(await unlessAborted(this.options.stopping, () => this.topics.ensure(topic)))) return false;
    this.usedTopics.add(topic);
    if (this.options.spec.tracksTopics) this.options.onTopic(topic);
    return true;
  }

  /** False: the task stops. */
  private async writable(topic: string): Promise<boolean> {
    if (this.failure) throw this.failure;
    const { stopping, logger } = this.options;
    try {
      return await unlessAborted(stopping, () => this.producer.writable(topic));
    } catch (error) {
      if (!isRetriable(error)) throw error;
      logger.warn({ topic, error: errorMessage(error) }, 'a topic cannot be written to; trying again');
      return !stopping.aborted;
    }
  }

  private acknowledged({ tagRuns, count, error }: BatchAck): void {
    if (error === undefined) {
      for (let i = 0; i < tagRuns.length; i += 2) this.submitted.acknowledge(tagRuns[i]!, tagRuns[i + 1]!);
      this.recordsOut += count;
    } else if (this.options.spec.errors.isTolerant && isRefusal(error)) {
      for (let i = 0; i < tagRuns.length; i += 2) this.dropped(tagRuns[i]!, tagRuns[i + 1]! - tagRuns[i]! + 1);
      for (let i = 0; i < count; i++) this.conversion.refused(error);
    } else {
      return this.options.onFailed(error);
    }
    this.collect();
    if (this.roomWaiter && this.hasRoom) this.roomWaiter();
  }

  /** These records will not be in Kafka: their offsets count as done. */
  private dropped(first: number, count: number): void {
    this.submitted.acknowledge(first, first + count - 1);
    this.recordsDropped += count;
  }

  private collect(): void {
    const completed = this.submitted.takeCompleted();
    if (completed) this.options.onCompleted(completed);
  }
}

/** The broker, or the producer before it, does not take these records, whatever is tried; others it may take. */
function isRefusal(error: unknown): boolean {
  return error instanceof ProtocolError && !isRetriable(error);
}
