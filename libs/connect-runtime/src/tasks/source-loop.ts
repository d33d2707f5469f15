import { type ConnectLogger, type FollowTopicOptions, type OffsetMap, type SourceLag, type SourcePlugin, type SourceRecord, type SourceTask, type SourceTaskContext, type TaskSignal, type TopicFollower } from '@millrace/connect-api';
import { errorMessage, hasCode, OperationalError } from '@millrace/foundation';
import type { TaskHostCalls } from '../isolation/task-side.js';
import type { TaskCounters, TaskSpec } from '../isolation/task-protocol.js';
import { loadConnectorPlugin } from '../plugins/load-plugin.js';
import { decodeOffsetMap, encodeOffsetKey } from '../stores/offset-json.js';
import { OffsetCommitter } from './offset-committer.js';
import { SourceSender } from './source-sender.js';
import { TaskGauges } from './task-gauges.js';
import { TaskLife } from './task-life.js';
import type { TaskLoop } from './task-loop.js';
import { GroupFollower } from './topic-follower.js';
import { within } from '../waiting.js';

/** Without a pause of the event loop for this long, one is made: a source that always has records must not keep answers from being read. */
const YIELD_MS = 4;
const EMPTY_POLL_MS = 1;
const EMPTY_WAIT_MAX_MS = 50;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 10_000;

/** Runs a source task: poll, convert, produce; commits offsets behind what is acknowledged. */
export class SourceLoop implements TaskLoop {
  private readonly life: TaskLife;
  private readonly gauges: TaskGauges;
  private readonly task: SourceTask;
  private readonly sender: SourceSender;
  private readonly committer: OffsetCommitter;
  private readonly followers: TopicFollower[] = [];
  private isReady = false;
  private signals: Promise<void> = Promise.resolve();
  private lastYieldMs = 0;
  private emptyWaitMs = 0;

  constructor(
    private readonly spec: TaskSpec,
    private readonly host: TaskHostCalls,
    private readonly logger: ConnectLogger,
  ) {
    this.life = new TaskLife(spec, host, logger);
    this.task = (loadConnectorPlugin(spec.plugin) as SourcePlugin).task();
    this.gauges = new TaskGauges(spec.stallTimeoutMs);
    this.sender = new SourceSender({
      spec,
      stopping: this.life.signal,
      onCompleted: ({ offsets, newestTimestampMs, records }) => {
        this.committer.add(offsets);
        this.gauges.latency.add(Date.now() - newestTimestampMs, records);
      },
      onFailed: (error) => this.fail(error),
      onTopic: (topic) => host.reportTopic(topic),
      logger,
    });
    this.committer = new OffsetCommitter({
      connector: spec.id.connector,
      write: (records) => this.gauges.watch.during('commit', () => this.gauges.commit(() => host.writeOffsets(records))),
      onCommitted: (partition, offset) => this.gauges.watch.during('onCommitted', () => this.task.onCommitted(partition, offset)),
      timeoutMs: spec.offsetFlushTimeoutMs,
      logger,
    });
  }

  pause(): void {
    this.life.pause();
  }

  resume(): void {
    this.life.resume();
  }

  /** One at a time, between the end of `start` and the beginning of `stop`. */
  async signal(signal: TaskSignal): Promise<void> {
    const turn = this.signals.catch(() => undefined).then(async () => {
      if (!this.isReady || this.life.isStopping) throw new OperationalError('CONNECT_TASK_NOT_RUNNING', 'the task is not running');
      await this.task.onSignal(signal);
    });
    this.signals = turn;
    await turn;
  }

  requestStop(): void {
    this.life.stop();
    this.sender.wake();
    for (const follower of this.followers) void follower.stop();
  }

  run(): Promise<void> {
    return this.life.run({ start: () => this.start(), loop: () => this.loop(), finish: () => this.finish(), commitDue: () => void this.committer.commit() });
  }

  counters(): TaskCounters {
    const lag = this.lag();
    const { recordsIn, recordsOut, bytesOut, recordsActive, errors } = this.sender;
    return this.gauges.counters({ recordsIn, recordsOut, bytesOut, recordsActive, sourceLagMs: lag?.milliseconds ?? null, sourceLagBytes: lag?.bytes ?? null }, errors.totals);
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

  private async start(): Promise<void> {
    await this.gauges.watch.during('start', () => this.task.start(this.context()));
    this.isReady = true;
  }

  private async loop(): Promise<void> {
    while (!this.life.isStopping) {
      if (this.life.isPaused) await this.life.whilePaused(() => Promise.resolve(false));
      if (!this.sender.hasRoom) await this.gauges.watch.during('send', () => this.sender.room());
      if (this.life.failure) throw this.life.failure;
      if (this.life.isStopping) return;
      const startedMs = performance.now();
      this.gauges.watch.begin('poll');
      const records = await this.poll().finally(() => this.gauges.watch.end('poll'));
      if (!records) continue;
      const endedMs = performance.now();
      if (this.life.isFenced) await this.whileFenced();
      if (this.life.failure) throw this.life.failure;
      if (records.length > 0) {
        this.emptyWaitMs = 0;
        this.gauges.batch(records.length, endedMs - startedMs);
        this.gauges.watch.begin('send');
        await this.send(records).finally(() => this.gauges.watch.end('send'));
      } else {
        this.collectQuietPosition();
        if (endedMs - startedMs < EMPTY_POLL_MS) await this.idle();
      }
      if (endedMs - this.lastYieldMs > YIELD_MS) await this.yield();
    }
  }

  private async whileFenced(): Promise<void> {
    this.logger.warn({}, 'the worker may have lost its place in the group; the task waits');
    await this.gauges.watch.during('membership', async () => {
      while (this.life.isFenced && !this.life.isStopping && this.life.failure === undefined) await this.life.changed();
    });
  }

  /** Undefined: it failed, and the task is to be paused before the next try, or stops. */
  private async poll(): Promise<readonly SourceRecord[] | undefined> {
    let waitMs = RETRY_MIN_MS;
    for (;;) {
      try {
        return await this.task.poll();
      } catch (error) {
        if (this.life.isStopping) return [];
        if (!hasCode(error, 'CONNECT_RETRIABLE')) throw error;
        this.logger.warn({ error: errorMessage(error) }, 'poll failed and is tried again');
        const asked = (error as { retryAfterMs?: unknown }).retryAfterMs;
        await this.life.wait(typeof asked === 'number' ? asked : waitMs, () => this.life.isPaused);
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
        if (this.life.failure) throw this.life.failure;
        if (this.life.isStopping || this.life.isPaused) return undefined;
      }
    }
  }

  private async send(records: readonly SourceRecord[]): Promise<void> {
    if (!(this.life.isStopping && this.life.isFenced)) await this.sender.send(records);
  }

  /** What a source says of its position while it has nothing to send; only when nothing of it is still on its way. */
  private collectQuietPosition(): void {
    if (this.sender.recordsActive !== 0) return;
    const offsets = this.task.offsetsWithoutRecords();
    if (offsets) this.committer.add(offsets);
  }

  /** A task whose poll returns at once with nothing would keep a core busy. */
  private async idle(): Promise<void> {
    this.emptyWaitMs = Math.min(this.emptyWaitMs === 0 ? 1 : this.emptyWaitMs * 2, EMPTY_WAIT_MAX_MS);
    await this.life.wait(this.emptyWaitMs, () => this.life.isPaused);
  }

  private async yield(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.lastYieldMs = performance.now();
  }

  /** What was sent gets its acknowledgement and its offsets stored, as far as the time of a stop allows. */
  private async finish(): Promise<void> {
    const { life } = this;
    try {
      await within(life.stopStepMs, Promise.all(this.followers.map((it) => it.stop())));
      if (life.isStarted && !life.isFenced) {
        await within(life.stopStepMs, this.sender.flush());
        await within(life.stopStepMs, this.committer.commit());
      }
    } finally {
      await this.life.stopTask(() => this.task.stop());
      await this.sender.close();
    }
  }

  private async follow(options: FollowTopicOptions): Promise<TopicFollower> {
    const follower = new GroupFollower(options, { clientConfig: this.spec.followerConfig, onFailed: (error) => this.fail(error), logger: this.logger });
    this.followers.push(follower);
    await follower.start();
    return follower;
  }

  private fail(error: Error): void {
    this.life.fail(error);
    this.sender.fail(error);
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
      signal: this.life.signal,
      offsets,
      offset: async (partition) => (await offsets([partition]))[0] ?? null,
      followTopic: (options) => this.follow(options),
    };
  }
}
