import { ConnectError, DataError, type OffsetsToCommit, RetriableError, type SinkRecord, SinkTask, type SinkTaskContext, type TopicPartition } from '@millrace/connect-api';
import { type HttpSinkSettings, parseHttpSinkSettings } from './config/http-sink-settings.js';
import { type Attempt, MessageSender } from './attempt/message-sender.js';
import { MessageId } from './attempt/message-id.js';
import { Redaction } from './attempt/redaction.js';
import type { Message, Rejection } from './schedule/message.js';
import { MessageScheduler } from './schedule/message-scheduler.js';
import { PartitionProgress } from './schedule/partition-progress.js';
import { MessageItem } from './schedule/message-item.js';
import { MessageTemplate, type RenderedItem } from './template/message-template.js';
import { AddressRules } from './transport/address-rules.js';
import { HttpTransport } from './transport/http-transport.js';

/** A commit waits for attempts this part of the time between two commits, within these bounds. */
const COMMIT_WAIT_SHARE = 0.05;
const COMMIT_WAIT_MIN_MS = 100;
const COMMIT_WAIT_MAX_MS = 1000;
const STOP_WAIT_MS = 2000;
const ROOM_WAIT_MS = 1000;

const OWNERSHIP_CHECK_MS = 100;

/**
 * Sends records to HTTP endpoints. `put` makes messages of them and comes back at once; they are sent behind it, and `preCommit` answers how far
 * each partition is delivered without a gap. When too much waits, partitions are paused, so that the consumer stays in its group however long
 * an endpoint is away.
 */
export class HttpSinkTask extends SinkTask {
  private context!: SinkTaskContext;
  private settings!: HttpSinkSettings;
  private template!: MessageTemplate;
  private sender!: MessageSender;
  private transport!: HttpTransport;
  private scheduler!: MessageScheduler<RenderedItem>;
  private readonly partitions = new Map<string, PartitionProgress<RenderedItem>>();
  private readonly attempts = new Map<Message<RenderedItem>, { readonly attempt: Attempt; readonly ended: Promise<void> }>();
  private paused: readonly TopicPartition[] = [];
  private failure: Error | undefined;
  private timer: NodeJS.Timeout | undefined;
  private lastCommitMs = 0;
  private isStopped = false;
  private openReports = 0;
  /** Those who wait for something to end. */
  private waiters: (() => void)[] = [];

  override start(context: SinkTaskContext): void {
    this.context = context;
    this.settings = parseHttpSinkSettings(context.config);
    this.template = new MessageTemplate(this.settings.message, this.settings.batch);
    this.transport = new HttpTransport(this.settings.transport, new AddressRules(this.settings.addresses));
    this.sender = new MessageSender(this.settings, { transport: this.transport, redaction: new Redaction(), now: () => Date.now() });
    this.scheduler = new MessageScheduler({ ...this.settings.schedule, random: Math.random });
    this.lastCommitMs = performance.now();
  }

  override async put(records: readonly SinkRecord[]): Promise<void> {
    if (this.failure) throw this.failure;
    if (this.isOverfull(2)) await this.room();
    await this.rewind(records);
    const refused: { readonly record: SinkRecord; readonly error: DataError }[] = [];
    const nowMs = performance.now();
    for (const record of records) {
      try {
        this.accept(record, nowMs);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        refused.push({ record, error });
      }
    }
    this.pump();
    if (this.isOverfull(1)) this.pausePartitions();
    for (const { record, error } of refused) await this.giveUp(record, error);
  }

  override async preCommit(offsets: OffsetsToCommit): Promise<OffsetsToCommit> {
    await this.settle(offsets);
    return new Map([...offsets].map(([partition, offset]) => [partition, this.committable(partition, offset)]));
  }

  override async close(partitions: readonly TopicPartition[]): Promise<void> {
    for (const partition of partitions) {
      const progress = this.partitions.get(nameOf(partition));
      this.partitions.delete(nameOf(partition));
      if (progress) this.scheduler.forget(progress);
    }
    const gone = new Set(partitions.map(nameOf));
    this.paused = this.paused.filter((it) => !gone.has(nameOf(it)));
    await this.abortDropped();
    this.resumeIfRoom();
  }

  override async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    for (const { attempt } of this.attempts.values()) attempt.abort();
    await Promise.all([...this.attempts.values()].map((it) => it.ended));
    await (this.transport as HttpTransport | undefined)?.close();
  }

  private committable(partition: TopicPartition, position: number): number {
    return this.partitions.get(nameOf(partition))?.committable(position) ?? position;
  }

  private accept(record: SinkRecord, nowMs: number): void {
    const progress = this.progressOf(record);
    const offset = record.originalKafkaOffset;
    progress.lastOffset = offset;
    const item = this.template.render(record, new MessageId(this.context.connectorName, record));
    if (item === 'ignored') {
      if (this.settings.message.onNull === 'log') this.context.logger.warn(placeOf(record), 'A record without a value is not sent');
      return;
    }
    const { order } = this.settings;
    const laneKey = order === 'none' ? null : order === 'partition' ? '' : (this.template.keyText(record) ?? '');
    const place = { progress, offset, laneKey, groupKey: item.groupKey, hostKey: item.target.origin, bytes: item.body?.length ?? 0 };
    this.scheduler.add(new MessageItem(item, place), nowMs);
  }

  private progressOf({ originalTopic, originalPartition }: SinkRecord): PartitionProgress<RenderedItem> {
    const name = nameOf({ topic: originalTopic, partition: originalPartition });
    let progress = this.partitions.get(name);
    if (!progress) this.partitions.set(name, (progress = new PartitionProgress(originalTopic, originalPartition)));
    return progress;
  }

  /** Where a position was moved back, what comes again replaces what still waits. */
  private async rewind(records: readonly SinkRecord[]): Promise<void> {
    const seen = new Set<PartitionProgress<RenderedItem>>();
    for (const record of records) {
      const progress = this.progressOf(record);
      if (!seen.has(progress) && record.originalKafkaOffset <= progress.lastOffset) this.scheduler.forget(progress);
      seen.add(progress);
    }
    await this.abortDropped();
  }

  /** Starts what may start, and comes back when more may. */
  private pump(): void {
    if (this.isStopped || this.failure) return;
    clearTimeout(this.timer);
    if (!this.context.ownsAssignment()) {
      // A worker that was frozen sends nothing behind what another has sent since; `close` drops it, or the partitions turn out to be its own still.
      this.timer = setTimeout(() => this.pump(), OWNERSHIP_CHECK_MS);
      return;
    }
    for (let message = this.next(); message; message = this.next()) this.send(message);
    const { wakeAtMs } = this.scheduler;
    this.timer = wakeAtMs === undefined ? undefined : setTimeout(() => this.pump(), Math.min(2 ** 31 - 1, Math.max(1, Math.ceil(wakeAtMs - performance.now()))));
  }

  private next(): Message<RenderedItem> | undefined {
    return this.scheduler.next(performance.now());
  }

  private send(message: Message<RenderedItem>): void {
    const attempt = this.sender.attempt(message.items);
    this.attempts.set(message, { attempt, ended: this.see(message, attempt) });
  }

  private async see(message: Message<RenderedItem>, { outcome }: Attempt): Promise<void> {
    const result = await outcome;
    this.attempts.delete(message);
    const wasOpen = this.scheduler.isHostOpen(message.hostKey);
    const rejected = this.scheduler.ended(message, result, performance.now());
    if (result.kind === 'failed') this.explain(message, result.failure.error, wasOpen);
    if (rejected.length > 0) void this.report(message, rejected);
    this.goOn();
  }

  private goOn(): void {
    this.pump();
    this.resumeIfRoom();
    const waiters = this.waiters;
    this.waiters = [];
    for (const wake of waiters) wake();
  }

  private async report(message: Message<RenderedItem>, rejected: readonly Rejection<RenderedItem>[]): Promise<void> {
    this.openReports += 1;
    for (const { item, failure } of rejected) {
      const { record } = item.payload;
      try {
        if (failure.kind === 'fatal') throw failure.error;
        if (!item.isDropped) await this.giveUp(record, failure.error);
      } catch (error) {
        this.openReports -= 1;
        this.fail(error as Error, record);
        return this.goOn();
      }
    }
    this.openReports -= 1;
    this.scheduler.settled(message, rejected, performance.now());
    this.goOn();
  }

  /** Hands a record to the dead letters, or passes over it. Rejects where errors are not tolerated. */
  private async giveUp(record: SinkRecord, error: Error): Promise<void> {
    if (this.settings.onError !== 'fail') {
      if (this.settings.onError === 'log') this.context.logger.warn({ ...placeOf(record), error: error.message }, 'A record was not delivered and is passed over');
      return;
    }
    try {
      await this.context.errantRecordReporter.report(record, error);
    } catch (cause) {
      throw new ConnectError(`${error.message} (the record at ${record.originalTopic}-${record.originalPartition}, offset ${record.originalKafkaOffset})`, { cause });
    }
  }

  /** Nothing more is sent. The position goes back to the record at fault, so that `put` is called and can fail the task. */
  private fail(error: Error, { originalTopic: topic, originalPartition: partition, originalKafkaOffset }: SinkRecord): void {
    if (this.failure || this.isStopped) return;
    this.failure = error;
    this.context.logger.error({ topic, partition, offset: originalKafkaOffset, error: error.message }, 'A record ends the task: nothing more is sent');
    this.resumeAll();
    const offset = this.partitions.get(nameOf({ topic, partition }))?.committable(originalKafkaOffset);
    if (offset !== undefined) this.context.seek({ topic, partition }, offset);
  }

  private explain(message: Message<RenderedItem>, error: Error, wasOpen: boolean): void {
    const fields = { records: message.items.length, failures: message.failures, error: error.message };
    if (!wasOpen && this.scheduler.isHostOpen(message.hostKey)) this.context.logger.warn({ ...fields, host: message.hostKey }, 'The host fails again and again: it is left alone for a while');
    else this.context.logger.debug(fields, 'An attempt has failed');
  }

  /**
   * Before a commit, waits a moment for what is not delivered yet: less is sent again should the partitions be revoked with it. Attempts go on
   * meanwhile. When the task is about to stop it waits longer, but not for an endpoint that is away.
   */
  private async settle(offsets: OffsetsToCommit): Promise<void> {
    const nowMs = performance.now();
    const shareMs = Math.min(COMMIT_WAIT_MAX_MS, Math.max(COMMIT_WAIT_MIN_MS, (nowMs - this.lastCommitMs) * COMMIT_WAIT_SHARE));
    const endMs = nowMs + (this.context.signal.aborted ? STOP_WAIT_MS : shareMs);
    const isDone = (): boolean => [...offsets].every(([partition, offset]) => this.committable(partition, offset) === offset);
    const isIdle = (): boolean => this.attempts.size === 0 && this.openReports === 0 && (this.failure !== undefined || (this.scheduler.wakeAtMs ?? Infinity) > endMs);
    await this.until(() => isDone() || isIdle(), endMs - nowMs);
    this.lastCommitMs = performance.now();
  }

  private async abortDropped(): Promise<void> {
    const dropped = [...this.attempts].filter(([message]) => message.items.some((it) => it.isDropped));
    for (const [, { attempt }] of dropped) attempt.abort();
    if (dropped.length > 0) await Promise.all(dropped.map(([, { ended }]) => ended));
  }

  private isOverfull(times: number): boolean {
    const { pendingRecordsMax, pendingBytesMax } = this.settings;
    return this.scheduler.pendingItems >= pendingRecordsMax * times || this.scheduler.pendingBytes >= pendingBytesMax * times;
  }

  private pausePartitions(): void {
    this.paused = this.context.assignment();
    if (this.paused.length > 0) this.context.pause(...this.paused);
  }

  private resumeIfRoom(): void {
    if (this.paused.length > 0 && !this.isOverfull(0.5)) this.resumeAll();
  }

  private resumeAll(): void {
    const { paused } = this;
    this.paused = [];
    if (paused.length > 0) this.context.resume(...paused);
  }

  /** Records keep coming although partitions are paused: waits for room, then asks to be given them later. */
  private async room(): Promise<void> {
    await this.until(() => !this.isOverfull(2) || this.failure !== undefined, ROOM_WAIT_MS);
    if (this.failure) throw this.failure;
    if (this.isOverfull(2)) throw new RetriableError('Too many records wait to be delivered', { retryAfterMs: 100 });
  }

  private async until(isTrue: () => boolean, mostMs: number): Promise<void> {
    const endMs = performance.now() + mostMs;
    while (!isTrue()) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

function placeOf(record: SinkRecord): { topic: string; partition: number; offset: number } {
  return { topic: record.originalTopic, partition: record.originalPartition, offset: record.originalKafkaOffset };
}
