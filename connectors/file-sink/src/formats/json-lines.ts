import type { SinkRecord } from '@millrace/connect-api';
import { JsonText } from './json-text.js';
import type { EncodedRecord, OutputField, RecordFormat } from './record-format.js';

/** A JSON text a line: the value alone, or an object of the parts asked for. */
export class JsonLines implements RecordFormat {
  readonly extension = '.jsonl';
  private readonly writer = new JsonText();

  constructor(private readonly fields: readonly OutputField[]) {}

  encode(record: SinkRecord): EncodedRecord {
    if (this.fields.length === 1 && this.fields[0] === 'value') return { content: `${this.writer.render(record.valueSchema, record.value)}\n`, shape: '' };
    return { content: `{${this.fields.map((it) => `"${it}":${partText(record, it, this.writer)}`).join(',')}}\n`, shape: '' };
  }

  head(): string {
    return '';
  }
}

/** One part of a record as JSON. */
export function partText(record: SinkRecord, field: OutputField, writer: JsonText): string {
  switch (field) {
    case 'key':
      return writer.render(record.keySchema, record.key);
    case 'value':
      return writer.render(record.valueSchema, record.value);
    case 'offset':
      return String(record.kafkaOffset);
    case 'partition':
      return String(record.partition);
    case 'topic':
      return JSON.stringify(record.topic);
    case 'timestamp':
      return record.timestampType === 'NoTimestampType' ? 'null' : JSON.stringify(new Date(record.timestampMs).toISOString());
    case 'headers':
      return `[${record.headers.map((it) => `{"key":${JSON.stringify(it.key)},"value":${writer.render(it.schema, it.value)}}`).join(',')}]`;
  }
}
