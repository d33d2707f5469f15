import { DataError, LazyStruct, Struct, type ConnectRecord, type Schema, type Value } from '@millrace/connect-api';
import { javaClassName } from './java-class-name.js';

/** What of a record a transformation works on: the `$Key` and `$Value` variants of Java's. */
export type Part = 'key' | 'value';

export function schemaOf(record: ConnectRecord, part: Part): Schema | null {
  return part === 'key' ? record.keySchema : record.valueSchema;
}

export function valueOf(record: ConnectRecord, part: Part): Value {
  return part === 'key' ? record.key : record.value;
}

export function withPart(record: ConnectRecord, part: Part, schema: Schema | null, value: Value): ConnectRecord {
  return part === 'key' ? { ...record, keySchema: schema, key: value } : { ...record, valueSchema: schema, value };
}

export type FieldMap = ReadonlyMap<Value, Value>;

export function requireMap(value: Value, purpose: string): FieldMap {
  if (!(value instanceof Map)) throw new DataError(`Only Map objects supported in absence of schema for [${purpose}], found: ${javaClassName(value)}`);
  return value;
}

/** The struct as it is: one that is still in bytes stays so. */
export function requireAnyStruct(value: Value, purpose: string): Struct | LazyStruct {
  if (!(value instanceof Struct || value instanceof LazyStruct)) throw new DataError(`Only Struct objects supported for [${purpose}], found: ${javaClassName(value)}`);
  return value;
}

export function requireStruct(value: Value, purpose: string): Struct {
  const struct = requireAnyStruct(value, purpose);
  return struct instanceof LazyStruct ? struct.toStruct() : struct;
}
