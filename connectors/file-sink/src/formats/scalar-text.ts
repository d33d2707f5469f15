import { DataError, Decimal, isoText, type Schema, type Value } from '@millrace/connect-api';

/** A value without parts as text: base64 of bytes, ISO 8601 of times. Throws DataError for one with parts. */
export function scalarText(value: Value, schema?: Schema | null): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (value instanceof Date) return isoText(value, schema);
  if (value instanceof Decimal) return value.toString();
  if (value === null || typeof value !== 'object') return String(value);
  throw new DataError('a value with parts where a plain one is needed');
}
