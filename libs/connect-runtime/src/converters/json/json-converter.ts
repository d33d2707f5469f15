import { type Converter, type Schema, type SchemaAndValue, type Value } from '@millrace/connect-api';
import { JSON_CONVERTER_CONFIG } from './json-settings.js';
import { EnvelopeReader } from './envelope-reader.js';
import { JsonLazyStruct, JsonReading, readingError } from './json-lazy-struct.js';
import { JsonValueReader } from './json-value-reader.js';
import { JsonValueWriter } from './json-value-writer.js';
import { readLoneValue } from './schema-from-json.js';
import { readSchemaless } from './schemaless-reader.js';
import { SchemaJson } from './schema-json.js';
import { writeSchemaless } from './schemaless-json.js';

const NONE: SchemaAndValue = { schema: null, value: null };
const NULL_SCHEMA_HEAD = Buffer.from('{"schema":null,"payload":', 'latin1');
const HEADS_MAX = 10_000;

/** Java's `org.apache.kafka.connect.json.JsonConverter`, byte for byte. */
export class JsonConverter implements Converter {
  private hasEnvelope = true;
  private writer!: JsonValueWriter;
  private schemaJson!: SchemaJson;
  private reading!: JsonReading;
  private envelopes!: EnvelopeReader;
  /** By schema: the envelope up to the payload. */
  private heads = new Map<Schema, Uint8Array>();
  /** Whose head stands at the start of the writer's buffer. */
  private headInPlace: Schema | null | undefined;
  private headLength = 0;

  static readonly config = JSON_CONVERTER_CONFIG;

  configure(config: Readonly<Record<string, string>>, _isKey: boolean): void {
    const parsed = JSON_CONVERTER_CONFIG.parse(config);
    const format = { isNumericDecimal: parsed['decimal.format'].toUpperCase() === 'NUMERIC', replaceNullWithDefault: parsed['replace.null.with.default'] };
    this.hasEnvelope = parsed['schemas.enable'];
    this.writer = new JsonValueWriter(format);
    this.schemaJson = new SchemaJson(format);
    const reader = new JsonValueReader(format);
    this.reading = new JsonReading(reader);
    this.envelopes = new EnvelopeReader(this.reading, parsed['schemas.cache.size']);
    this.heads.clear();
    this.headInPlace = undefined;
  }

  fromConnectData(_topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    if (schema === null && value === null) return null;
    const { writer } = this;
    const { json } = writer;
    json.length = 0;
    if (this.hasEnvelope) this.putHead(schema);
    try {
      if (schema === null) writeSchemaless(json, value);
      else writer.write(schema, value);
    } catch (error) {
      this.headInPlace = undefined;
      throw error;
    }
    if (this.hasEnvelope) json.byte(0x7d);
    return json.buffer.subarray(0, json.length);
  }

  toConnectData(topic: string, bytes: Uint8Array | null): SchemaAndValue {
    if (bytes === null) return NONE;
    try {
      return this.read(topic, bytes);
    } catch (error) {
      throw readingError(error, bytes, 0, bytes.length);
    }
  }

  private read(topic: string, bytes: Uint8Array): SchemaAndValue {
    if (!this.hasEnvelope) {
      return this.reading.over(bytes, 0, bytes.length, (cursor) => {
        const value = cursor.peek() === -1 ? null : readSchemaless(cursor);
        cursor.expectEnd();
        return { schema: null, value };
      });
    }
    const { schema, start, end } = this.envelopes.open(topic, bytes);
    if (schema !== null && schema.type === 'struct' && bytes[start] === 0x7b) return { schema, value: new JsonLazyStruct(schema, this.reading, bytes, start, end) };
    return this.reading.over(bytes, start, end, (cursor) => {
      const value = schema === null ? readSchemaless(cursor) : readLoneValue(cursor, this.reading.reader, schema);
      cursor.expectEnd();
      return { schema, value };
    });
  }

  /** The envelope's beginning stays in the buffer as long as records of one schema follow each other. */
  private putHead(schema: Schema | null): void {
    const { json } = this.writer;
    if (this.headInPlace === schema) {
      json.length = this.headLength;
      return;
    }
    json.raw(schema === null ? NULL_SCHEMA_HEAD : this.headOf(schema));
    this.headInPlace = schema;
    this.headLength = json.length;
  }

  private headOf(schema: Schema): Uint8Array {
    const known = this.heads.get(schema);
    if (known) return known;
    const head = Buffer.concat([Buffer.from('{"schema":', 'latin1'), this.schemaJson.bytes(schema), Buffer.from(',"payload":', 'latin1')]);
    if (this.heads.size >= HEADS_MAX) this.heads.clear();
    this.heads.set(schema, head);
    return head;
  }
}
