import { DataError, Schema, type SinkRecord, type LazyStruct, type Struct, type Value } from '@millrace/connect-api';
import type { SinkSettings } from '../config/sink-settings.js';
import type { TargetTable } from '../catalog/target-table.js';
import type { CopyBuffer } from '../rows/copy-buffer.js';
import { RowEncoder } from '../rows/row-encoder.js';
import type { RowPlan } from '../rows/row-plan.js';
import { RowStore, TableBatch } from '../rows/table-batch.js';

const STRING = Schema.of('string');
const INT32 = Schema.of('int32');
const INT64 = Schema.of('int64');
const DELETE = 'd'.charCodeAt(0);
const TRUNCATE = 't'.charCodeAt(0);
const TAB = 0x09;

/** The records of a put as rows, reduced to the last operation on each key. */
export class PutBatch {
  /** By the table's name in SQL. */
  readonly tables = new Map<string, TableBatch>();
  readonly store: RowStore;
  private readonly encoder: RowEncoder;

  /** Takes over the buffer and empties it. */
  constructor(
    private readonly settings: SinkSettings,
    private readonly buffer: CopyBuffer,
  ) {
    buffer.length = 0;
    this.encoder = new RowEncoder(buffer);
    this.store = new RowStore(buffer);
  }

  get sequential(): boolean {
    for (const table of this.tables.values()) if (table.sequential) return true;
    return false;
  }

  /** Throws DataError for a record that cannot be a row; the batch is as it was before. */
  add(record: SinkRecord, plan: RowPlan): void {
    const start = this.buffer.length;
    try {
      if (!this.addRow(record, plan, start)) this.buffer.length = start;
    } catch (error) {
      this.buffer.length = start;
      throw error;
    }
  }

  private addRow(record: SinkRecord, plan: RowPlan, start: number): boolean {
    const { encoder, buffer } = this;
    encoder.begin();
    let keyEnd = start;
    let hasKey = false;
    const fromRow = plan.key.from === 'row';
    if (!fromRow && plan.key.from !== 'missing' && (record.key !== null || plan.key.from !== 'key')) {
      this.writeKey(record, plan);
      keyEnd = buffer.length;
      hasKey = encoder.columns > 0;
    }
    const value = structOf(record.value);
    const operation = value === null ? DELETE : this.writeValue(value, plan);
    if (operation === TRUNCATE) {
      if (this.settings.truncateEnabled) this.table(plan.table).clear();
      return false;
    }
    if (operation === DELETE) return this.addDelete(plan, { value, start, keyEnd, hasKey });
    if (!encoder.hasRow) return false;
    const keyed = plan.keyColumns.length > 0;
    if (plan.key.from === 'missing' || (keyed && !fromRow && !hasKey)) throw missingKey(plan);
    if (encoder.columns !== plan.columns.length) throw new DataError(`${encoder.columns} columns where the schema has ${plan.columns.length}`);
    const key = keyed ? this.keyText(start, fromRow ? this.endOfKey(start, plan) : keyEnd) : null;
    this.table(plan.table).write({ start, end: buffer.length, key }, plan.columns, plan.keyColumns.length, [...encoder.unavailable]);
    return true;
  }

  /** The operation; the row's columns are written if there is one. */
  private writeValue(value: Struct | LazyStruct, plan: RowPlan): number {
    const { encoder } = this;
    if (plan.key.from === 'row') this.writeParts(value, plan, plan.envelopeCodecs, plan.key.codecs);
    if (plan.shape === 'flat') {
      encoder.writeRow(value, plan.rowCodecs);
      return 0;
    }
    this.writeParts(value, plan, plan.envelopeCodecs, plan.rowCodecs);
    return encoder.operation;
  }

  private writeParts(value: Struct | LazyStruct, plan: RowPlan, envelope: RowPlan['envelopeCodecs'], row: RowPlan['rowCodecs']): void {
    if (plan.shape === 'flat') this.encoder.writeRow(value, row);
    else this.encoder.writeEnvelope(value, envelope, row);
  }

  private addDelete(plan: RowPlan, { value, start, keyEnd, hasKey }: { value: Struct | LazyStruct | null; start: number; keyEnd: number; hasKey: boolean }): boolean {
    if (!this.settings.deleteEnabled) return false;
    let end = keyEnd;
    if (plan.key.from === 'row') {
      if (value === null) throw new DataError('A deletion without a value has no key where primary.key.mode is record_value');
      this.buffer.length = start;
      this.encoder.begin();
      this.encoder.writeEnvelope(value, plan.beforeCodecs, plan.key.codecs);
      if (!this.encoder.hasRow) throw new DataError('A deletion without the row before it has no key where primary.key.mode is record_value');
      end = this.buffer.length;
    } else if (!hasKey) {
      throw missingKey(plan);
    }
    this.buffer.length = end;
    this.table(plan.table).delete({ start, end, key: this.keyText(start, end) }, plan.keyColumns);
    return true;
  }

  private writeKey(record: SinkRecord, plan: RowPlan): void {
    const { encoder } = this;
    const { key } = plan;
    switch (key.from) {
      case 'coordinates':
        encoder.writeOne(STRING, record.topic, key.codecs[0]!);
        encoder.writeOne(INT32, record.partition, key.codecs[1]!);
        encoder.writeOne(INT64, BigInt(record.kafkaOffset), key.codecs[2]!);
        return;
      case 'key': {
        const struct = structOf(record.key);
        if (struct === null) throw missingKey(plan);
        encoder.writeRow(struct, key.codecs);
        encoder.hasRow = false;
        return;
      }
      case 'key value':
        if (record.keySchema === null || record.key === null) throw missingKey(plan);
        encoder.writeOne(record.keySchema, record.key, key.codec);
        return;
      case 'headers':
        for (const { field, codec } of key.fields) {
          const header = record.headers.findLast((it) => it.key === field);
          if (!header || header.schema === null) throw new DataError(`The record has no header ${field} with a schema, which primary.key.mode=record_header needs`);
          encoder.writeOne(header.schema, header.value, codec);
        }
        return;
      case 'nowhere':
      case 'row':
      case 'missing':
    }
  }

  private endOfKey(start: number, plan: RowPlan): number {
    const { bytes } = this.buffer;
    let tabs = 0;
    for (let i = start; i < this.buffer.length; i++) if (bytes[i] === TAB && ++tabs === plan.keyColumns.length) return i;
    return this.buffer.length;
  }

  private keyText(start: number, end: number): string {
    return this.buffer.bytes.toString('latin1', start, end);
  }

  private table(table: TargetTable): TableBatch {
    let batch = this.tables.get(table.sqlName);
    if (!batch) {
      batch = new TableBatch(table, this.settings.insertMode, this.store);
      this.tables.set(table.sqlName, batch);
    }
    batch.table = table;
    return batch;
  }
}

function structOf(value: Value): Struct | LazyStruct | null {
  if (value === null) return null;
  if (typeof value === 'object' && 'visit' in value) return value;
  throw new DataError('a value that is not a struct where the schema says struct');
}

function missingKey({ key }: RowPlan): DataError {
  return new DataError(key.from === 'missing' ? key.reason : 'The record has no key, which primary.key.mode=record_key needs');
}
