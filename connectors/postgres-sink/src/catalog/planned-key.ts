import { DataError, Schema, type SinkRecord } from '@millrace/connect-api';
import type { SinkSettings } from '../config/sink-settings.js';
import type { RecordShape } from '../rows/record-shape.js';

export interface WantedField {
  readonly field: string;
  readonly schema: Schema;
}

/** Where the key of records like one comes from, and its fields. */
export type PlannedKey =
  | { readonly from: 'nowhere' | 'coordinates' | 'headers' | 'key value'; readonly fields: readonly WantedField[] }
  | { readonly from: 'key' | 'row'; readonly fields: readonly WantedField[]; readonly struct: Schema }
  | { readonly from: 'missing'; readonly fields: readonly WantedField[]; readonly reason: string };

/** Debezium's names for the columns of primary.key.mode=kafka. */
const COORDINATES: readonly WantedField[] = [
  { field: '__connect_topic', schema: Schema.of('string') },
  { field: '__connect_partition', schema: Schema.of('int32') },
  { field: '__connect_offset', schema: Schema.of('int64') },
];

export function plannedKey(record: SinkRecord, shape: RecordShape, settings: SinkSettings): PlannedKey {
  switch (settings.keyMode) {
    case 'none':
      return { from: 'nowhere', fields: [] };
    case 'kafka':
      return { from: 'coordinates', fields: COORDINATES };
    case 'record_key':
      return recordKey(record, settings);
    case 'record_value':
      if (shape.kind === 'none') return { from: 'missing', fields: [], reason: 'A tombstone has no value to take the key from' };
      return { from: 'row', struct: shape.row, fields: chosen(shape.row, record.topic, settings) };
    case 'record_header': {
      const names = settings.keyFields.length > 0 ? settings.keyFields : [...new Set(record.headers.map((it) => it.key))];
      if (names.length === 0) throw new DataError('The record has no headers, which primary.key.mode=record_header needs');
      return { from: 'headers', fields: names.map((field) => ({ field, schema: headerSchema(record, field) })) };
    }
  }
}

function recordKey(record: SinkRecord, settings: SinkSettings): PlannedKey {
  const { keySchema } = record;
  if (keySchema === null) {
    const reason = record.key === null ? 'The record has no key, which primary.key.mode=record_key needs' : 'The key has no schema, which primary.key.mode=record_key needs: use a converter that keeps schemas (for JSON: key.converter.schemas.enable=true)';
    return { from: 'missing', fields: [], reason };
  }
  if (keySchema.type === 'struct') return { from: 'key', struct: keySchema, fields: chosen(keySchema, record.topic, settings) };
  if (keySchema.type === 'array' || keySchema.type === 'map') throw new DataError(`The key is ${keySchema.type === 'array' ? 'an array' : 'a map'}: it can be no primary key`);
  const [name, ...more] = settings.keyFields;
  if (name === undefined || more.length > 0) throw new DataError('The key is a single value: primary.key.fields must name the one column for it');
  return { from: 'key value', fields: [{ field: name, schema: keySchema }] };
}

/** In the struct's order. */
function chosen(struct: Schema, topic: string, { keyFields, includeField }: SinkSettings): WantedField[] {
  const fields = struct.fields.filter((it) => (keyFields.length > 0 ? keyFields.includes(it.name) : includeField(topic, it.name)));
  const missing = keyFields.find((name) => !struct.field(name));
  if (missing !== undefined) throw new DataError(`primary.key.fields names ${missing}, which is not a field of ${struct.name ?? 'the record'}`);
  if (fields.length === 0) throw new DataError(`No field of ${struct.name ?? 'the record'} is part of the primary key`);
  return fields.map((it) => ({ field: it.name, schema: it.schema }));
}

function headerSchema(record: SinkRecord, name: string): Schema {
  const schema = record.headers.findLast((it) => it.key === name)?.schema;
  if (!schema) throw new DataError(`The record has no header ${name} with a schema, which primary.key.mode=record_header needs`);
  return schema;
}
