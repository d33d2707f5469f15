import { ConfigError, type ConnectLogger, type SinkPlugin, type SinkTask, type SinkTaskContext, type TaskSignal, type TopicPartition } from '@millrace/connect-api';
import { Consumer } from '@millrace/client';
import { errorMessage } from '@millrace/foundation';
import { Secrets } from '../config-providers/secrets.js';
import { DeadLetters } from '../errors/dead-letters.js';
import { ErrantRecords } from '../errors/errant-records.js';
import { RecordErrors } from '../errors/record-errors.js';
import type { TaskHostCalls } from '../isolation/task-side.js';
import type { TaskCounters, TaskSpec } from '../isolation/task-protocol.js';
import { sinkConsumerSettings } from '../kafka/client-settings.js';
import { loadConnectorPlugin } from '../plugins/load-plugin.js';
import { TransformationChain } from '../transforms/transformation-chain.js';
import { OneAtATime } from './one-at-a-time.js';
import { SinkCommits } from './sink-commits.js';
import { SinkConversion } from './sink-conversion.js';
import { SinkDelivery } from './sink-delivery.js';
import { SinkIntake } from './sink-intake.js';
import { SinkPartitions } from './sink-partitions.js';
import { SinkQueue } from './sink-queue.js';
import { TaskConverters } from './task-converters.js';
import { TaskGauges } from './task-gauges.js';
import { TaskLife } from './task-life.js';
import type { TaskLoop } from './task-loop.js';

/** How soon a task sees that its group counts it in again. */
const MEMBERSHIP_CHECK_MS = 100;

/** Runs a sink task. Two loops share the consumer: the intake polls it all the time and fills the queue, this one puts and commits. */
export class SinkLoop implements TaskLoop {
  private readonly life: TaskLife;
  private readonly task: SinkTask;
  private readonly queue: SinkQueue;
  private readonly consumer: Consumer;
  private readonly gauges: TaskGauges;
  private readonly errors: RecordErrors;
  private readonly errant: ErrantRecords;
  private readonly chain: TransformationChain;
  private readonly commits: SinkCommits;
  private readonly intake: SinkIntake;
  private readonly delivery: SinkDelivery;
  private readonly partitions: SinkPartitions;
  /** The task does one thing at a time (Invariant 4). */
  private readonly turn = new OneAtATime();
  private taking: Promise<void> | undefined;
  private isCommitDue = false;
  private readonly usedTopics = new Set<string>();

  constructor(
    private readonly spec: TaskSpec,
    private readonly host: TaskHostCalls,
    private readonly logger: ConnectLogger,
  ) {
    const consumer = (this.consumer = new Consumer(sinkConsumerSettings(spec.clientConfig, spec.id.task, logger)));
    const life = (this.life = new TaskLife(spec, host, logger, () => consumer.ownsAssignment));
    const task = (this.task = (loadConnectorPlugin(spec.plugin) as SinkPlugin).task());
    const gauges = (this.gauges = new TaskGauges(spec.stallTimeoutMs));
    const converters = new TaskConverters(spec);
    this.errors = new RecordErrors(spec.errors, logger);
    this.chain = new TransformationChain(spec.transformations);
    const errant = (this.errant = new ErrantRecords(this.errors, converters, (failure) => life.fail(failure)));

    // Downwards by reference: partitions -> delivery, intake -> commits, queue. Upwards only by the callbacks here, when all is made.
    const queue = (this.queue = new SinkQueue(new SinkConversion(spec, converters, this.chain, this.errors), () => life.wake()));
    const commits = (this.commits = new SinkCommits({
      task,
      consumer,
      partition: (it) => queue.partition(it),
      onRewind: (offsets) => offsets.forEach((offset, it) => this.fetchFrom(it, offset)),
      settled: () => this.settled(),
      timeoutMs: spec.offsetFlushTimeoutMs,
      onLate: () => gauges.skipCommit(),
      onDone: () => life.wake(),
      measured: (work) => gauges.commit(work),
      logger,
    }));
    const intake = (this.intake = new SinkIntake({ life, consumer, queue, onBeginning: (it, offset) => commits.begin(new Map([[it, offset]])), logger }));
    const delivery = (this.delivery = new SinkDelivery({
      life,
      task,
      queue,
      recordsMax: consumer.settings.maxPollRecords,
      commits,
      gauges,
      errant,
      isRevoking: () => this.partitions.isRevoking,
      onTopic: (topic) => this.noteTopic(topic),
      logger,
    }));
    this.partitions = new SinkPartitions({ life, task, queue, intake, delivery, commits, turn: this.turn, logger });
  }

  pause(): void {
    this.life.pause();
  }

  resume(): void {
    this.life.resume();
  }

  signal({ type }: TaskSignal): Promise<void> {
    return Promise.reject(new ConfigError(`Sink connectors take no signals (type ${type})`, 'type'));
  }

  requestStop(): void {
    this.life.stop();
  }

  run(): Promise<void> {
    return this.life.run({ start: () => this.start(), loop: () => this.loop(), finish: () => this.finish(), commitDue: () => this.requestCommit() });
  }

  counters(): TaskCounters {
    const { recordsIn, recordsOut } = this.delivery;
    const waiting = recordsIn - recordsOut + this.queue.records;
    let [behind, lagMax, lagCommitted] = [0, 0, 0];
    for (const it of this.partitions.assigned) {
      const lag = this.consumer.lag(it) ?? 0;
      behind += lag;
      lagMax = Math.max(lagMax, lag);
      const position = Number(this.consumer.position(it) ?? 0n);
      lagCommitted += lag + position - (this.commits.durable(it) ?? position);
    }
    return this.gauges.counters({ recordsIn, recordsOut, recordsActive: waiting, lag: waiting + behind, lagMax, lagCommitted, partitions: this.partitions.assigned.length }, this.errors.totals);
  }

  private async start(): Promise<void> {
    await this.openDeadLetters();
    await this.gauges.watch.during('start', () => this.task.start(this.context()));
    const { subscription } = this.spec;
    this.consumer.subscribe(subscription === null ? [] : 'pattern' in subscription ? [new RegExp(subscription.pattern)] : subscription.topics, this.partitions);
    this.taking = this.intake.run();
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
        this.life.failure ??= this.errors.deadLetters?.failure;
        this.life.wake();
      },
    });
  }

  private async loop(): Promise<void> {
    const { life, delivery, partitions } = this;
    while (!life.isStopping) {
      if (life.failure !== undefined) throw life.failure;
      if (life.isPaused) await this.whilePaused();
      if (life.isFenced) {
        await this.gauges.watch.during('membership', () => life.wait(MEMBERSHIP_CHECK_MS, () => !life.isFenced));
        continue;
      }
      if (this.mayCommit) await this.commit();
      if (!partitions.isRevoking && delivery.prepare()) await this.turn.run(() => delivery.deliver());
      else if (!this.mayCommit) await this.untilWoken();
    }
  }

  private async whilePaused(): Promise<void> {
    this.isCommitDue = true;
    if (this.mayCommit) await this.commit();
    await this.life.whilePaused(async () => {
      if (!this.mayCommit) return false;
      await this.commit();
      return true;
    });
  }

  /** One that is due while another is under way comes after it; puts go on meanwhile. */
  private get mayCommit(): boolean {
    return this.isCommitDue && !this.life.isFenced && !this.commits.isUnderWay;
  }

  private async commit(): Promise<void> {
    this.isCommitDue = false;
    await this.turn.run(() => this.gauges.watch.during('commit', () => this.commits.commit()));
  }

  private requestCommit(): void {
    this.isCommitDue = true;
    this.life.wake();
  }

  /** Waits for what was given up so far; rejects when a record of it is not safe. */
  private async settled(): Promise<void> {
    await this.errors.deadLetters?.settled();
    if (this.errant.failure) throw this.errant.failure;
  }

  /** Consumption of a partition goes on at an offset; nothing that was fetched of it before is put. Other partitions are not touched. */
  private fetchFrom(partition: TopicPartition, offset: number): void {
    this.intake.fetchFrom(partition, offset);
    this.queue.drop(partition);
    this.delivery.forget(partition);
  }

  private noteTopic(topic: string): void {
    if (!this.spec.tracksTopics || this.usedTopics.has(topic)) return;
    this.usedTopics.add(topic);
    this.host.reportTopic(topic);
  }

  private async untilWoken(): Promise<void> {
    if (!this.life.isStopping && this.life.failure === undefined) await this.life.changed();
  }

  /** All of it within the time of a stop, also when neither the group nor the dead letters come to an end. */
  private async finish(): Promise<void> {
    if (this.taking) this.consumer.wakeup();
    await this.taking;
    try {
      // Runs the listener: last commit and close of the partitions.
      await this.consumer.close({ timeoutMs: this.life.stopStepMs });
    } catch (error) {
      this.logger.warn({ error: errorMessage(error) }, 'the consumer did not close in order');
    }
    this.queue.clear();
    await this.errors.deadLetters?.close(this.life.stopStepMs);
    await this.life.stopTask(() => this.task.stop());
    this.chain.close();
  }

  private context(): SinkTaskContext {
    const { connector, task } = this.spec.id;
    return {
      connectorName: connector,
      taskId: task,
      config: this.spec.config,
      logger: this.logger,
      signal: this.life.signal,
      errantRecordReporter: this.errant,
      assignment: () => this.partitions.assigned,
      ownsAssignment: () => !this.life.isFenced,
      seek: (to, offset) => {
        const partition = this.queue.partition(to);
        this.fetchFrom(partition, offset);
        this.commits.move(partition, offset);
        this.life.wake();
      },
      pause: (...partitions) => {
        this.queue.pause(partitions);
        this.consumer.pause(partitions);
      },
      resume: (...partitions) => {
        this.queue.resume(partitions);
        this.intake.resume(partitions);
        this.life.wake();
      },
      requestCommit: () => this.requestCommit(),
    };
  }
}
