import { setTimeout as delay } from 'node:timers/promises';
import { Admin, Consumer, consumerOptionsFrom, Producer, producerOptionsFrom, type ConsumerRecord, type RecordMetadata } from '@millrace/client';
import { errorMessage, type Logger } from '@millrace/foundation';
import type { RedriveBody } from '@millrace/http-contract';
import { deadLetterOf, type DeadLetter } from './dead-letter.js';
import { FinalJobError, type JobContext, type JobProgress } from './job.js';
import { matches, Redriven, type LetterFilter } from './redriven.js';

type Settings = Readonly<Record<string, string>>;

/** Where a redrive reads and writes. */
export interface RedriveRoute {
  /** The dead-letter topic. */
  readonly topic: string;
  readonly consumerConfig: Settings;
  readonly producerConfig: Settings;
}

interface Stretch {
  readonly partition: number;
  readonly start: number;
  /** Exclusive, as of the job's beginning: letters that come back are for the next redrive. */
  readonly end: number;
  position: number;
}

interface Counts {
  redriven: number;
  filtered: number;
  already_redriven: number;
}

interface Checkpoint {
  readonly stretches: readonly Stretch[];
  readonly counts: Counts;
}

const SETTLE_EVERY_MS = 250;
const SETTLE_EVERY_LETTERS = 2000;
const POLL_MS = 200;

/**
 * Sends dead letters back. Resolves at the end of what was there when the job began. Positions are committed to a group of the topic's
 * own after what was sent is acknowledged: an attempt that dies loses nothing and repeats at most what it sent since its last commit.
 */
export async function redrive(body: RedriveBody, route: RedriveRoute, context: JobContext, logger: Logger): Promise<void> {
  const bootstrapServers = (config: Settings): string => config['bootstrap.servers'] ?? 'localhost:9092';
  const unknown = (key: string): void => logger.debug({ key }, 'a client setting is not known');
  const consumer = new Consumer({
    ...consumerOptionsFrom(route.consumerConfig, unknown),
    bootstrapServers: bootstrapServers(route.consumerConfig),
    groupId: `millrace-redrive-${route.topic}`,
    enableAutoCommit: false,
    autoOffsetReset: 'earliest',
    isolationLevel: 'read_committed',
    allowAutoCreateTopics: false,
    logger,
  });
  const producer = new Producer({ ...producerOptionsFrom(route.producerConfig, unknown), bootstrapServers: bootstrapServers(route.producerConfig), logger });
  const lettersAdmin = new Admin({ bootstrapServers: bootstrapServers(route.consumerConfig), logger });
  const targetsAdmin = new Admin({ bootstrapServers: bootstrapServers(route.producerConfig), logger });
  try {
    await new Redrive(body, route.topic, context, { consumer, producer, lettersAdmin, targetsAdmin }).run();
  } finally {
    await Promise.all([consumer.close({ timeoutMs: 1000 }), producer.close({ timeoutMs: 0 }), lettersAdmin.close(), targetsAdmin.close()]);
  }
}

interface Clients {
  readonly consumer: Consumer;
  readonly producer: Producer;
  readonly lettersAdmin: Admin;
  readonly targetsAdmin: Admin;
}

class Redrive {
  private readonly filter: LetterFilter;
  private readonly partitionCounts = new Map<string, number>();
  private readonly redriven = new Map<number, Redriven>();
  private readonly stages: Record<string, number> = {};
  private stretches: Stretch[] = [];
  private counts: Counts = { redriven: 0, filtered: 0, already_redriven: 0 };
  private pending: Promise<RecordMetadata>[] = [];
  private settledAtMs = performance.now();
  private nextSendAtMs = performance.now();

  constructor(
    private readonly body: RedriveBody,
    private readonly topic: string,
    private readonly context: JobContext,
    private readonly clients: Clients,
  ) {
    this.filter = { stages: body.stage, classes: body.exception_class };
  }

  async run(): Promise<void> {
    await this.begin();
    await this.settle();
    const { consumer } = this.clients;
    const byPartition = new Map(this.stretches.map((it) => [it.partition, it]));
    while (this.open().length > 0 && !this.isAtLimit) {
      await this.stopIfAborted();
      const records = await consumer.poll(POLL_MS);
      for (const record of records) {
        const stretch = byPartition.get(record.partition);
        const offset = Number(record.offset);
        if (!stretch || offset >= stretch.end || offset < stretch.position) continue;
        if (this.isAtLimit) break;
        await this.take(record, offset);
        stretch.position = offset + 1;
        if (this.isDue) await this.settle();
      }
      if (this.isAtLimit) break;
      this.passGaps();
      if (this.isDue) await this.settle();
    }
    await this.settle(true);
  }

  private async begin(): Promise<void> {
    const { consumer } = this.clients;
    const partitions = await this.partitions();
    const ranges = await this.ranges(partitions);
    const commits = new Map((await consumer.committed(partitions.map((partition) => ({ topic: this.topic, partition })))).map((it) => [it.partition, it]));
    for (const { partition, beginning } of ranges) {
      const commit = commits.get(partition);
      this.redriven.set(partition, Redriven.of(beginning, commit && { offset: Number(commit.offset), metadata: commit.metadata }));
    }
    const checkpoint = this.context.saved?.checkpoint as Checkpoint | undefined;
    if (checkpoint) {
      this.stretches = checkpoint.stretches.map((it) => ({ ...it }));
      this.counts = { ...checkpoint.counts };
    } else {
      this.stretches = ranges.map(({ partition, from, to }) => {
        const start = Math.min(this.body.again ? from : Math.max(from, this.redrivenOf(partition).below), to);
        return { partition, start, end: to, position: start };
      });
    }
    for (const it of this.stretches) {
      if (!this.redrivenOf(it.partition).with(it.start, it.end, this.filter).fits) throw new FinalJobError(`Too many parts of the topic ${this.topic} were redriven by filters to keep account of another one: redrive it once without filters`);
    }
    consumer.assign(this.open().map(({ partition }) => ({ topic: this.topic, partition })));
    for (const { partition, position } of this.open()) consumer.seek({ topic: this.topic, partition }, position);
  }

  private async partitions(): Promise<number[]> {
    const count = await partitionCount(this.clients.lettersAdmin, this.topic);
    if (count === undefined) throw new FinalJobError(`The topic ${this.topic} does not exist`);
    const { partition } = this.body;
    if (partition === undefined) return Array.from({ length: count }, (_, i) => i);
    if (partition >= count) throw new FinalJobError(`The topic ${this.topic} has no partition ${partition}`);
    return [partition];
  }

  /** What is asked for of each partition, cut to what is there. */
  private async ranges(partitions: readonly number[]): Promise<{ partition: number; beginning: number; from: number; to: number }[]> {
    const { consumer } = this.clients;
    const { from_offset, from_time, to_offset, to_time } = this.body;
    const list = partitions.map((partition) => ({ topic: this.topic, partition }));
    const offsets = async (find: Promise<readonly { partition: number; offset: bigint }[]>): Promise<Map<number, number>> => new Map((await find).map((it) => [it.partition, Number(it.offset)]));
    const atTime = (timestampMs: number | undefined): Promise<Map<number, number>> => offsets(timestampMs === undefined ? Promise.resolve([]) : consumer.offsetsForTimes(list.map((it) => ({ ...it, timestampMs }))));
    const [beginnings, ends, first, last] = await Promise.all([offsets(consumer.beginningOffsets(list)), offsets(consumer.endOffsets(list)), atTime(from_time), atTime(to_time)]);
    return partitions.map((partition) => {
      const beginning = beginnings.get(partition) ?? 0;
      const end = ends.get(partition) ?? 0;
      // A time that no letter has reached stands for the end.
      const from = from_offset ?? (from_time === undefined ? beginning : (first.get(partition) ?? end));
      const to = Math.min(end, to_offset ?? (to_time === undefined ? end : (last.get(partition) ?? end)));
      return { partition, beginning, from: Math.max(beginning, from), to };
    });
  }

  private async take(record: ConsumerRecord, offset: number): Promise<void> {
    const { body, counts } = this;
    const letter = deadLetterOf(record);
    if (!matches(this.filter, letter)) return void (counts.filtered += 1);
    if (!body.again && this.redrivenOf(record.partition).has(offset, letter)) return void (counts.already_redriven += 1);
    const topic = body.to_topic ?? letter.topic;
    if (topic === undefined) throw await this.stopped(`The letter at ${this.topic}-${record.partition}, offset ${offset} has no header __connect.errors.topic: name the topic by to_topic`);
    if (topic === this.topic) throw await this.stopped(`The letter at ${this.topic}-${record.partition}, offset ${offset} would go to the topic that it is read from: name another one by to_topic`);
    const partition = await this.targetPartition(topic, letter);
    if (!body.dry_run) {
      await this.pace();
      const sent = this.clients.producer.send({ topic, key: record.key, value: record.value, headers: letter.headers, ...(partition === undefined ? {} : { partition }), ...(body.timestamps === 'kept' && record.timestampMs >= 0 ? { timestamp: record.timestampMs } : {}) });
      sent.catch(() => undefined);
      this.pending.push(sent);
    }
    counts.redriven += 1;
    const stage = letter.stage ?? 'unknown';
    this.stages[stage] = (this.stages[stage] ?? 0) + 1;
  }

  /** Undefined: by the key, as records that are new. */
  private async targetPartition(topic: string, letter: DeadLetter): Promise<number | undefined> {
    let count = this.partitionCounts.get(topic);
    if (count === undefined) {
      count = await partitionCount(this.clients.targetsAdmin, topic);
      if (count === undefined) throw await this.stopped(`The topic ${topic}, to which dead letters would go, does not exist`);
      this.partitionCounts.set(topic, count);
    }
    return topic === letter.topic && letter.partition !== undefined && letter.partition < count ? letter.partition : undefined;
  }

  private async pace(): Promise<void> {
    const { rate_per_second: rate } = this.body;
    if (rate === undefined) return;
    const waitMs = this.nextSendAtMs - performance.now();
    this.nextSendAtMs = Math.max(this.nextSendAtMs, performance.now() - 1000) + 1000 / rate;
    if (waitMs <= 1) return;
    // A long wait must not keep back what is sent already.
    if (waitMs > SETTLE_EVERY_MS) await this.settle();
    await delay(waitMs, undefined, { signal: this.context.signal }).catch(() => undefined);
    await this.stopIfAborted();
  }

  /** Waits for what was sent, then commits and tells how far the job is. */
  private async settle(isEnd = false): Promise<void> {
    const sent = this.pending;
    this.pending = [];
    await Promise.all(sent);
    if (!this.body.dry_run) await this.commit();
    const done = this.stretches.reduce((sum, it) => sum + it.position - it.start, 0);
    const total = this.stretches.reduce((sum, it) => sum + it.end - it.start, 0);
    const { redriven, ...others } = this.counts;
    const shown: JobProgress = { done, total: isEnd ? done : total, ...(this.body.dry_run ? { redriven: 0, would_redrive: redriven } : { redriven }), ...others, stages: { ...this.stages } };
    await this.context.save({ shown, checkpoint: { stretches: this.stretches.map((it) => ({ ...it })), counts: { ...this.counts } } satisfies Checkpoint });
    this.settledAtMs = performance.now();
  }

  private async commit(): Promise<void> {
    const offsets = this.stretches.map(({ partition, start, position }) => {
      const redriven = this.redrivenOf(partition).with(start, position, this.filter);
      return { topic: this.topic, partition, offset: redriven.below, metadata: redriven.metadata };
    });
    if (offsets.length > 0) await this.clients.consumer.commit(offsets);
  }

  /** An end for good, with what went before kept. */
  private async stopped(message: string): Promise<FinalJobError> {
    try {
      await this.settle();
    } catch (error) {
      return new FinalJobError(`${message} (and what was sent before could not be completed: ${errorMessage(error)})`);
    }
    return new FinalJobError(message);
  }

  /** Offsets without a letter: compacted, expired, or of aborted transactions. */
  private passGaps(): void {
    const { consumer } = this.clients;
    const done: { topic: string; partition: number }[] = [];
    for (const it of this.open()) {
      const place = { topic: this.topic, partition: it.partition };
      it.position = Math.min(it.end, Math.max(it.position, Number(consumer.position(place) ?? it.position)));
      if (it.position >= it.end) done.push(place);
    }
    if (done.length > 0) consumer.pause(done);
  }

  private redrivenOf(partition: number): Redriven {
    return this.redriven.get(partition) ?? Redriven.of(0, undefined);
  }

  private open(): Stretch[] {
    return this.stretches.filter((it) => it.position < it.end);
  }

  private get isAtLimit(): boolean {
    return this.body.limit !== undefined && this.counts.redriven >= this.body.limit;
  }

  private get isDue(): boolean {
    return this.pending.length >= SETTLE_EVERY_LETTERS || performance.now() - this.settledAtMs >= SETTLE_EVERY_MS;
  }

  private async stopIfAborted(): Promise<void> {
    const { signal } = this.context;
    if (!signal.aborted) return;
    await this.settle();
    throw signal.reason;
  }
}

const UNKNOWN_TOPIC_OR_PARTITION = 3;

async function partitionCount(admin: Admin, topic: string): Promise<number | undefined> {
  const [found] = await admin.describeTopics([topic]);
  if (found?.errorCode === UNKNOWN_TOPIC_OR_PARTITION) return undefined;
  if (found?.error) throw found.error;
  return found?.partitions.length;
}
