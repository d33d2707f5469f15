import type { Schema, ValueWriter } from '@millrace/connect-api';

/** Writes a value that PostgreSQL sent as text. It reads the range at once and may use the shared scratch bytes. */
export type Encode = (writer: ValueWriter, bytes: Buffer, start: number, end: number) => void;
/** Writes a value that needs no text: what stands for null in a required column, a placeholder. */
export type WriteConstant = (writer: ValueWriter) => void;

/** How one type of PostgreSQL becomes a Connect value. */
export interface TypeMapping {
  /** Not optional; the column decides that. */
  readonly schema: Schema;
  readonly encode: Encode;
  /** What stands in a required column for a value that was not sent: Debezium's zero-like value. */
  readonly whenNull: WriteConstant;
  /** What stands for a large unchanged value that was not sent; absent: null, or the zero-like value. */
  readonly whenUnchanged?: WriteConstant;
  /** What stands for null in a column that may be null; absent: null. */
  readonly whenOptionalNull?: WriteConstant;
}

let scratch = Buffer.allocUnsafe(4096);

/** Bytes to build a value in, valid until the next call. */
export function scratchBytes(size: number): Buffer {
  if (scratch.length < size) scratch = Buffer.allocUnsafe(Math.max(size, scratch.length * 2));
  return scratch;
}

export const encodeUtf8: Encode = (writer, bytes, start, end) => writer.utf8(bytes, start, end);
export const encodeInteger: Encode = (writer, bytes, start, end) => writer.integerText(bytes, start, end);
export const encodeBoolean: Encode = (writer, bytes, start) => writer.boolean(bytes[start] === 0x74);
export const encodeFloat: Encode = (writer, bytes, start, end) => writer.float(Number(bytes.toString('latin1', start, end)));

export const writeZero: WriteConstant = (writer) => writer.integer(0);
export const writeFalse: WriteConstant = (writer) => writer.boolean(false);
export const writeZeroFloat: WriteConstant = (writer) => writer.float(0);

/** Writes a constant string. */
export function constantText(text: string): WriteConstant {
  const bytes = Buffer.from(text, 'utf8');
  return (writer) => writer.utf8(bytes, 0, bytes.length);
}

export function constantBytes(bytes: Buffer): WriteConstant {
  return (writer) => writer.bytes(bytes, 0, bytes.length);
}

export const writeEmptyText = constantText('');
export const writeNoBytes = constantBytes(Buffer.alloc(0));
