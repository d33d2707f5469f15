import { MalformedBytes, type ByteReader, type ByteWriter } from '@millrace/foundation';
import { ErrorCode } from './generated/errors.js';
import { ProtocolError } from './protocol-error.js';

/** From this size on, bytes are appended to a writer without a copy. */
const SHARED_BYTES_MIN = 4096;
const STRING_BYTES_MAX = 0x7fff;
/** A text of at most this many UTF-16 units has at most 126 bytes of UTF-8: its compact length is one byte. */
const ONE_BYTE_LENGTH_UNITS = 42;

/** Where bytes must stand and there are none. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);

function notNull(reader: ByteReader): MalformedBytes {
  return new MalformedBytes(`null before ${reader.position}, where a value must be`);
}

function checkedLength(reader: ByteReader, length: number): number {
  if (length < 0) throw notNull(reader);
  return length;
}

function stringOf(reader: ByteReader, length: number): string {
  if (length > STRING_BYTES_MAX) throw new MalformedBytes(`string of ${length} bytes at ${reader.position}`);
  return length === 0 ? '' : reader.utf8(length);
}

export function readString(reader: ByteReader): string {
  return stringOf(reader, checkedLength(reader, reader.int16()));
}
export function readCompactString(reader: ByteReader): string {
  return stringOf(reader, checkedLength(reader, reader.uvarint() - 1));
}
export function readNullableString(reader: ByteReader): string | null {
  const length = reader.int16();
  return length < 0 ? null : stringOf(reader, length);
}
export function readCompactNullableString(reader: ByteReader): string | null {
  const length = reader.uvarint() - 1;
  return length < 0 ? null : stringOf(reader, length);
}
export function readBytes(reader: ByteReader): Uint8Array {
  return reader.bytes(checkedLength(reader, reader.int32()));
}
export function readCompactBytes(reader: ByteReader): Uint8Array {
  return reader.bytes(checkedLength(reader, reader.uvarint() - 1));
}
export function readNullableBytes(reader: ByteReader): Uint8Array | null {
  const length = reader.int32();
  return length < 0 ? null : reader.bytes(length);
}
export function readCompactNullableBytes(reader: ByteReader): Uint8Array | null {
  const length = reader.uvarint() - 1;
  return length < 0 ? null : reader.bytes(length);
}

/** The number of items of an array, refused when the bytes that are left cannot hold them. */
export function readCount(reader: ByteReader, itemBytesMin: number): number {
  const count = checkedLength(reader, reader.int32());
  reader.expectItems(count, itemBytesMin);
  return count;
}
export function readCompactCount(reader: ByteReader, itemBytesMin: number): number {
  const count = checkedLength(reader, reader.uvarint() - 1);
  reader.expectItems(count, itemBytesMin);
  return count;
}
/** As readCount; -1 for null. */
export function readNullableCount(reader: ByteReader, itemBytesMin: number): number {
  const count = reader.int32();
  if (count < 0) return -1;
  reader.expectItems(count, itemBytesMin);
  return count;
}
export function readCompactNullableCount(reader: ByteReader, itemBytesMin: number): number {
  const count = reader.uvarint() - 1;
  if (count < 0) return -1;
  reader.expectItems(count, itemBytesMin);
  return count;
}

/** Passes over the tagged fields of a struct of which this version knows none. */
export function skipTags(reader: ByteReader): void {
  for (let tags = reader.uvarint(); tags > 0; tags--) {
    reader.uvarint();
    reader.skip(reader.uvarint());
  }
}

export function tagEnd(reader: ByteReader, size: number): number {
  reader.expectItems(size, 1);
  return reader.position + size;
}
export function expectTagEnd(reader: ByteReader, end: number, tag: number): void {
  if (reader.position !== end) throw new MalformedBytes(`tagged field ${tag} ends at ${reader.position}, not at ${end} as its size says`);
}

function checkedStringSize(size: number): number {
  if (size > STRING_BYTES_MAX) throw new ProtocolError(ErrorCode.INVALID_REQUEST, `a text of ${size} bytes is too long for the protocol`);
  return size;
}

export function writeString(writer: ByteWriter, value: string): void {
  const at = writer.reserve(2);
  writer.patchInt16(at, checkedStringSize(writer.utf8(value)));
}
export function writeCompactString(writer: ByteWriter, value: string): void {
  if (value.length <= ONE_BYTE_LENGTH_UNITS) {
    const at = writer.reserve(1);
    writer.patchUint8(at, writer.utf8(value) + 1);
    return;
  }
  writer.uvarint(checkedStringSize(Buffer.byteLength(value)) + 1);
  writer.utf8(value);
}
export function writeNullableString(writer: ByteWriter, value: string | null): void {
  if (value === null) writer.int16(-1);
  else writeString(writer, value);
}
export function writeCompactNullableString(writer: ByteWriter, value: string | null): void {
  if (value === null) writer.uint8(0);
  else writeCompactString(writer, value);
}

function append(writer: ByteWriter, value: Uint8Array): void {
  if (value.length >= SHARED_BYTES_MIN) writer.appendShared(value);
  else writer.bytes(value);
}

export function writeBytes(writer: ByteWriter, value: Uint8Array): void {
  writer.int32(value.length);
  append(writer, value);
}
export function writeCompactBytes(writer: ByteWriter, value: Uint8Array): void {
  writer.uvarint(value.length + 1);
  append(writer, value);
}
export function writeNullableBytes(writer: ByteWriter, value: Uint8Array | null): void {
  if (value === null) writer.int32(-1);
  else writeBytes(writer, value);
}
/** @public Generated codecs may name it, whether or not a schema needs it today. */
export function writeCompactNullableBytes(writer: ByteWriter, value: Uint8Array | null): void {
  if (value === null) writer.uint8(0);
  else writeCompactBytes(writer, value);
}

function totalLength(parts: readonly Uint8Array[]): number {
  let total = 0;
  for (const part of parts) total += part.length;
  return total;
}

/** @public Generated codecs may name it, whether or not a schema needs it today. Records may come in parts, which stand one after another on the wire. */
export function writeRecords(writer: ByteWriter, value: Uint8Array | readonly Uint8Array[]): void {
  if (value instanceof Uint8Array) {
    writeBytes(writer, value);
    return;
  }
  writer.int32(totalLength(value));
  for (const part of value) append(writer, part);
}
export function writeCompactRecords(writer: ByteWriter, value: Uint8Array | readonly Uint8Array[]): void {
  if (value instanceof Uint8Array) {
    writeCompactBytes(writer, value);
    return;
  }
  writer.uvarint(totalLength(value) + 1);
  for (const part of value) append(writer, part);
}
export function writeNullableRecords(writer: ByteWriter, value: Uint8Array | readonly Uint8Array[] | null): void {
  if (value === null) writer.int32(-1);
  else writeRecords(writer, value);
}
export function writeCompactNullableRecords(writer: ByteWriter, value: Uint8Array | readonly Uint8Array[] | null): void {
  if (value === null) writer.uint8(0);
  else writeCompactRecords(writer, value);
}

/** Writes a tagged field whose value stands in `scratch`. */
export function writeTag(writer: ByteWriter, tag: number, scratch: ByteWriter): void {
  writer.uvarint(tag);
  writer.uvarint(scratch.position);
  for (const part of scratch.takeChunks()) append(writer, part);
}

export function notCarried(field: string, version: number): ProtocolError {
  return new ProtocolError(ErrorCode.UNSUPPORTED_VERSION, `version ${version} has no ${field}, which is set`);
}
export function notNullable(field: string, version: number): ProtocolError {
  return new ProtocolError(ErrorCode.UNSUPPORTED_VERSION, `${field} cannot be null in version ${version}`);
}
