import { Decimal, LazyStruct, Schema, type Converter, type SchemaAndValue, type Struct, type Value } from '@millrace/connect-api';
import { javaDoubleText } from './json/java-number-text.js';

const SCHEMAS = {
  boolean: Schema.of('boolean'),
  int8: Schema.of('int8'),
  int16: Schema.of('int16'),
  int32: Schema.of('int32'),
  int64: Schema.of('int64'),
  double: Schema.of('double'),
  string: Schema.of('string'),
};

/**
 * Java's `org.apache.kafka.connect.storage.SimpleHeaderConverter`: values as text, and text back as a boolean, a number of the
 * smallest type that holds it, or a string.
 */
export class SimpleHeaderConverter implements Converter {
  configure(): void {}

  fromConnectData(_topic: string, _schema: Schema | null, value: Value): Uint8Array | null {
    return value === null ? null : Buffer.from(headerText(value, false), 'utf8');
  }

  toConnectData(_topic: string, bytes: Uint8Array | null): SchemaAndValue {
    if (bytes === null) return { schema: null, value: null };
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    return text === '' ? { schema: SCHEMAS.string, value: text } : parseHeaderText(text);
  }
}

function parseHeaderText(text: string): SchemaAndValue {
  if (text === 'null') return { schema: null, value: null };
  if (text === 'true' || text === 'false') return { schema: SCHEMAS.boolean, value: text === 'true' };
  if (/^[+-]?\d{1,19}$/.test(text)) {
    const value = BigInt(text.replace('+', ''));
    if (value >= -128n && value <= 127n) return { schema: SCHEMAS.int8, value: Number(value) };
    if (value >= -32768n && value <= 32767n) return { schema: SCHEMAS.int16, value: Number(value) };
    if (value >= -2147483648n && value <= 2147483647n) return { schema: SCHEMAS.int32, value: Number(value) };
    if (value === BigInt.asIntN(64, value)) return { schema: SCHEMAS.int64, value };
  }
  if (/^[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?$/.test(text)) return { schema: SCHEMAS.double, value: Number(text) };
  if (text.length > 1 && text.startsWith('"') && text.endsWith('"')) return { schema: SCHEMAS.string, value: text.slice(1, -1).replace(/\\(["\\])/g, '$1') };
  return { schema: SCHEMAS.string, value: text };
}

function headerText(value: Value, isEmbedded: boolean): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return isEmbedded ? `"${value.replace(/(["\\])/g, '\\$1')}"` : value;
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : javaDoubleText(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Decimal) return value.toString();
  if (Array.isArray(value)) return `[${value.map((item) => headerText(item, true)).join(',')}]`;
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${headerText(key, true)}:${headerText(item, true)}`).join(',')}}`;
  const struct = value instanceof LazyStruct ? value.toStruct() : value;
  return structText(struct);
}

function structText(struct: Struct): string {
  return `{${struct.schema.fields.map((field) => `${headerText(field.name, true)}:${headerText(struct.at(field.index), true)}`).join(',')}}`;
}
