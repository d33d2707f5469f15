import { DataError, LazyStruct, type SinkRecord, Struct } from '@millrace/connect-api';
import { scalarText } from './scalar-text.js';
import type { EncodedRecord, RecordFormat } from './record-format.js';

/** The value itself, its bytes or its text, and a separator behind it. */
export class Raw implements RecordFormat {
  readonly extension = '.txt';

  constructor(private readonly separator: string) {}

  encode(record: SinkRecord): EncodedRecord {
    const { value } = record;
    if (value instanceof Uint8Array) {
      if (this.separator === '') return { content: value, shape: '' };
      return { content: Buffer.concat([value, Buffer.from(this.separator)]), shape: '' };
    }
    if (Array.isArray(value) || value instanceof Map || value instanceof Struct || value instanceof LazyStruct) {
      throw new DataError('format=raw takes texts and bytes: this value has parts (use StringConverter or ByteArrayConverter, or format=json)');
    }
    return { content: (value === null ? '' : scalarText(value, record.valueSchema)) + this.separator, shape: '' };
  }

  head(): string {
    return '';
  }
}
