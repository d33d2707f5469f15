import { DataError } from '../errors.js';
import { DATE_NAME, TIME_NAME } from './decimal.js';
import type { Schema } from './schema.js';

/** A Date, Time or Timestamp of Connect in ISO 8601 and UTC: `2026-11-21`, `08:00:00.000` or, also without a schema, `2026-11-21T08:00:00.000Z`. Throws DataError for an invalid Date. */
export function isoText(value: Date, schema?: Schema | null): string {
  if (Number.isNaN(value.getTime())) throw new DataError('a time that is none');
  const text = value.toISOString();
  const split = text.indexOf('T');
  if (schema?.name === DATE_NAME) return text.slice(0, split);
  return schema?.name === TIME_NAME ? text.slice(split + 1, -1) : text;
}
