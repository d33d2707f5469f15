import { BSON } from 'mongodb';
import { BsonType, int32, valueLength } from './elements.js';
import { javaDoubleText } from './java-double.js';
import type { JsonText } from './json-text.js';

/** How MongoDB's Java driver writes a document: its output mode, and whether a space follows a comma. */
export interface JsonStyle {
  readonly mode: 'strict' | 'extended' | 'relaxed';
  readonly isSpaced: boolean;
}

/** Extended JSON of the document at `at`, from its bytes. */
export function writeDocument(out: JsonText, bytes: Buffer, at: number, style: JsonStyle): void {
  writeFields(out, bytes, at, style, false);
}

function writeFields(out: JsonText, bytes: Buffer, at: number, style: JsonStyle, isArray: boolean): void {
  const end = at + int32(bytes, at) - 1;
  out.byte(isArray ? 0x5b : 0x7b);
  let next = at + 4;
  let isFirst = true;
  while (next < end) {
    const type = bytes[next]!;
    let nameEnd = next + 1;
    while (bytes[nameEnd] !== 0) nameEnd += 1;
    if (!isFirst) out.byte(0x2c);
    if (!isFirst && style.isSpaced) out.byte(0x20);
    isFirst = false;
    if (!isArray) {
      out.string(bytes, next + 1, nameEnd);
      out.byte(0x3a);
      out.byte(0x20);
    }
    writeElement(out, bytes, type, nameEnd + 1, style);
    next = nameEnd + 1 + valueLength(bytes, type, nameEnd + 1);
  }
  out.byte(isArray ? 0x5d : 0x7d);
}

/** Extended JSON of one value. */
export function writeElement(out: JsonText, bytes: Buffer, type: number, at: number, style: JsonStyle): void {
  switch (type) {
    case BsonType.string:
      out.string(bytes, at + 4, at + 3 + int32(bytes, at));
      break;
    case BsonType.document:
    case BsonType.array:
      writeFields(out, bytes, at, style, type === BsonType.array);
      break;
    case BsonType.int32:
      if (style.mode === 'extended') wrapped(out, '$numberInt', String(int32(bytes, at)));
      else out.integer(int32(bytes, at));
      break;
    case BsonType.int64:
      writeLong(out, bytes, at, style);
      break;
    case BsonType.double:
      writeDouble(out, bytes.readDoubleLE(at), style);
      break;
    case BsonType.boolean:
      out.ascii(bytes[at] === 0 ? 'false' : 'true');
      break;
    case BsonType.null:
      out.ascii('null');
      break;
    case BsonType.objectId:
      out.ascii('{"$oid": "');
      out.hex(bytes, at, at + 12);
      out.ascii('"}');
      break;
    case BsonType.date:
      writeDate(out, longText(bytes, at), style);
      break;
    case BsonType.binary:
      writeBinary(out, bytes, at, style);
      break;
    default:
      writeRareElement(out, bytes, type, at, style);
  }
}

function writeRareElement(out: JsonText, bytes: Buffer, type: number, at: number, style: JsonStyle): void {
  const comma = style.isSpaced ? ', ' : ',';
  switch (type) {
    case BsonType.timestamp:
      out.ascii(`{"$timestamp": {"t": ${bytes.readUInt32LE(at + 4)}${comma}"i": ${bytes.readUInt32LE(at)}}}`);
      break;
    case BsonType.decimal128:
      wrapped(out, '$numberDecimal', new BSON.Decimal128(Uint8Array.prototype.slice.call(bytes, at, at + 16)).toString());
      break;
    case BsonType.regex:
      writeRegex(out, bytes, at, style, comma);
      break;
    case BsonType.code:
    case BsonType.symbol:
      out.ascii(type === BsonType.code ? '{"$code": ' : '{"$symbol": ');
      out.string(bytes, at + 4, at + 3 + int32(bytes, at));
      out.byte(0x7d);
      break;
    case BsonType.codeWithScope: {
      const codeEnd = at + 8 + int32(bytes, at + 4);
      out.ascii('{"$code": ');
      out.string(bytes, at + 8, codeEnd - 1);
      out.ascii(`${comma}"$scope": `);
      writeFields(out, bytes, codeEnd, style, false);
      out.byte(0x7d);
      break;
    }
    case BsonType.dbPointer: {
      const nameEnd = at + 4 + int32(bytes, at);
      out.ascii(style.mode === 'extended' ? '{"$dbPointer": {"$ref": ' : '{"$ref": ');
      out.string(bytes, at + 4, nameEnd - 1);
      out.ascii(`${comma}"$id": `);
      wrapped(out, '$oid', bytes.toString('hex', nameEnd, nameEnd + 12));
      out.ascii(style.mode === 'extended' ? '}}' : '}');
      break;
    }
    case BsonType.undefined:
      out.ascii('{"$undefined": true}');
      break;
    case BsonType.minKey:
      out.ascii('{"$minKey": 1}');
      break;
    case BsonType.maxKey:
      out.ascii('{"$maxKey": 1}');
      break;
    default:
      throw new RangeError(`unknown BSON type ${type}`);
  }
}

function wrapped(out: JsonText, name: string, text: string): void {
  out.ascii('{"');
  out.ascii(name);
  out.ascii('": "');
  out.ascii(text);
  out.ascii('"}');
}

function longText(bytes: Buffer, at: number): string {
  const high = int32(bytes, at + 4);
  // Within 2^53 a number has all digits.
  return high >= -0x200000 && high < 0x200000 ? String(high * 4294967296 + (int32(bytes, at) >>> 0)) : String(bytes.readBigInt64LE(at));
}

function writeLong(out: JsonText, bytes: Buffer, at: number, style: JsonStyle): void {
  if (style.mode === 'relaxed') out.ascii(longText(bytes, at));
  else wrapped(out, '$numberLong', longText(bytes, at));
}

function writeDouble(out: JsonText, value: number, style: JsonStyle): void {
  if (style.mode === 'extended' || (style.mode === 'relaxed' && !Number.isFinite(value))) wrapped(out, '$numberDouble', javaDoubleText(value));
  else out.ascii(javaDoubleText(value));
}

const LAST_MS_OF_YEAR_9999 = 253_402_300_799_999;

function writeDate(out: JsonText, text: string, style: JsonStyle): void {
  const ms = style.mode === 'relaxed' ? Number(text) : -1;
  if (style.mode === 'strict') {
    out.ascii('{"$date": ');
    out.ascii(text);
    out.byte(0x7d);
  } else if (style.mode === 'relaxed' && ms >= 0 && ms <= LAST_MS_OF_YEAR_9999) wrapped(out, '$date', new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z'));
  else out.ascii(`{"$date": {"$numberLong": "${text}"}}`);
}

const OLD_BINARY = 2;

function writeBinary(out: JsonText, bytes: Buffer, at: number, style: JsonStyle): void {
  const length = int32(bytes, at);
  const subType = bytes[at + 4]!;
  const start = subType === OLD_BINARY ? at + 9 : at + 5;
  const base64 = bytes.toString('base64', start, at + 5 + length);
  const hex = subType.toString(16).padStart(2, '0').toUpperCase();
  const comma = style.isSpaced ? ', ' : ',';
  out.ascii(style.mode === 'strict' ? `{"$binary": "${base64}"${comma}"$type": "${hex}"}` : `{"$binary": {"base64": "${base64}"${comma}"subType": "${hex}"}}`);
}

function writeRegex(out: JsonText, bytes: Buffer, at: number, style: JsonStyle, comma: string): void {
  const patternEnd = bytes.indexOf(0, at);
  const optionsEnd = bytes.indexOf(0, patternEnd + 1);
  const options = [...bytes.toString('latin1', patternEnd + 1, optionsEnd)].sort().join('');
  const isStrict = style.mode === 'strict';
  out.ascii(isStrict ? '{"$regex": ' : '{"$regularExpression": {"pattern": ');
  out.string(bytes, at, patternEnd);
  out.ascii(isStrict ? `${comma}"$options": "${options}"}` : `${comma}"options": "${options}"}}`);
}
