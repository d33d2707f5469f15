import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ConfigDef,
  ConfigError,
  RetriableError,
  Schema,
  SourceConnector,
  SourceTask,
  Struct,
  type AnyConfigDef,
  type ConfigOf,
  type ConfigValue,
  type ConnectorConfig,
  type OffsetMap,
  type SourceRecord,
  type SourceTaskContext,
  type Value,
} from '@millrace/connect-api';
import { at, type DeliveredRecord, type SourceDriver } from '../src/index.js';

const SETTINGS = new ConfigDef({
  topic: { kind: 'string', doc: 'Where records go.', importance: 'high' },
  secret: { kind: 'password', doc: 'Must be right.', importance: 'high', default: null },
  'batch.max': { kind: 'int', doc: 'Records of a poll.', importance: 'low', default: '4', min: 1 },
});
const SHARDS = 2;
const ROW = Schema.struct({ n: Schema.of('int32') }, { name: 'memory.Row' });

/** Of tasks that were made to leak; whoever has made them clears them. */
export const LEAKED_TIMERS: NodeJS.Timeout[] = [];

/** What a memory source reads: shards with numbered items, of which those that were acknowledged may go. */
export class MemoryWorld {
  shards: (number | undefined)[][] = [];
  isDown = false;
  taken = 0;
  touched = 0;
  starts = 0;

  reset(): void {
    this.shards = Array.from({ length: SHARDS }, () => []);
    this.isDown = false;
    this.taken = 0;
    this.touched = 0;
  }
}

/** What a broken source does wrong. */
export type SourceFault =
  | 'loses-on-resume' | 'repeats-on-resume' | 'forgets-uncommitted' | 'reads-ahead' | 'unbounded-poll' | 'nested-offset' | 'unstable-partition' | 'disorder' | 'ignores-abort' | 'leaks-timer' | 'shows-secret'
  | 'no-required-error' | 'refuses-unknown' | 'validate-writes' | 'takes-any-signal' | 'bad-lag' | 'too-many-tasks' | 'random-plan' | 'overlapping-tasks' | 'fatal-outage' | 'wrong-schema' | 'logs-secret' | 'no-doc' | 'unsafe-offset' | 'forgets-on-shrink' | 'never-idle';

class MemorySource extends SourceConnector {
  constructor(
    private readonly world: MemoryWorld,
    private readonly fault: SourceFault | undefined,
  ) {
    super();
  }

  taskConfigs(tasksMax: number, config: ConnectorConfig): ConnectorConfig[] {
    const count = this.fault === 'too-many-tasks' ? tasksMax + 1 : Math.min(tasksMax, SHARDS);
    const nonce: ConnectorConfig = this.fault === 'random-plan' ? { nonce: String(Math.random()) } : {};
    return Array.from({ length: count }, (_, task) => {
      const own = Array.from({ length: SHARDS }, (_it, shard) => shard).filter((shard) => this.fault === 'overlapping-tasks' || shard % count === task);
      return { ...config, ...nonce, shards: own.join(',') };
    });
  }

  config(): AnyConfigDef {
    return this.fault === 'no-doc' ? SETTINGS.extend({ more: { kind: 'string', doc: '', importance: 'low', default: null } }) : SETTINGS;
  }

  override validate(config: ConnectorConfig): ConfigValue[] {
    if (this.fault === 'validate-writes') this.world.touched += 1;
    let values = SETTINGS.validate(config);
    if (this.fault === 'no-required-error') values = values.map((it) => ({ ...it, errors: [] }));
    const unknown = Object.keys(config).find((it) => !(it in SETTINGS.keys));
    if (this.fault === 'refuses-unknown' && unknown !== undefined) values[0]?.errors.push(`unknown: ${unknown}`);
    if (this.fault === 'shows-secret') values[0]?.errors.push(...(config['secret']?.startsWith('wrong') ? [`cannot log in with ${config['secret']}`] : []));
    return values;
  }

  override exactlyOnceSupport(): 'supported' {
    return 'supported';
  }
}

class MemoryTask extends SourceTask {
  private context!: SourceTaskContext;
  private settings!: ConfigOf<typeof SETTINGS>;
  private readonly next = new Map<number, number>();
  private readonly partitions = new Map<number, OffsetMap>();
  private ahead: number[] = [];

  constructor(
    private readonly world: MemoryWorld,
    private readonly fault: SourceFault | undefined,
  ) {
    super();
  }

  async start(context: SourceTaskContext): Promise<void> {
    this.context = context;
    this.world.starts += 1;
    this.settings = SETTINGS.parse(context.config);
    const secret = this.settings.secret?.reveal();
    if (this.fault === 'logs-secret') context.logger.debug({ config: context.config }, 'starting');
    if (secret?.startsWith('wrong')) throw new RetriableError('the secret is wrong');
    if (this.fault === 'leaks-timer') LEAKED_TIMERS.push(setInterval(() => undefined, 60_000));
    for (const shard of (context.config['shards'] ?? '').split(',').map(Number)) {
      const salt = this.fault === 'unstable-partition' && this.world.starts % 2 === 1;
      const partition: OffsetMap = salt ? { v: 1, shard } : { shard, v: 1 };
      this.partitions.set(shard, partition);
      const stored = await context.offset(partition);
      const skip = this.fault === 'loses-on-resume' && stored ? 1 : this.fault === 'repeats-on-resume' && stored ? -1 : 0;
      const place = typeof stored?.['next'] === 'number' ? stored['next'] : 0;
      this.next.set(shard, this.fault === 'forgets-on-shrink' && this.partitions.size > 1 && stored ? (this.world.shards[shard] ?? []).length : Math.max(0, place + skip));
    }
  }

  async poll(): Promise<readonly SourceRecord[]> {
    if (this.world.isDown && this.fault === 'ignores-abort') await delay(1500);
    if (this.world.isDown) throw this.fault === 'fatal-outage' ? new Error('gone') : new RetriableError('the source is away');
    const records: SourceRecord[] = [];
    const max = this.fault === 'unbounded-poll' ? Infinity : this.settings['batch.max'];
    for (const [shard, partition] of this.partitions) {
      for (let place = this.next.get(shard) ?? 0; records.length < max; place++) {
        const item = this.world.shards[shard]?.[place];
        if (place >= (this.world.shards[shard]?.length ?? 0)) break;
        this.next.set(shard, place + 1);
        if (item === undefined) continue;
        this.world.taken += 1;
        records.push(this.record(item, partition, place + 1));
      }
    }
    if (this.fault === 'disorder' && records.length > 1) records.reverse();
    if (this.fault === 'reads-ahead') this.readAhead();
    if (records.length === 0) await this.idle();
    return records;
  }

  private async idle(): Promise<void> {
    if (this.fault === 'ignores-abort') await delay(1500);
    else await delay(this.fault === 'never-idle' ? 60_000 : 20, undefined, { signal: this.context.signal }).catch(() => undefined);
  }

  override onCommitted(partition: OffsetMap, offset: OffsetMap): void {
    const shard = Number(partition['shard']);
    const end = this.fault === 'forgets-uncommitted' ? (this.next.get(shard) ?? 0) : Number(offset['next']);
    const items = this.world.shards[shard] ?? [];
    if (this.fault === 'repeats-on-resume') return;
    for (let place = 0; place < end; place++) items[place] = undefined;
  }

  override onSignal(): void {
    if (this.fault !== 'takes-any-signal') throw new ConfigError('no signals here', 'type');
  }

  override lag(): { bytes: number } {
    return { bytes: this.fault === 'bad-lag' ? Number.NaN : 0 };
  }

  stop(): void {
    this.ahead = [];
  }

  private readAhead(): void {
    for (const [shard] of this.partitions) for (const item of (this.world.shards[shard] ?? []).slice(this.next.get(shard))) if (item !== undefined) this.ahead.push(item);
    this.world.taken += this.ahead.length;
  }

  private record(item: number, sourcePartition: OffsetMap, next: number): SourceRecord {
    const value: Value = this.fault === 'wrong-schema' ? 'text' : new Struct(ROW, { n: item });
    let sourceOffset: OffsetMap = { next };
    if (this.fault === 'nested-offset') sourceOffset = { next, more: { a: 1 } } as unknown as OffsetMap;
    if (this.fault === 'unsafe-offset') sourceOffset = { next, rate: Number.NaN };
    return { topic: this.settings.topic, keySchema: null, key: null, valueSchema: ROW, value, sourcePartition, sourceOffset };
  }
}

/** A driver of the memory source, whole or with one thing wrong. */
export function memorySource(fault?: SourceFault): SourceDriver {
  const world = new MemoryWorld();
  return {
    plugin: { connector: () => new MemorySource(world, fault), task: () => new MemoryTask(world, fault) },
    folder: path.join(__dirname, 'packages/source'),
    open: async () => {
      world.reset();
      return Promise.resolve({ topic: 'items', secret: 'right-Secret' });
    },
    close: async () => Promise.resolve(),
    seed: async (first, count) => {
      for (let item = first; item < first + count; item++) world.shards[item % SHARDS]?.push(item);
      return Promise.resolve();
    },
    identify: (record: DeliveredRecord) => Number(at(record.value, 'n')),
    fingerprint: async () => Promise.resolve(JSON.stringify([world.shards, world.touched])),
    outage: {
      begin: async () => {
        world.isDown = true;
        return Promise.resolve();
      },
      end: async () => {
        world.isDown = false;
        return Promise.resolve();
      },
    },
    pollRecordsMax: 4,
    taken: () => world.taken,
    patienceMs: 1800,
    idleMs: 800,
    graceMs: 800,
    abortMs: 600,
    cycles: 5,
  };
}
