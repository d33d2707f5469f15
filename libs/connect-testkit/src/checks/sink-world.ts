import type { ConnectorConfig, SinkConnector, TopicPartition } from '@millrace/connect-api';
import { ensure } from '../check.js';
import { patienceMs, type SinkDriver } from '../driver.js';
import { LogCollector } from '../harness/log-collector.js';
import { randomFrom } from '../harness/random.js';
import { SinkHarness, type SinkHarnessOptions } from '../harness/sink-harness.js';
import type { RecordParts } from '../harness/sink-record.js';
import { SinkTopics } from '../harness/sink-topics.js';
import { within } from '../harness/within.js';
import { connectorContext } from './source-world.js';

/** A sink's outside world during one check, its topic, and the tasks that read it. */
export class SinkWorld {
  readonly logger = new LogCollector();
  readonly topics = new SinkTopics();
  readonly random: () => number;
  readonly topic: string;
  private readonly tasks: SinkHarness[] = [];
  private nextExercise = 1_000_000;
  private connector: SinkConnector | undefined;

  private constructor(
    readonly driver: SinkDriver,
    readonly config: ConnectorConfig,
  ) {
    this.random = randomFrom(driver.randomSeed ?? 1);
    this.topic = driver.topic ?? 'accepted';
  }

  /** Opens the driver's world, runs a check in it, and takes everything down, whatever comes. */
  static async use(driver: SinkDriver, check: (world: SinkWorld) => Promise<void>): Promise<void> {
    const world = new SinkWorld(driver, await driver.open());
    try {
      await check(world);
    } finally {
      await world.end();
      await driver.close();
    }
  }

  async plan(tasksMax: number, config = this.config): Promise<ConnectorConfig[]> {
    await this.connector?.stop();
    const connector = this.driver.plugin.connector();
    await connector.start(connectorContext(this.logger), config);
    this.connector = connector;
    return connector.taskConfigs(tasksMax, config);
  }

  /** A started task without partitions. */
  async start(options: Partial<SinkHarnessOptions> = {}): Promise<SinkHarness> {
    const [config] = await this.plan(1);
    ensure(config !== undefined, 'taskConfigs(1) answers no task');
    const harness = this.task(config, options);
    await within(harness.start(), patienceMs(this.driver), 'start');
    return harness;
  }

  /** A task that is not started yet. */
  task(config: ConnectorConfig, options: Partial<SinkHarnessOptions> = {}): SinkHarness {
    const harness = new SinkHarness({ task: this.driver.plugin.task(), config, topics: this.topics, logger: this.logger, ...options });
    this.tasks.push(harness);
    return harness;
  }

  /** Started, with these partitions of the topic. */
  async startOn(partitions: readonly number[], options: Partial<SinkHarnessOptions> & { readonly from?: number } = {}): Promise<SinkHarness> {
    const harness = await this.start(options);
    await within(harness.assign(partitions.map((it) => this.partition(it)), options.from), patienceMs(this.driver), 'open');
    return harness;
  }

  /** A task's whole life in short: start, one put, stop. With `interrupted` the stop comes while put is under way. */
  async exercise(config: ConnectorConfig = this.config, interrupted = false): Promise<void> {
    const [first] = await this.plan(1, config);
    if (first === undefined) return;
    const task = this.task(first);
    this.fill(this.nextExercise++, 1);
    await within(task.start(), patienceMs(this.driver), 'start');
    await within(task.assign([this.partition(0)]), patienceMs(this.driver), 'open');
    const put = task.step();
    put.catch(() => undefined);
    if (!interrupted) await within(put, patienceMs(this.driver), 'put');
    await within(task.stop(), patienceMs(this.driver), 'stop');
    await put;
  }

  partition(partition: number): TopicPartition {
    return this.topics.partition(this.topic, partition);
  }

  append(partition: number, parts: RecordParts): void {
    this.topics.append(this.topic, partition, parts);
  }

  /** Items first .. first + count - 1, each into partition `item % partitions`. */
  fill(first: number, count: number, partitions = 1): void {
    for (let i = first; i < first + count; i++) this.append(i % partitions, this.driver.record(i));
  }

  async drain(task: SinkHarness): Promise<void> {
    await within(task.drain(), patienceMs(this.driver), 'put');
  }

  async commit(task: SinkHarness): Promise<void> {
    await within(task.commit(), patienceMs(this.driver), 'preCommit');
    ensure(task.overcommits.length === 0, () => `preCommit answered offsets that were not asked for: ${task.overcommits.join('; ')}`);
  }

  async stop(task: SinkHarness): Promise<void> {
    await within(task.stop(), patienceMs(this.driver), 'stop');
  }

  async kill(task: SinkHarness): Promise<void> {
    task.kill();
    await this.driver.kill?.(task.options.task);
    await within(task.settled(), patienceMs(this.driver), 'a call of the task');
  }

  /** Fails unless these items are stored; says what is missing. */
  async ensureStored(items: readonly number[], when: string): Promise<void> {
    const stored = new Set(await this.driver.readBack());
    const missing = items.filter((it) => !stored.has(it));
    ensure(missing.length === 0, () => `${when}, ${missing.length} of ${items.length} items are not stored: ${missing.slice(0, 10).join(', ')}${missing.length > 10 ? ' …' : ''}`);
  }

  async ensureNoRepeat(when: string): Promise<void> {
    const stored = await this.driver.readBack();
    const repeated = [...new Set(stored.filter((it, i) => stored.indexOf(it) !== i))];
    ensure(repeated.length === 0, () => `${when}, items are stored more than once: ${repeated.slice(0, 10).join(', ')}${repeated.length > 10 ? ' …' : ''}`);
  }

  private async end(): Promise<void> {
    for (const it of this.tasks) await within(it.stop(), patienceMs(this.driver), 'stop').catch(() => undefined);
    for (const it of this.tasks) await within(it.bury(), patienceMs(this.driver), 'stop').catch(() => undefined);
    await this.connector?.stop();
  }
}

/** first .. first + count - 1. */
export function items(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
