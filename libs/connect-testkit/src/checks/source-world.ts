import type { ConnectorConfig, ConnectorContext, SourceConnector } from '@millrace/connect-api';
import { CheckFailure, ensure } from '../check.js';
import { patienceMs, type SourceDriver } from '../driver.js';
import { LogCollector } from '../harness/log-collector.js';
import { OffsetStore } from '../harness/offset-store.js';
import { randomFrom } from '../harness/random.js';
import { SourceHarness, type DeliveredRecord } from '../harness/source-harness.js';
import { within } from '../harness/within.js';

export interface Arrival {
  readonly record: DeliveredRecord;
  readonly item: number | undefined;
}

/** A source's outside world during one check, and the tasks that run on it. */
export class SourceWorld {
  readonly logger = new LogCollector();
  readonly random: () => number;
  offsets = new OffsetStore();
  /** Everything that reached a topic, in order of arrival. */
  arrivals: Arrival[] = [];
  tasks: SourceHarness[] = [];
  seeded = 0;
  private readonly all: SourceHarness[] = [];
  private connector: SourceConnector | undefined;

  private constructor(
    readonly driver: SourceDriver,
    readonly config: ConnectorConfig,
  ) {
    this.random = randomFrom(driver.randomSeed ?? 1);
  }

  /** Opens the driver's world, runs a check in it, and takes everything down, whatever comes. */
  static async use(driver: SourceDriver, check: (world: SourceWorld) => Promise<void>): Promise<void> {
    const world = new SourceWorld(driver, await driver.open());
    try {
      await check(world);
    } finally {
      await world.end();
      await driver.close();
    }
  }

  async seed(count: number): Promise<void> {
    const first = this.seeded;
    this.seeded += count;
    await this.driver.seed(first, count);
  }

  /** Plans with a fresh connector, as a worker does after a change of the config. */
  async plan(tasksMax: number, config = this.config): Promise<ConnectorConfig[]> {
    await this.connector?.stop();
    const connector = this.driver.plugin.connector();
    await connector.start(connectorContext(this.logger), config);
    this.connector = connector;
    return connector.taskConfigs(tasksMax, config);
  }

  async start(tasksMax = 1): Promise<void> {
    const configs = await this.plan(tasksMax);
    this.tasks = configs.map((config, taskId) => this.task(config, taskId));
    for (const it of this.tasks) await within(it.start(), patienceMs(this.driver), 'start');
  }

  /** A task that is not started yet. */
  task(config: ConnectorConfig, taskId = 0): SourceHarness {
    const onRecord = (record: DeliveredRecord): void => void this.arrivals.push({ record, item: this.driver.identify(record) });
    const harness = new SourceHarness({ task: this.driver.plugin.task(), config, taskId, offsets: this.offsets, logger: this.logger, onRecord });
    this.all.push(harness);
    return harness;
  }

  /** A task's whole life in short: start, one poll, stop. With `interrupted` the stop comes while poll is under way. */
  async exercise(config: ConnectorConfig = this.config, interrupted = false): Promise<void> {
    const [first] = await this.plan(1, config);
    if (first === undefined) return;
    const task = this.task(first);
    await within(task.start(), patienceMs(this.driver), 'start');
    const polled = task.step();
    polled.catch(() => undefined);
    if (!interrupted) await within(polled, patienceMs(this.driver), 'poll');
    await within(task.stop(), patienceMs(this.driver), 'stop');
    await polled;
  }

  /** Polls all tasks until every item that was seeded has come. */
  async readAll(what = 'reading what is at the source', from = 0): Promise<void> {
    await this.readUntil(() => this.missing(from).length === 0, () => `${what}: ${this.missingText(from)}`);
  }

  /** Polls all tasks until `done`; after each step of a task `between` may do something. */
  async readUntil(done: () => boolean, what: () => string, between: (task: SourceHarness) => Promise<void> = async () => undefined): Promise<void> {
    const end = performance.now() + patienceMs(this.driver);
    const loop = async (task: SourceHarness): Promise<void> => {
      while (!done() && performance.now() < end && (await task.step()) >= 0) await between(task);
    };
    const margin = 1000;
    await within(Promise.all(this.tasks.map(loop)), patienceMs(this.driver) + margin, 'a poll');
    ensure(done(), () => `${what()} (after ${patienceMs(this.driver)} ms)`);
  }

  /** Items that were seeded, from number `from` on, and have not come. */
  missing(from = 0): number[] {
    const seen = new Set(this.arrivals.map((it) => it.item));
    return Array.from({ length: this.seeded - from }, (_, i) => from + i).filter((it) => !seen.has(it));
  }

  missingText(from = 0): string {
    const missing = this.missing(from);
    return `${missing.length} of ${this.seeded - from} items did not come: ${missing.slice(0, 10).join(', ')}${missing.length > 10 ? ' …' : ''}`;
  }

  async commit(): Promise<void> {
    for (const it of this.tasks) await it.commit();
  }

  async stop(): Promise<void> {
    for (const it of this.tasks.splice(0)) await within(it.stop(), patienceMs(this.driver), 'stop');
  }

  /** All tasks die. */
  async kill(): Promise<void> {
    for (const it of this.tasks.splice(0)) await this.killTask(it);
  }

  async killTask(task: SourceHarness): Promise<void> {
    task.kill();
    await this.driver.kill?.(task.options.task);
    await within(task.settled(), patienceMs(this.driver), 'a call of the task');
  }

  private async end(): Promise<void> {
    for (const it of this.tasks.splice(0)) await within(it.stop(), patienceMs(this.driver), 'stop').catch(() => undefined);
    for (const it of this.all) await within(it.bury(), patienceMs(this.driver), 'stop').catch(() => undefined);
    await this.connector?.stop();
  }
}

export function connectorContext(logger: LogCollector): ConnectorContext {
  return {
    connectorName: 'under-test',
    logger,
    requestTaskReconfiguration: () => undefined,
    raiseError: (error) => {
      throw new CheckFailure(`the connector failed: ${error.message}`);
    },
  };
}

/** The offsets that would be stored had everything up to and including arrival `last` been committed. */
export function offsetsAt(arrivals: readonly Arrival[], last: number): OffsetStore {
  return new OffsetStore(new Map(arrivals.slice(0, last + 1).map(({ record }) => [record.sourcePartition, record.sourceOffset])));
}

