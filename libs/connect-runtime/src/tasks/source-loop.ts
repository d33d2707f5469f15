import { DataError, type ConnectLogger, type FollowTopicOptions, type OffsetMap, type SourceLag, type SourcePlugin, type SourceRecord, type SourceTask, type SourceTaskContext, type TaskSignal, type TopicFollower } from '@millrace/connect-api';
import { APPEND_FULL, Producer, type BatchAck } from '@millrace/client';
import { errorMessage, hasCode, isRetriable, OperationalError } from '@millrace/foundation';
import { ProtocolError } from '@millrace/protocol';
import type { TaskHostCalls } from '../isolation/task-side.js';
import type { TaskCounters, TaskSpec } from '../isolation/task-protocol.js';
import { producerSettings } from '../kafka/client-settings.js';
import { TopicMaker } from '../kafka/topic-maker.js';
import { RecordErrors } from '../errors/record-errors.js';
import { loadConnectorPlugin } from '../plugins/load-plugin.js';
import { TransformationChain } from '../transforms/transformation-chain.js';
import { decodeOffsetMap, encodeOffsetKey } from '../stores/offset-json.js';
import { LatencyWindow } from './latency-window.js';
import { OffsetCommitter } from './offset-committer.js';
import { OperationWatch } from './operation-watch.js';
import { PauseGate } from './pause-gate.js';
import { SubmittedRecords } from './submitted-records.js';
import { SourceConversion } from './source-conversion.js';
import { TaskConverters } from './task-converters.js';
import type { TaskLoop } from './task-loop.js';
import { GroupFollower } from './topic-follower.js';

/** Without a pause of the event loop for this long, one is made: a source that always has records must not keep answers from being read. */
const YIELD_MS = 4;
const EMPTY_POLL_MS = 1;
const EMPTY_WAIT_MAX_MS = 50;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 10_000;

/** Runs a source task: poll, convert, produce; commits offsets behind what is acknowledged. */
export class SourceLoop implements TaskLoop {
  private readonly stopping = new AbortController();
  private readonly gate: PauseGate;
  private readonly submitted = new SubmittedRecords();
  private readonly latency = new LatencyWindow();
  private readonly task: SourceTask;
  private readonly errors: RecordErrors;
  private readonly chain: TransformationChain;
  private readonly conversion: SourceConversion;
  private readonly producer: Producer;
  private readonly topics: TopicMaker;
  private readonly committer: OffsetCommitter;
  private readonly followers: TopicFollower[] = [];
  private failure: Error | undefined;
  private isStarted = false;
  private isReady = false;
  private signals: Promise<void> = Promise.resolve();
  private roomWaiter: (() => void) | undefined;
  private readonly watch = new OperationWatch();
  private lastYieldMs = 0;
  private emptyWaitMs = 0;
  private recordsIn = 0;
  private recordsOut = 0;
  private recordsDropped = 0;
  private bytesOut = 0;
  private readonly usedTopics = new Set<string>();

  constructor(
    private readonly spec: TaskSpec,
    private readonly host: TaskHostCalls,
    private readonly logger: ConnectLogger,
  ) {
    this.gate = new PauseGate(spec.startPaused);
    if (host.lease) host.lease.onRenewed = () => this.gate.wake();
    this.task = (loadConnectorPlugin(spec.plugin) as SourcePlugin).task();
    this.errors = new RecordErrors(spec.errors, logger);
    this.chain = new TransformationChain(spec.transformations);
    this.conversion = new SourceConversion(spec, new TaskConverters(spec), this.chain, this.errors);
    this.producer = new Producer(producerSettings(spec.clientConfig, logger));
    this.producer.onBatch = (ack) => this.acknowledged(ack);
    this.topics = new TopicMaker(spec, logger);
    this.committer = new OffsetCommitter({
      connector: spec.id.connector,
      write: (records) => this.watch.during('commit', () => host.writeOffsets(records)),
      onCommitted: (partition, offset) => this.watch.during('commit', () => this.task.onCommitted(partition, offset)),
      timeoutMs: spec.offsetFlushTimeoutMs,
      logger,
    });
  }

  pause(): void {
    this.gate.pause();
  }

  resume(): void {
    this.gate.resume();
  }

  /** One at a time, between the end of `start` and the beginning of `stop`. */
  async signal(signal: TaskSignal): Promise<void> {
    const turn = this.signals.catch(() => undefined).then(async () => {
      if (!this.isReady || this.isStopping) throw new OperationalError('CONNECT_TASK_NOT_RUNNING', 'the task is not running');
      await this.task.onSignal(signal);
    });
    this.signals = turn;
    await turn;
  }

  requestStop(): void {
    this.stopping.abort();
    this.gate.wake();
    this.roomWaiter?.();
    for (const follower of this.followers) void follower.stop();
  }

  async run(): Promise<void> {
    const timer = setInterval(() => void this.committer.commit(), this.spec.offsetFlushIntervalMs);
    try {
      await this.whilePaused();
      if (this.isStopping) return;
      this.isStarted = true;
      await this.watch.during('start', () => this.task.start(this.context()));
      this.isReady = true;
      this.host.reportState('RUNNING');
      await this.loop();
    } finally {
      clearInterval(timer);
      await this.finish();
    }
  }

  counters(): TaskCounters {
    const { avgMs, maxMs } = this.latency.take();
    const memory = process.memoryUsage();
    const lag = this.lag();
    const stall = this.watch.longerThan(this.spec.stallTimeoutMs);
    return {
      recordsIn: this.recordsIn,
      recordsOut: this.recordsOut,
      bytesOut: this.bytesOut,
      recordsActive: this.recordsIn - this.recordsOut - this.recordsDropped,
      lag: 0,
      sourceLagMs: lag?.milliseconds ?? null,
      sourceLagBytes: lag?.bytes ?? null,
      latencyAvgMs: avgMs,
      latencyMaxMs: maxMs,
      heapBytes: memory.heapUsed,
      externalBytes: memory.external,
      isStalled: stall !== undefined,
      stalledIn: stall?.name ?? null,
      stalledForMs: Math.round(stall?.forMs ?? 0),
      lastProgressMs: this.watch.lastProgressMs,
      errors: { ...this.errors.totals },
    };
  }

  /** A source that cannot say how far behind it is must not suffer for it. */
  private lag(): SourceLag | null {
    if (!this.isReady) return null;
    try {
      return this.task.lag();
    } catch (error) {
      this.logger.debug({ error: errorMessage(error) }, 'the task could not tell its lag');
      return null;
    }
  }

  private get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async loop(): Promise<void> {
    while (!this.isStopping) {
      if (this.gate.isPaused) await this.whilePaused();
      if (!this.hasRoom()) await this.watch.during('send', () => this.room());
      if (this.failure) throw this.failure;
      if (this.isStopping) return;
      const startedMs = performance.now();
      this.watch.begin('poll');
      const records = await this.poll().finally(() => this.watch.end('poll'));
      const endedMs = performance.now();
      if (this.isFenced) await this.whileFenced();
      if (records.length > 0) {
        this.emptyWaitMs = 0;
        this.watch.begin('send');
        await this.send(records).finally(() => this.watch.end('send'));
      } else {
        this.collectQuietPosition();
        if (endedMs - startedMs < EMPTY_POLL_MS) await this.idle();
      }
      if (endedMs - this.lastYieldMs > YIELD_MS) await this.yield();
    }
  }

  private async whilePaused(): Promise<void> {
    if (!this.gate.isPaused) return;
    this.host.reportState('PAUSED');
    while (this.gate.isPaused && !this.isStopping && !this.failure) await this.gate.changed();
    if (this.isStarted && !this.isStopping) this.host.reportState('RUNNING');
  }

  /** Another worker may run this task by now: nothing is sent any more until that is known not to be so. */
  private get isFenced(): boolean {
    return this.host.lease?.isValid === false;
  }

  private async whileFenced(): Promise<void> {
    this.logger.warn({}, 'the worker may have lost its place in the group; the task waits');
    await this.watch.during('membership', async () => {
      while (this.isFenced && !this.isStopping) await this.gate.changed();
    });
  }

  private async poll(): Promise<readonly SourceRecord[]> {
    let waitMs = RETRY_MIN_MS;
    for (;;) {
      try {
        return await this.task.poll();
      } catch (error) {
        if (this.isStopping) return [];
        if (!hasCode(error, 'CONNECT_RETRIABLE')) throw error;
        this.logger.warn({ error: errorMessage(error) }, 'poll failed and is tried again');
        const asked = (error as { retryAfterMs?: unknown }).retryAfterMs;
        await this.wait(typeof asked === 'number' ? asked : waitMs);
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
        if (this.isStopping) return [];
      }
    }
  }

  /** Converts and appends in order. A stop leaves a poll unfinished that cannot be written: its offsets are never released. The converters' buffers stay as they are while a full producer is waited for. */
  private async send(records: readonly SourceRecord[]): Promise<void> {
    const { conversion, submitted } = this;
    if (this.isStopping && this.isFenced) return;
    const nowMs = Date.now();
    const offsets = new Map<OffsetMap, OffsetMap>();
    submitted.begin(records[records.length - 1]!.timestampMs ?? nowMs);
    this.recordsIn += records.length;
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!;
      const number = submitted.submit();
      let outcome = conversion.convert(record, nowMs);
      while (outcome === 'later') {
        await this.wait(conversion.retryMs);
        if (this.isStopping) return;
        outcome = conversion.convert(record, nowMs);
      }
      if (outcome === 'dropped') this.dropped(number, 1);
      else if (this.usedTopics.has(conversion.topic) || (await this.firstUse(conversion.topic))) {
        if (!this.append(record, number) && !(await this.appendWhenWritable(record, number))) return;
      } else return;
      const next = records[i + 1];
      if (next === undefined || next.sourcePartition !== record.sourcePartition) {
        offsets.delete(record.sourcePartition);
        offsets.set(record.sourcePartition, record.sourceOffset);
      }
    }
    submitted.end(offsets);
    this.collect();
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

  /** These records will not be in Kafka: their offsets count as done. */
  private dropped(first: number, count: number): void {
    this.submitted.acknowledge(first, first + count - 1);
    this.recordsDropped += count;
  }

  /** False: the task stops. */
  private async firstUse(topic: string): Promise<boolean> {
    if (typeof topic !== 'string' || topic === '') throw new DataError('a source record has no topic');
    if (!(await this.unlessStopped(() => this.topics.ensure(topic)))) return false;
    this.usedTopics.add(topic);
    if (this.spec.tracksTopics) this.host.reportTopic(topic);
    return true;
  }

  /** False: the task stops. */
  private async writable(topic: string): Promise<boolean> {
    if (this.failure) throw this.failure;
    try {
      return await this.unlessStopped(() => this.producer.writable(topic));
    } catch (error) {
      if (!isRetriable(error)) throw error;
      this.logger.warn({ topic, error: errorMessage(error) }, 'a topic cannot be written to; trying again');
      return !this.isStopping;
    }
  }

  /** True when `step` is done before the task has to stop; a step that is left behind may end as it likes. */
  private async unlessStopped(step: () => Promise<void>): Promise<boolean> {
    const { signal } = this.stopping;
    if (signal.aborted) return false;
    let stop: () => void = () => undefined;
    const stopped = new Promise<boolean>((resolve) => (stop = () => resolve(false)));
    signal.addEventListener('abort', stop);
    try {
      return await Promise.race([step().then(() => true), stopped]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  private acknowledged(ack: BatchAck): void {
    const { tagRuns, error } = ack;
    if (error) {
      if (!this.spec.errors.isTolerant || !isRefusal(error)) return this.fail(error);
      for (let i = 0; i < tagRuns.length; i += 2) this.dropped(tagRuns[i]!, tagRuns[i + 1]! - tagRuns[i]! + 1);
      for (let i = 0; i < ack.count; i++) this.conversion.refused(error);
      return this.collect();
    }
    for (let i = 0; i < tagRuns.length; i += 2) this.submitted.acknowledge(tagRuns[i]!, tagRuns[i + 1]!);
    this.recordsOut += ack.count;
    this.collect();
    if (this.roomWaiter && this.hasRoom()) this.roomWaiter();
  }

  private collect(): void {
    const completed = this.submitted.takeCompleted();
    if (!completed) return;
    this.committer.add(completed.offsets);
    this.latency.add(Date.now() - completed.newestTimestampMs, completed.records);
  }

  /** What a source says of its position while it has nothing to send; only when nothing of it is still on its way. */
  private collectQuietPosition(): void {
    if (this.recordsIn !== this.recordsOut + this.recordsDropped) return;
    const offsets = this.task.offsetsWithoutRecords();
    if (offsets) this.committer.add(offsets);
  }

  private hasRoom(): boolean {
    return this.producer.pendingBytes < this.spec.inFlightBytesMax;
  }

  /** Back-pressure: the task is not polled while too much is on its way. */
  private async room(): Promise<void> {
    while (!this.hasRoom() && !this.failure && !this.isStopping) {
      await new Promise<void>((resolve) => {
        this.roomWaiter = resolve;
      });
      this.roomWaiter = undefined;
    }
  }

  /** A task whose poll returns at once with nothing would keep a core busy. */
  private async idle(): Promise<void> {
    this.emptyWaitMs = Math.min(this.emptyWaitMs === 0 ? 1 : this.emptyWaitMs * 2, EMPTY_WAIT_MAX_MS);
    await this.wait(this.emptyWaitMs);
  }

  private async yield(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.lastYieldMs = performance.now();
  }

  private async wait(delayMs: number): Promise<void> {
    const { signal } = this.stopping;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      signal.addEventListener('abort', done);
    });
  }

  /** What was sent gets its acknowledgement and its offsets stored, within half of the time that a stop may take. */
  private async finish(): Promise<void> {
    const timeoutMs = Math.max(100, this.spec.shutdownTimeoutMs / 2);
    this.stopping.abort();
    try {
      await within(timeoutMs, Promise.all(this.followers.map((it) => it.stop())));
      if (this.isStarted && !this.isFenced) {
        await within(timeoutMs, this.producer.flush());
        await this.committer.commit();
      }
    } finally {
      try {
        if (this.isStarted) await this.task.stop();
      } catch (error) {
        this.logger.warn({ error: errorMessage(error) }, 'the task did not stop in order');
      }
      await this.producer.close({ timeoutMs: 0 });
      this.topics.close();
      this.chain.close();
    }
  }

  private async follow(options: FollowTopicOptions): Promise<TopicFollower> {
    const follower = new GroupFollower(options, { clientConfig: this.spec.followerConfig, onFailed: (error) => this.fail(error), logger: this.logger });
    this.followers.push(follower);
    await follower.start();
    return follower;
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.gate.wake();
    this.roomWaiter?.();
  }

  private context(): SourceTaskContext {
    const { connector, task } = this.spec.id;
    const offsets = async (partitions: readonly OffsetMap[]): Promise<(OffsetMap | null)[]> => {
      const values = await this.host.readOffsets(partitions.map((it) => encodeOffsetKey(connector, it)));
      return values.map((it) => (it === null ? null : (decodeOffsetMap(it) ?? null)));
    };
    return {
      connectorName: connector,
      taskId: task,
      config: this.spec.config,
      logger: this.logger,
      signal: this.stopping.signal,
      offsets,
      offset: async (partition) => (await offsets([partition]))[0] ?? null,
      followTopic: (options) => this.follow(options),
    };
  }
}

/** The broker, or the producer before it, does not take these records, whatever is tried; others it may take. */
function isRefusal(error: unknown): boolean {
  return error instanceof ProtocolError && !isRetriable(error);
}

/** Waits for `work`, but no longer than this. */
async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise((resolve) => (timer = setTimeout(resolve, timeoutMs)))]);
  clearTimeout(timer);
}
