import path from 'node:path';
import { ConfigDef, DataError, RetriableError, Schema, SinkConnector, SinkTask, Struct, type AnyConfigDef, type ConfigOf, type ConnectorConfig, type OffsetsToCommit, type SinkRecord, type SinkTaskContext, type TopicPartition } from '@millrace/connect-api';
import { at, plainValue, type RecordParts, type SinkDriver } from '../src/index.js';

const SETTINGS = new ConfigDef({
  table: { kind: 'string', doc: 'Where items go.', importance: 'high' },
  secret: { kind: 'password', doc: 'Must be right.', importance: 'high', default: null },
});
const ROW = Schema.struct({ n: Schema.of('int32') }, { name: 'memory.Row' });
const WIDER_ROW = Schema.struct({ n: Schema.of('int32'), more: Schema.of('string') }, { name: 'memory.Row' });
const LARGE_ROW = Schema.struct({ n: Schema.of('int32'), more: Schema.of('bytes') }, { name: 'memory.Row' });

export type SinkFault =
  | 'loses-some' | 'commits-early' | 'repeats' | 'reports-whole-batch' | 'reports-nothing' | 'fails-on-tombstone' | 'keeps-deleted' | 'fails-on-change' | 'fails-on-large' | 'closes-all' | 'ignores-abort' | 'fatal-outage'
  | 'disorder' | 'seeks-not' | 'overcommits' | 'no-tasks' | 'drops-on-retry' | 'forgets-on-close' | 'stops-slowly';

interface Stored {
  readonly item: number;
  readonly place: string;
}

/** A sink's outside: rows, and how far each partition has come, written together. */
class MemoryTable {
  rows: Stored[] = [];
  positions = new Map<string, number>();
  isDown = false;
}

class MemorySink extends SinkConnector {
  constructor(private readonly fault: SinkFault | undefined) {
    super();
  }

  override taskConfigs(tasksMax: number, config: ConnectorConfig): ConnectorConfig[] {
    return Array.from({ length: this.fault === 'no-tasks' ? 0 : tasksMax }, () => config);
  }

  config(): AnyConfigDef {
    return SETTINGS;
  }
}

/** Buffers in `put`, writes in `preCommit`, keeps its positions beside its rows. */
class MemorySinkTask extends SinkTask {
  private context!: SinkTaskContext;
  private settings!: ConfigOf<typeof SETTINGS>;
  private buffer: SinkRecord[] = [];

  constructor(
    private readonly table: MemoryTable,
    private readonly fault: SinkFault | undefined,
  ) {
    super();
  }

  override start(context: SinkTaskContext): void {
    this.context = context;
    this.settings = SETTINGS.parse(context.config);
    if (this.settings.secret?.reveal().startsWith('wrong')) throw new RetriableError('the secret is wrong');
  }

  override open(partitions: readonly TopicPartition[]): void {
    if (this.fault === 'repeats' || this.fault === 'seeks-not') return;
    for (const it of partitions) {
      const place = this.table.positions.get(nameOf(it));
      if (place !== undefined) this.context.seek(it, place);
    }
  }

  override async put(records: readonly SinkRecord[]): Promise<void> {
    if (this.table.isDown) {
      if (this.fault === 'fatal-outage') throw new Error('gone');
      if (this.fault === 'drops-on-retry') this.buffer = this.buffer.slice(records.length);
      if (this.fault === 'ignores-abort') await new Promise((resolve) => setTimeout(resolve, 1500));
      if (this.fault !== 'drops-on-retry') throw new RetriableError('the table is away');
    }
    for (const [i, record] of records.entries()) {
      if (this.fault === 'loses-some' && record.kafkaOffset % 10 === 7) continue;
      if (record.value === null && this.fault === 'fails-on-tombstone') throw new DataError('no value');
      if (record.valueSchema?.field('more') && (this.fault === 'fails-on-change' || (this.fault === 'fails-on-large' && record.valueSchema === LARGE_ROW))) throw new DataError('not the first schema');
      if (record.value !== null && itemOf(record) < 0) {
        if (this.fault === 'reports-nothing') continue;
        await this.context.errantRecordReporter.report(record, new DataError('a bad item'));
        const next = records[i + 1];
        if (this.fault === 'reports-whole-batch' && next) await this.context.errantRecordReporter.report(next, new DataError('a bad batch'));
        continue;
      }
      this.buffer.push(record);
    }
    if (this.fault === 'disorder') this.buffer.reverse();
    await Promise.resolve();
  }

  override async preCommit(offsets: OffsetsToCommit): Promise<OffsetsToCommit> {
    if (this.fault === 'overcommits') return new Map([...offsets].map(([it, offset]) => [it, offset + 1]));
    if (this.fault === 'commits-early') return Promise.resolve(offsets);
    this.write(offsets);
    return Promise.resolve(offsets);
  }

  override close(partitions: readonly TopicPartition[]): void {
    // Records of partitions that were lost are somebody else's now.
    if (this.fault !== 'closes-all') this.buffer = this.buffer.filter((record) => !partitions.some((it) => it.partition === record.partition));
    if (this.fault === 'forgets-on-close') this.table.positions.set(nameOf(partitions[0] ?? { topic: '', partition: 0 }), 1_000);
  }

  async stop(): Promise<void> {
    if (this.fault === 'stops-slowly') await new Promise((resolve) => setTimeout(resolve, 1500));
    if (this.fault === 'commits-early') this.write(new Map());
  }

  private write(offsets: OffsetsToCommit): void {
    for (const record of this.buffer) {
      const place = `${record.topic}-${record.partition}-${record.kafkaOffset}`;
      if (record.value === null) this.table.rows = this.table.rows.filter((it) => this.fault === 'keeps-deleted' || it.item !== record.key);
      else this.table.rows.push({ item: itemOf(record), place });
    }
    this.buffer = [];
    for (const [it, offset] of offsets) this.table.positions.set(nameOf(it), offset);
  }
}

function nameOf(it: TopicPartition): string {
  return `${it.topic}-${it.partition}`;
}

function itemOf(record: SinkRecord): number {
  return Number(at(plainValue(record.valueSchema, record.value), 'n'));
}

function row(n: number): RecordParts {
  return { keySchema: Schema.of('int32'), key: n, valueSchema: ROW, value: new Struct(ROW, { n }) };
}

/** A driver of the memory sink, whole or with one thing wrong. */
export function memorySink(fault?: SinkFault): SinkDriver {
  const table = new MemoryTable();
  return {
    plugin: { connector: () => new MemorySink(fault), task: () => new MemorySinkTask(table, fault) },
    folder: path.join(__dirname, 'packages/sink'),
    open: async () => {
      Object.assign(table, new MemoryTable());
      return Promise.resolve({ table: 'items', secret: 'right-Secret' });
    },
    close: async () => Promise.resolve(),
    record: row,
    readBack: async () => Promise.resolve(table.rows.map((it) => it.item)),
    claims: { idempotent: true, exactlyOnce: true, ordered: true, deletes: true },
    badRecord: () => row(-1),
    changedRecord: (n) => ({ keySchema: Schema.of('int32'), key: n, valueSchema: WIDER_ROW, value: new Struct(WIDER_ROW, { n, more: 'x' }) }),
    largeRecord: (n, bytes) => ({ keySchema: Schema.of('int32'), key: n, valueSchema: LARGE_ROW, value: new Struct(LARGE_ROW, { n, more: new Uint8Array(bytes) }) }),
    outage: {
      begin: async () => {
        table.isDown = true;
        return Promise.resolve();
      },
      end: async () => {
        table.isDown = false;
        return Promise.resolve();
      },
    },
    patienceMs: 1800,
    graceMs: 800,
    cycles: 5,
  };
}
