import { ByteWriter } from '@millrace/foundation';
import type { RecordHeader } from './record-cursor.js';

const NONE = Uint8Array.of(0);
let lastHeaders: readonly RecordHeader[] | undefined;
let lastBytes: Uint8Array = NONE;

/**
 * A record's headers with their count, as they stand in the record. A source gives the same array to many records in a row: it is
 * encoded once while it is the same.
 */
export function encodedHeaders(headers: readonly RecordHeader[] | undefined): Uint8Array {
  if (headers === undefined || headers.length === 0) return NONE;
  if (headers !== lastHeaders) {
    lastBytes = encode(headers);
    lastHeaders = headers;
  }
  return lastBytes;
}

function encode(headers: readonly RecordHeader[]): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(headers.length);
  for (const { key, value } of headers) {
    const keyBytes = Buffer.from(key, 'utf8');
    writer.varint(keyBytes.length);
    writer.bytes(keyBytes);
    writer.varint(value === null ? -1 : value.length);
    if (value !== null) writer.bytes(value);
  }
  return writer.take();
}
