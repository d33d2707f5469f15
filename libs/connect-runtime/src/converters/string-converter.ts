import { ConfigDef, DataError, LazyStruct, Schema, Struct, type Converter, type SchemaAndValue, type Value } from '@millrace/connect-api';
import { javaDoubleText } from './json/java-number-text.js';

const STRING_CONVERTER_CONFIG = new ConfigDef({
  'converter.encoding': { kind: 'string', default: 'UTF-8', importance: 'high', width: 'medium', displayName: 'Encoding', doc: 'Name of the character set of the text.' },
});
const ENCODINGS: Readonly<Record<string, BufferEncoding>> = { 'utf-8': 'utf8', utf8: 'utf8', 'us-ascii': 'latin1', ascii: 'latin1', 'iso-8859-1': 'latin1', latin1: 'latin1', 'utf-16le': 'utf16le' };
const OPTIONAL_STRING = Schema.of('string', { optional: true });

/** Java's `org.apache.kafka.connect.storage.StringConverter`: any value as its text, text as an optional string. */
export class StringConverter implements Converter {
  private encoding: BufferEncoding = 'utf8';

  static readonly config = STRING_CONVERTER_CONFIG;

  configure(config: Readonly<Record<string, string>>, isKey: boolean): void {
    const name = config[isKey ? 'key.converter.encoding' : 'value.converter.encoding'] ?? config['converter.encoding'] ?? 'UTF-8';
    const encoding = ENCODINGS[name.toLowerCase()];
    if (!encoding) throw new DataError(`Unsupported character set: ${name}`);
    this.encoding = encoding;
  }

  fromConnectData(_topic: string, _schema: Schema | null, value: Value): Uint8Array | null {
    return value === null ? null : Buffer.from(javaText(value), this.encoding);
  }

  toConnectData(_topic: string, bytes: Uint8Array | null): SchemaAndValue {
    return { schema: OPTIONAL_STRING, value: bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(this.encoding) };
  }
}

/** The text of a value as Java's toString gives it. */
export function javaText(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : javaDoubleText(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof Struct || value instanceof LazyStruct) {
    const struct = value instanceof LazyStruct ? value.toStruct() : value;
    const parts = struct.schema.fields.flatMap((field) => (struct.at(field.index) === null ? [] : [`${field.name}=${javaText(struct.at(field.index))}`]));
    return `Struct{${parts.join(',')}}`;
  }
  if (Array.isArray(value)) return `[${value.map(javaText).join(', ')}]`;
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${javaText(key)}=${javaText(item)}`).join(', ')}}`;
  if (value instanceof Uint8Array) throw new DataError('bytes cannot be written as text');
  if (value instanceof Date) return value.toISOString();
  return value.toString();
}
