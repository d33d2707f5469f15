import { DataError, type Schema, type SinkRecord } from '@millrace/connect-api';

/**
 * What a record's value is: Debezium's envelope, a row by itself, or nothing (a tombstone, or a deletion that kept its schema).
 */
export type RecordShape = { readonly kind: 'envelope' | 'flat'; readonly envelope: Schema | undefined; readonly row: Schema } | { readonly kind: 'none' };

const NONE: RecordShape = { kind: 'none' };

/** Undefined: nothing for a table (a schema change, a message that concerns no row). Throws DataError for a value that has no columns. */
export function recordShape({ value, valueSchema }: SinkRecord): RecordShape | undefined {
  if (valueSchema === null) {
    if (value === null) return NONE;
    throw new DataError('The value has no schema, so its columns are not known: use a converter that keeps schemas (for JSON: value.converter.schemas.enable=true)');
  }
  if (valueSchema.name?.includes('SchemaChangeValue')) return undefined;
  if (valueSchema.type !== 'struct') throw new DataError(`The value is a ${valueSchema.type}, not a struct: it has no columns`);
  if (isEnvelope(valueSchema)) {
    const row = (valueSchema.field('after') ?? valueSchema.field('before'))?.schema;
    return row === undefined ? undefined : { kind: 'envelope', envelope: valueSchema, row };
  }
  return { kind: 'flat', envelope: undefined, row: valueSchema };
}

/** As Debezium knows its own: by the schema's name, or by the operation field of a schema without one. */
function isEnvelope(schema: Schema): boolean {
  return schema.name === undefined ? schema.field('op') !== undefined : schema.name.endsWith('.Envelope');
}
