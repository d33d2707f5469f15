import { DataError, type ErrantRecordReporter, LazyStruct, Schema, type SinkRecord, type SinkTaskContext, Struct, type TopicPartition, type Value, type ValueWriter } from '@millrace/connect-api';
import { sinkRecord as placedRecord, type PlacedRecordParts } from '@millrace/connect-testkit';
import { PostgresSinkTask } from '../src/postgres-sink-task.js';

const quiet = (): void => undefined;
export const SILENT = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };

/** A task as the runtime drives it; what it reports as bad is collected, or refused where errors are not tolerated. */
export class SinkDriver {
  readonly task = new PostgresSinkTask();
  readonly errant: { readonly record: SinkRecord; readonly error: Error }[] = [];
  /** What was logged as a warning. */
  readonly warnings: string[] = [];
  /** What was logged for developers. */
  readonly details: string[] = [];
  /** Where the task has moved partitions to. */
  readonly seeks: (TopicPartition & { readonly offset: number })[] = [];
  /** What the task hears when it asks whether its partitions are its own. */
  ownsAssignment: () => boolean = () => true;
  private readonly abort = new AbortController();

  constructor(config: Readonly<Record<string, string>>, tolerance: 'all' | 'none' = 'none') {
    const reporter: ErrantRecordReporter = {
      report: async (record, error) => {
        await Promise.resolve();
        if (tolerance === 'none') throw error;
        this.errant.push({ record, error });
      },
    };
    const context: SinkTaskContext = {
      connectorName: 'sink', taskId: 0, config, logger: { ...SILENT, warn: (_, message) => void this.warnings.push(message), debug: (_, message) => void this.details.push(message) }, signal: this.abort.signal, errantRecordReporter: reporter,
      assignment: () => [], ownsAssignment: () => this.ownsAssignment(), seek: ({ topic, partition }, offset) => void this.seeks.push({ topic, partition, offset }), pause: quiet, resume: quiet, requestCommit: quiet,
    };
    this.task.start(context);
  }

  async open(...partitions: TopicPartition[]): Promise<void> {
    await this.task.open(partitions);
  }

  put(...records: SinkRecord[]): Promise<void> {
    return this.task.put(records);
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.task.stop();
  }
}

let nextOffset = 0;

/** A record of the table `t`, behind the one before. */
export function sinkRecord(parts: PlacedRecordParts): SinkRecord {
  return placedRecord({ topic: 'shop.public.t', offset: nextOffset++, timestampMs: 0, ...parts });
}

const SOURCE = Schema.struct(
  { version: Schema.of('string'), ts_ms: Schema.of('int64'), db: Schema.of('string'), schema: Schema.of('string'), table: Schema.of('string'), lsn: Schema.of('int64', { optional: true }) },
  { name: 'io.debezium.connector.postgresql.Source' },
);

/** Records of a table as Debezium makes them: key, envelope, tombstone. */
export class DebeziumTable {
  readonly keySchema: Schema;
  readonly rowSchema: Schema;
  readonly envelopeSchema: Schema;

  constructor(
    readonly keyNames: readonly string[],
    columns: Readonly<Record<string, Schema>>,
    readonly topic = 'shop.public.t',
  ) {
    this.keySchema = Schema.struct(keyNames.map((name) => [name, required(columns, name)] as const), { name: `${topic}.Key` });
    this.rowSchema = Schema.struct(columns, { name: `${topic}.Value`, optional: true });
    this.envelopeSchema = Schema.struct(
      [['before', this.rowSchema], ['after', this.rowSchema], ['source', SOURCE], ['transaction', Schema.struct({ id: Schema.of('string') }, { optional: true })], ['op', Schema.of('string')], ['ts_ms', Schema.of('int64', { optional: true })]],
      { name: `${topic}.Envelope`, version: 1 },
    );
  }

  change(op: 'c' | 'u' | 'r', row: Readonly<Record<string, Value>>, before: Readonly<Record<string, Value>> | null = null): SinkRecord {
    return this.record(this.key(row), { op, before: before && new Struct(this.rowSchema, before), after: new Struct(this.rowSchema, row) });
  }

  delete(row: Readonly<Record<string, Value>>): SinkRecord {
    return this.record(this.key(row), { op: 'd', before: new Struct(this.rowSchema, row), after: null });
  }

  truncate(): SinkRecord {
    return this.record(null, { op: 't', before: null, after: null });
  }

  tombstone(row: Readonly<Record<string, Value>>): SinkRecord {
    return sinkRecord({ topic: this.topic, keySchema: this.keySchema, key: this.key(row) });
  }

  private key(row: Readonly<Record<string, Value>>): Struct {
    return new Struct(this.keySchema, Object.fromEntries(this.keyNames.map((it) => [it, row[it] ?? null])));
  }

  private record(key: Struct | null, parts: { readonly op: string; readonly before: Value; readonly after: Value }): SinkRecord {
    const source = new Struct(SOURCE, { version: '3.6.0', ts_ms: 1n, db: 'shop', schema: 'public', table: this.topic.split('.').pop() ?? '', lsn: 42n });
    const value = new Struct(this.envelopeSchema, { ...parts, source, ts_ms: 2n });
    return sinkRecord({ topic: this.topic, keySchema: key && this.keySchema, key, valueSchema: this.envelopeSchema, value });
  }
}

function required(columns: Readonly<Record<string, Schema>>, name: string): Schema {
  const schema = columns[name];
  if (!schema) throw new DataError(`no column ${name}`);
  return schema;
}

/** A struct that writes itself as a converter's lazy row does: bytes for integers, text and decimals. */
export class BytesStruct extends LazyStruct {
  constructor(
    readonly schema: Schema,
    private readonly write: (writer: ValueWriter) => void,
  ) {
    super();
  }
  visit(writer: ValueWriter): void {
    if (!writer.beginStruct(this.schema)) return;
    this.write(writer);
    writer.endStruct();
  }
}
