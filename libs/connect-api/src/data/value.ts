import type { Decimal } from './decimal.js';
import type { LazyStruct } from './lazy-struct.js';
import type { Struct } from './struct.js';

/**
 * What a record's key, value or header holds. By schema type:
 * int8, int16, int32, float, double: number · int64: bigint · boolean · string · bytes: Uint8Array · array: array · map: Map ·
 * struct: Struct or LazyStruct. Logical types of Connect: Decimal is `Decimal`; Date, Time and Timestamp are a JavaScript Date.
 * Debezium's `io.debezium.*` types are the plain values of their schema type.
 * Without a schema: null, boolean, number (a floating-point value), bigint (an integer), string, Uint8Array, arrays, and Map with string keys for objects.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | Date | Decimal | Struct | LazyStruct | Value[] | Map<Value, Value>;

/** A value with the schema that describes it: what a converter makes of bytes. */
export interface SchemaAndValue {
  /** Null: the value has no schema. */
  readonly schema: import('./schema.js').Schema | null;
  /** Of the schema, or by the rules of values without one. */
  readonly value: Value;
}
