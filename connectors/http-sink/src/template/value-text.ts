import { DataError, DATE_NAME, Decimal, type JsonWriter } from '@millrace/connect-api';
import type { Found, Placeholder } from './placeholder.js';

const MS_PER_DAY = 86_400_000;

/** A value as text for a URL, a header or a body that is not JSON: scalars as themselves, bytes as base64, anything with parts as JSON. DataError for null. */
export function valueText({ schema, value }: Found, placeholder: Placeholder, json: JsonWriter): string {
  if (value === null) throw new DataError(`${placeholder.text} is null`);
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' || value instanceof Decimal) return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (value instanceof Date) return String(schema?.name === DATE_NAME ? Math.floor(value.getTime() / MS_PER_DAY) : value.getTime());
  return json.textOf(schema, value);
}

/** Percent-encoded for one path segment, one query parameter or one form field. */
export function percentEncoded(text: string, placeholder: Placeholder): string {
  try {
    return encodeURIComponent(text);
  } catch {
    throw new DataError(`${placeholder.text} is not valid Unicode text`);
  }
}

const XML_ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

export function xmlEscaped(text: string): string {
  return text.replace(/[&<>"']/g, (it) => XML_ENTITIES[it] ?? it);
}
