import { JsonWriter, type SinkRecord } from '@millrace/connect-api';
import { JSON_FORM } from './json-form.js';
import type { EncodedRecord, OutputField, RecordFormat } from './record-format.js';

/** A JSON text a line: the value alone, or an object of the parts asked for. */
export class JsonLines implements RecordFormat {
  readonly extension = '.jsonl';
  private readonly writer = new JsonWriter(JSON_FORM);

  constructor(private readonly fields: readonly OutputField[]) {}

  encode(record: SinkRecord): EncodedRecord {
    if (this.fields.length === 1 && this.fields[0] === 'value') return { content: `${this.writer.textOf(record.valueSchema, record.value)}\n`, shape: '' };
    return { content: `{${this.fields.map((it) => `"${it}":${partText(record, it, this.writer)}`).join(',')}}\n`, shape: '' };
  }

  head(): string {
    return '';
  }
}

/** One part of a record as JSON. */
export function partText(record: SinkRecord, field: OutputField, writer: JsonWriter): string {
  switch (field) {
    case 'key':
      return writer.textOf(record.keySchema, record.key);
    case 'value':
      return writer.textOf(record.valueSchema, record.value);
    case 'offset':
      return String(record.kafkaOffset);
    case 'partition':
      return String(record.partition);
    case 'topic':
      return JSON.stringify(record.topic);
    case 'timestamp':
      return record.timestampType === 'NoTimestampType' ? 'null' : JSON.stringify(new Date(record.timestampMs).toISOString());
    case 'headers':
      return `[${record.headers.map((it) => `{"key":${JSON.stringify(it.key)},"value":${writer.textOf(it.schema, it.value)}}`).join(',')}]`;
  }
}
