import { DataError, Schema } from '@millrace/connect-api';
import { constantBytes, constantText, encodeBoolean, scratchBytes, writeEmptyText, writeFalse, writeNoBytes, type Encode, type TypeMapping } from './encode.js';

export type BinaryMode = 'bytes' | 'base64' | 'base64-url-safe' | 'hex';

export function byteaMapping(mode: BinaryMode, placeholder: Buffer): TypeMapping {
  if (mode === 'bytes') return { schema: Schema.of('bytes'), encode: encodeBytes, whenNull: writeNoBytes, whenUnchanged: constantBytes(placeholder) };
  const encode = mode === 'hex' ? encodeHex : base64(mode === 'base64' ? 'base64' : 'base64url');
  return { schema: Schema.of('string'), encode, whenNull: writeEmptyText, whenUnchanged: constantText(placeholder.toString('utf8')) };
}

/** A value of an unknown type: the bytes of its text, in the same representation as bytea. */
export function opaqueMapping(mode: BinaryMode, placeholder: Buffer): TypeMapping {
  const encoding = mode === 'base64-url-safe' ? 'base64url' : mode === 'bytes' ? 'utf8' : mode;
  if (encoding === 'utf8') return { schema: Schema.of('bytes'), encode: (writer, bytes, start, end) => writer.bytes(bytes, start, end), whenNull: writeNoBytes, whenUnchanged: constantBytes(placeholder) };
  return { schema: Schema.of('string'), encode: (writer, bytes, start, end) => writer.string(bytes.toString(encoding, start, end)), whenNull: writeEmptyText, whenUnchanged: constantText(placeholder.toString('utf8')) };
}

/** bit and varbit. A column of one bit is a boolean. */
export function bitsMapping(length: number): TypeMapping {
  if (length === 1) return { schema: Schema.of('boolean'), encode: encodeBit, whenNull: writeFalse };
  return { schema: Schema.of('bytes', { name: 'io.debezium.data.Bits', version: 1, parameters: { length: String(length) } }), encode: encodeBits, whenNull: writeNoBytes };
}

export const booleanMapping: TypeMapping = { schema: Schema.of('boolean'), encode: encodeBoolean, whenNull: writeFalse };

const NIBBLES = new Uint8Array(256);
for (let i = 0; i < 16; i++) {
  NIBBLES['0123456789abcdef'.charCodeAt(i)] = i;
  NIBBLES['0123456789ABCDEF'.charCodeAt(i)] = i;
}

/** Decodes `\x…` into scratch bytes; returns how many there are. */
function decodeHex(bytes: Buffer, start: number, end: number): number {
  if (bytes[start] !== 0x5c || bytes[start + 1] !== 0x78) throw new DataError('a bytea value is not in the hex format');
  const length = (end - start - 2) >> 1;
  const decoded = scratchBytes(length);
  for (let i = 0, from = start + 2; i < length; i++, from += 2) decoded[i] = (NIBBLES[bytes[from]!]! << 4) | NIBBLES[bytes[from + 1]!]!;
  return length;
}

const encodeBytes: Encode = (writer, bytes, start, end) => {
  const length = decodeHex(bytes, start, end);
  writer.bytes(scratchBytes(length), 0, length);
};

const encodeHex: Encode = (writer, bytes, start, end) => writer.utf8(bytes, start + 2, end);

function base64(encoding: 'base64' | 'base64url'): Encode {
  return (writer, bytes, start, end) => {
    const length = decodeHex(bytes, start, end);
    const text = scratchBytes(length).toString(encoding, 0, length);
    writer.string(encoding === 'base64url' ? text + '='.repeat((4 - (text.length % 4)) % 4) : text);
  };
}

const encodeBit: Encode = (writer, bytes, start, end) => {
  let isSet = false;
  for (let at = start; at < end; at++) if (bytes[at] === 0x31) isSet = true;
  writer.boolean(isSet);
};

/** The last bit of the text is the lowest one of the first byte; as many bytes as the highest set bit needs. */
const encodeBits: Encode = (writer, bytes, start, end) => {
  let first = start;
  while (first < end && bytes[first] !== 0x31) first += 1;
  const length = (end - first + 7) >> 3;
  const packed = scratchBytes(length);
  packed.fill(0, 0, length);
  for (let at = end - 1, bit = 0; at >= first; at--, bit++) if (bytes[at] === 0x31) packed[bit >> 3]! |= 1 << (bit & 7);
  writer.bytes(packed, 0, length);
};
