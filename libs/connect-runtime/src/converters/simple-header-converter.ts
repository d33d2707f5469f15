import { type HeaderConverter, type Schema, type SchemaAndValue, type Value } from '@millrace/connect-api';
import { looseText, parseLooseValue } from './loose-values.js';

/**
 * Java's `org.apache.kafka.connect.storage.SimpleHeaderConverter`: values as text, and text back as what it looks like: a boolean, a number of
 * the smallest type that holds it, a date or time, an array, a map, or else a string.
 */
export class SimpleHeaderConverter implements HeaderConverter {
  configure(): void {}

  fromConnectHeader(_topic: string, _headerKey: string, schema: Schema | null, value: Value): Uint8Array | null {
    return value === null ? null : Buffer.from(looseText(schema, value), 'utf8');
  }

  toConnectHeader(_topic: string, _headerKey: string, bytes: Uint8Array | null): SchemaAndValue {
    if (bytes === null) return { schema: null, value: null };
    return parseLooseValue(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  }
}
