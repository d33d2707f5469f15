import { ConfigError, type ConnectLogger, type SinkPlugin, type SinkTask, type SinkTaskContext, type TaskSignal, type TopicPartition } from '@millrace/connect-api';
import { Consumer } from '@millrace/client';
import { errorMessage, hasCode, isRetriable, topicPartitionName } from '@millrace/foundation';
import { Secrets } from '../config-providers/secrets.js';
import { DeadLetters } from '../errors/dead-letters.js';
import { ErrantRecords } from '../errors/errant-records.js';
import { RecordErrors } from '../errors/record-errors.js';
import type { TaskHostCalls } from '../isolation/task-side.js';
import type { TaskCounters, TaskSpec } from '../isolation/task-protocol.js';
import { consumerSettings } from '../kafka/client-settings.js';
import { loadConnectorPlugin } from '../plugins/load-plugin.js';
import { TransformationChain } from '../transforms/transformation-chain.js';
import { PauseGate } from './pause-gate.js';
import { SinkConversion } from './sink-conversion.js';
import { SinkCommits } from './sink-commits.js';
import { SinkQueue, withoutPartition, type SinkBatch } from './sink-queue.js';
import { TaskConverters } from './task-converters.js';
import { TaskGauges } from './task-gauges.js';
import type { TaskLoop } from './task-loop.js';

const POLL_MS = 1000;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 10_000;

/**
 * Runs a sink task. Two loops share the consumer: the pump polls it all the time, so that the task stays in its group however long a
 * put takes, and fills the queue; the other makes batches and puts them. While a put waits for its database, the next batch is converted.
 */
export class SinkLoop implements TaskLoop {
  private readonly stopping = new AbortController();
  private readonly gate: PauseGate;
  private readonly task: SinkTask;
  private readonly queue: SinkQueue;
  private readonly consumer: Consumer;
  private readonly gauges: TaskGauges;
  private readonly errors: RecordErrors;
  private readonly errant: ErrantRecords;
  private readonly chain: TransformationChain;
  private readonly commits: SinkCommits;
  private assigned: TopicPartition[] = [];
  private prepared: SinkBatch | undefined;
  /** The batch in `put`. */
  private delivering: SinkBatch | undefined;
  /** Where partitions were moved to since the poll under way began. */
  private readonly movedWhilePolling = new Map<TopicPartition, number>();
  private busy: Promise<void> | undefined;
  private isCommitDue = false;
  private isStarted = false;
  private isGivingUp = false;
  private arePartitionsHeld = false;
  private failure: unknown;
  private wakeMain: (() => void) | undefined;
  private wakePump: (() => void) | undefined;
  private recordsIn = 0;
  private recordsOut = 0;
  private readonly usedTopics = new Set<string>();

  constructor(
    private readonly spec: TaskSpec,
    private readonly host: TaskHostCalls,
    private readonly logger: ConnectLogger,
  ) {
    this.gate = new PauseGate(spec.startPaused);
    if (host.lease) host.lease.onRenewed = () => this.wake();
    this.task = (loadConnectorPlugin(spec.plugin) as SinkPlugin).task();
    this.gauges = new TaskGauges(spec.stallTimeoutMs);
    this.errors = new RecordErrors(spec.errors, logger);
    const converters = new TaskConverters(spec);
    this.chain = new TransformationChain(spec.transformations);
    this.errant = new ErrantRecords(this.errors, converters, (failure) => {
      this.failure ??= failure;
      this.wakeMain?.();
    });
    this.queue = new SinkQueue(new SinkConversion(spec, converters, this.chain, this.errors), () => this.wakeMain?.());
    this.consumer = new Consumer(consumerSettings(spec.clientConfig, logger));
    this.commits = new SinkCommits({ task: this.task, consumer: this.consumer, partition: (it) => this.queue.partition(it), onRewind: (offsets) => this.rewind(offsets), settled: () => this.settled(), measured: (work) => this.gauges.commit(work), logger });
  }

  pause(): void {
    this.gate.pause();
    this.wake();
  }

  resume(): void {
    this.gate.resume();
    this.wake();
  }

  signal({ type }: TaskSignal): Promise<void> {
    return Promise.reject(new ConfigError(`Sink connectors take no signals (type ${type})`, 'type'));
  }

  requestStop(): void {
    this.stopping.abort();
    this.gate.wake();
    this.wake();
  }

  async run(): Promise<void> {
    const timer = setInterval(() => this.requestCommit(), this.spec.offsetFlushIntervalMs);
    let pump: Promise<void> | undefined;
    try {
      while (this.gate.isPaused && !this.isStopping) {
        this.host.reportState('PAUSED');
        await this.gate.changed();
      }
      if (this.isStopping) return;
      this.isStarted = true;
      await this.openDeadLetters();
      await this.gauges.watch.during('start', () => this.task.start(this.context()));
      this.subscribe();
      this.host.reportState('RUNNING');
      pump = this.pump();
      await this.loop();
    } finally {
      clearInterval(timer);
      await this.finish(pump);
    }
  }

  counters(): TaskCounters {
    const waiting = this.recordsIn - this.recordsOut + this.queue.records;
    let [behind, lagMax, lagCommitted] = [0, 0, 0];
    for (const it of this.assigned) {
      const lag = this.consumer.lag(it) ?? 0;
      behind += lag;
      lagMax = Math.max(lagMax, lag);
      const position = Number(this.consumer.position(it) ?? 0n);
      lagCommitted += lag + position - (this.commits.durable(it) ?? position);
    }
    const lag = waiting + behind;
    return this.gauges.counters({ recordsIn: this.recordsIn, recordsOut: this.recordsOut, bytesOut: 0, recordsActive: waiting, lag, lagMax, lagCommitted, partitions: this.assigned.length, sourceLagMs: null, sourceLagBytes: null }, this.errors.totals);
  }

  private get isFenced(): boolean {
    return this.host.lease?.isValid === false;
  }

  private get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async openDeadLetters(): Promise<void> {
    const { id, errors } = this.spec;
    if (!errors.deadLetters) return;
    this.errors.deadLetters = await DeadLetters.open({
      settings: errors.deadLetters,
      id,
      totals: this.errors.totals,
      secrets: Secrets.of(this.spec.secrets),
      logger: this.logger,
      onChange: () => {
        this.failure ??= this.errors.deadLetters?.failure;
        this.wakeMain?.();
      },
    });
  }

  private subscribe(): void {
    const { subscription } = this.spec;
    const topics = subscription === null ? [] : 'pattern' in subscription ? [new RegExp(subscription.pattern)] : subscription.topics;
    this.consumer.subscribe(topics, {
      onAssigned: (partitions) => this.gained(partitions),
      onRevoked: () => this.gaveUp(true),
      onLost: () => this.gaveUp(false),
    });
  }

  /** Polls without a break; takes no more while enough waits, but still serves the group. */
  private async pump(): Promise<void> {
    while (!this.isStopping) {
      try {
        await this.pumpOnce();
      } catch (error) {
        if (this.isStopping && (hasCode(error, 'WAKEUP') || hasCode(error, 'CLIENT_CLOSED'))) return;
        if (!isRetriable(error)) {
          this.failure ??= error;
          this.wakeMain?.();
          return;
        }
        this.logger.warn({ error: errorMessage(error) }, 'records could not be fetched; trying again');
        await new Promise<void>((resolve) => setTimeout(resolve, RETRY_MIN_MS));
      }
    }
  }

  private async pumpOnce(): Promise<void> {
    const recordsMax = this.consumer.settings.maxPollRecords;
    this.holdPartitions(this.gate.isPaused || this.queue.records >= recordsMax);
    this.movedWhilePolling.clear();
    const polled = await this.consumer.pollBatches(this.arePartitionsHeld ? 100 : POLL_MS, recordsMax);
    const pieces = polled.filter((it) => !this.isOutdated(it));
    if (pieces.length === 0) return;
    this.queue.add(pieces);
    this.wakeMain?.();
    // Another piece may be there already: without this the event loop would not get to sockets and timers.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.queue.records >= recordsMax && !this.gate.isPaused) await this.untilDrained(POLL_MS);
  }

  /** A piece of a partition that was moved may have been taken before or after it: it is fetched again. */
  private isOutdated(piece: TopicPartition): boolean {
    const partition = this.queue.partition(piece);
    const offset = this.movedWhilePolling.get(partition);
    if (offset === undefined) return false;
    this.consumer.seek(partition, offset);
    return true;
  }

  /** Waits a moment for the other loop before partitions are paused. */
  private async untilDrained(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.wakePump = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wakePump = undefined;
  }

  private holdPartitions(hold: boolean): void {
    if (hold === this.arePartitionsHeld) return;
    this.arePartitionsHeld = hold;
    if (hold) this.consumer.pause(this.assigned);
    else this.consumer.resume(this.assigned.filter((it) => !this.queue.isPaused(it)));
  }

  private async loop(): Promise<void> {
    while (!this.isStopping) {
      if (this.failure !== undefined) throw this.failure;
      if (this.gate.isPaused) await this.whilePaused();
      if (this.isFenced) {
        await this.gauges.watch.during('membership', () => this.untilWoken());
        continue;
      }
      if (this.isCommitDue) await this.commit();
      if (!this.isGivingUp) this.prepared ??= this.prepare();
      if (this.prepared && !this.isGivingUp) await this.exclusively(() => this.deliverPrepared());
      else if (!this.isCommitDue) await this.untilWoken();
    }
  }

  private async whilePaused(): Promise<void> {
    this.isCommitDue = true;
    if (!this.isFenced) await this.commit();
    this.host.reportState('PAUSED');
    while (this.gate.isPaused && !this.isStopping && this.failure === undefined) {
      if (this.isCommitDue && !this.isFenced) await this.commit();
      else await this.untilWoken();
    }
    if (!this.isStopping && this.failure === undefined) this.host.reportState('RUNNING');
  }

  /** The task does one thing at a time: whoever wants to take partitions away waits for `busy`. */
  private async exclusively(step: () => Promise<void>): Promise<void> {
    while (this.busy) await this.busy.catch(() => undefined);
    const mine = step();
    this.busy = mine;
    try {
      await mine;
    } finally {
      if (this.busy === mine) this.busy = undefined;
    }
  }

  private prepare(): SinkBatch | undefined {
    const batch = this.queue.take(this.consumer.settings.maxPollRecords);
    if (batch) this.recordsIn += batch.records.length;
    if (this.queue.records < this.consumer.settings.maxPollRecords) this.wakePump?.();
    return batch;
  }

  /** Conversion ahead of time; what it throws fails the task only when the put under way has ended. */
  private prepareAhead(): void {
    if (this.gate.isPaused || this.isGivingUp || this.failure !== undefined) return;
    try {
      this.prepared ??= this.prepare();
    } catch (error) {
      this.failure = error;
    }
  }

  private async deliverPrepared(): Promise<void> {
    const batch = this.prepared;
    this.prepared = undefined;
    if (!batch) return;
    this.delivering = batch;
    try {
      const startedMs = performance.now();
      await this.gauges.watch.during('put', () => this.deliver(batch));
      this.gauges.batch(batch.records.length, performance.now() - startedMs);
    } finally {
      this.delivering = undefined;
    }
  }

  private async deliver(batch: SinkBatch): Promise<void> {
    let waitMs = RETRY_MIN_MS;
    this.commits.begin(batch.starts);
    while (batch.records.length > 0) {
      try {
        const putting = this.task.put(batch.records);
        if (putting) {
          this.prepareAhead();
          await putting;
        }
        if (this.errant.failure) throw this.errant.failure;
        break;
      } catch (error) {
        if (!hasCode(error, 'CONNECT_RETRIABLE')) throw error;
        this.logger.warn({ error: errorMessage(error) }, 'put failed and gets the same records again');
        const asked = (error as { retryAfterMs?: unknown }).retryAfterMs;
        await this.wait(typeof asked === 'number' ? asked : waitMs);
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
        while (this.isFenced && !this.isStopping && !this.isGivingUp) await this.wait(RETRY_MIN_MS);
        if (this.isStopping || this.isGivingUp) return;
        if (this.failure !== undefined) throw this.failure;
      }
    }
    this.commits.advance(batch.positions);
    this.delivered(batch);
  }

  private delivered({ records, positions }: SinkBatch): void {
    this.recordsOut += records.length;
    const last = records[records.length - 1];
    if (last) this.gauges.latency.add(Date.now() - last.timestampMs, records.length);
    if (!this.spec.tracksTopics) return;
    for (const { topic } of positions.keys()) {
      if (this.usedTopics.has(topic)) continue;
      this.usedTopics.add(topic);
      this.host.reportTopic(topic);
    }
  }

  private async commit(): Promise<void> {
    this.isCommitDue = false;
    await this.exclusively(() => this.gauges.watch.during('commit', () => this.commits.commit(false)));
  }

  /** Waits for what was given up so far; rejects when a record of it is not safe. */
  private async settled(): Promise<void> {
    await this.errors.deadLetters?.settled();
    if (this.errant.failure) throw this.errant.failure;
  }

  private forgetPrepared(): void {
    this.recordsIn -= this.prepared?.records.length ?? 0;
    this.prepared = undefined;
  }

  private rewind(offsets: ReadonlyMap<TopicPartition, number>): void {
    for (const [partition, offset] of offsets) this.fetchFrom(partition, offset);
  }

  /** Consumption of a partition goes on at an offset; nothing that was fetched of it before is put. Other partitions are not touched. */
  private fetchFrom(partition: TopicPartition, offset: number): void {
    this.consumer.seek(partition, offset);
    this.movedWhilePolling.set(partition, offset);
    this.queue.drop(partition);
    this.delivering?.positions.delete(partition);
    if (!this.prepared) return;
    const kept = withoutPartition(this.prepared, partition);
    this.recordsIn -= this.prepared.records.length - kept.records.length;
    this.prepared = kept.positions.size > 0 ? kept : undefined;
  }

  private async gained(partitions: readonly TopicPartition[]): Promise<void> {
    this.assigned = partitions.map((it) => this.queue.partition(it));
    this.arePartitionsHeld = false;
    this.isGivingUp = false;
    this.logger.info({ partitions: this.assigned.map(topicPartitionName) }, 'partitions were assigned');
    if (this.assigned.length > 0) await this.exclusively(async () => void (await this.task.open(this.assigned)));
    this.wakeMain?.();
  }

  /** Waits for the put under way; what has not been put is read again by the next owner. */
  private async gaveUp(isStillOurs: boolean): Promise<void> {
    this.isGivingUp = true;
    this.wakeMain?.();
    const partitions = this.assigned;
    try {
      await this.exclusively(async () => {
        this.queue.clear();
        this.movedWhilePolling.clear();
        this.forgetPrepared();
        if (isStillOurs && !this.isFenced) await this.commits.commit(true);
        if (partitions.length > 0) await this.task.close(partitions);
      });
    } finally {
      this.assigned = [];
      this.commits.clear();
    }
  }

  private requestCommit(): void {
    this.isCommitDue = true;
    this.wakeMain?.();
  }

  private wake(): void {
    this.wakeMain?.();
    this.wakePump?.();
  }

  private async untilWoken(): Promise<void> {
    if (this.isStopping || this.failure !== undefined) return;
    await new Promise<void>((resolve) => {
      this.wakeMain = resolve;
    });
    this.wakeMain = undefined;
  }

  private async wait(delayMs: number): Promise<void> {
    // Not by comparing clocks: a timer may fire a moment before its time, and nothing would wake this again.
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.wakeMain?.();
    }, delayMs);
    while (!isOver && !this.isStopping && !this.isGivingUp && this.failure === undefined) await this.untilWoken();
    clearTimeout(timer);
  }

  private async finish(pump: Promise<void> | undefined): Promise<void> {
    this.stopping.abort();
    this.wake();
    if (pump) this.consumer.wakeup();
    await pump;
    try {
      // Runs the listener: last commit and close of the partitions.
      await this.consumer.close({ timeoutMs: this.spec.shutdownTimeoutMs });
    } catch (error) {
      this.logger.warn({ error: errorMessage(error) }, 'the consumer did not close in order');
    }
    await this.errors.deadLetters?.close(this.spec.shutdownTimeoutMs);
    try {
      if (this.isStarted) await this.task.stop();
    } catch (error) {
      this.logger.warn({ error: errorMessage(error) }, 'the task did not stop in order');
    }
    this.chain.close();
  }

  private context(): SinkTaskContext {
    const { connector, task } = this.spec.id;
    return {
      connectorName: connector,
      taskId: task,
      config: this.spec.config,
      logger: this.logger,
      signal: this.stopping.signal,
      errantRecordReporter: this.errant,
      assignment: () => this.assigned,
      seek: (to, offset) => {
        const partition = this.queue.partition(to);
        this.fetchFrom(partition, offset);
        this.commits.move(partition, offset);
        this.wakeMain?.();
      },
      pause: (...partitions) => {
        this.queue.pause(partitions);
        this.consumer.pause(partitions);
      },
      resume: (...partitions) => {
        this.queue.resume(partitions);
        if (!this.arePartitionsHeld) this.consumer.resume(partitions);
        this.wakeMain?.();
      },
      requestCommit: () => this.requestCommit(),
    };
  }
}
