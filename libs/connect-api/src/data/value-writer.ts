import type { Schema } from './schema.js';

/**
 * Takes a value piece by piece, in the order of its schema. Converters implement it to write bytes, sinks to write columns;
 * sources call it through `LazyStruct.visit`. The methods that take (bytes, start, end) must read the range at once: it is not theirs to keep.
 *
 * The schema of each piece is known from the struct's schema: field i of the struct is the i-th piece written, whatever method writes it.
 */
export interface ValueWriter {
  /** A null, where the schema is optional. */
  null(): void;
  /** A boolean. */
  boolean(value: boolean): void;
  /** int8, int16, int32, and an int64 within ±2^53. */
  integer(value: number): void;
  /** An integer of any width; most often an int64. */
  long(value: bigint): void;
  /** An integer of any width as ASCII text `-?[0-9]+`. */
  integerText(bytes: Uint8Array, start: number, end: number): void;
  /** float and double; NaN and infinities included. */
  float(value: number): void;
  /** A string. */
  string(value: string): void;
  /** A string as valid UTF-8, not escaped in any way. */
  utf8(bytes: Uint8Array, start: number, end: number): void;
  /** Bytes start .. end - 1, as they are. */
  bytes(bytes: Uint8Array, start: number, end: number): void;
  /** A Connect Decimal as plain ASCII text (`-12.50`) with exactly the schema's scale of digits after the point. */
  decimalText(bytes: Uint8Array, start: number, end: number): void;
  /** A Connect Decimal as the bytes of its unscaled value (big-endian two's complement). */
  decimal(unscaled: Uint8Array, scale: number): void;
  /** Connect's Date, Time and Timestamp. */
  date(value: Date): void;
  /** False: the struct is not wanted; the caller writes none of its fields and no `endStruct`. */
  beginStruct(schema: Schema): boolean;
  /** The struct that was begun last is whole. */
  endStruct(): void;
  /** `length` items follow, each written by any of these methods, then `endArray`. */
  beginArray(schema: Schema, length: number): void;
  /** The array that was begun last is whole. */
  endArray(): void;
  /** Then key, value, key, value … */
  beginMap(schema: Schema, size: number): void;
  /** The map that was begun last is whole. */
  endMap(): void;
}
