import { ConnectError, type OffsetMap } from '@millrace/connect-api';
import { JsonBytes } from '../converters/json/json-bytes.js';
import { JsonCursor } from '../converters/json/json-cursor.js';
import { javaDoubleText } from '../converters/json/java-number-text.js';

/**
 * The offset topic's JSON: `["connector",{partition}]` as key and a flat map as value, both without a schema. Identity is by
 * bytes, so the order of members stays as it is and integers are written in full.
 */
export function encodeOffsetKey(connector: string, partition: OffsetMap): Uint8Array {
  const json = new JsonBytes();
  json.byte(0x5b);
  json.string(connector);
  json.byte(0x2c);
  writeMap(json, partition);
  json.byte(0x5d);
  return taken(json);
}

export function encodeOffsetMap(map: OffsetMap): Uint8Array {
  const json = new JsonBytes();
  writeMap(json, map);
  return taken(json);
}

/** Undefined when the bytes are not a key of the offset topic. */
export function decodeOffsetKey(bytes: Uint8Array): { connector: string; partition: OffsetMap } | undefined {
  const cursor = new JsonCursor();
  cursor.reset(bytes);
  try {
    cursor.expect(0x5b);
    const connector = cursor.text();
    cursor.expect(0x2c);
    const partition = readMap(cursor);
    cursor.expect(0x5d);
    cursor.expectEnd();
    return partition && { connector, partition };
  } catch {
    return undefined;
  }
}

/** Null for `null`, undefined when the bytes are not an offset. */
export function decodeOffsetMap(bytes: Uint8Array): OffsetMap | null | undefined {
  const cursor = new JsonCursor();
  cursor.reset(bytes);
  try {
    if (cursor.acceptNull()) return null;
    const map = readMap(cursor);
    cursor.expectEnd();
    return map;
  } catch {
    return undefined;
  }
}

/** JSON text of a value that may hold bigints. */
export function exactJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(exactJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .filter(([, it]) => it !== undefined)
      .map(([key, it]) => `${JSON.stringify(key)}:${exactJson(it)}`)
      .join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

function writeMap(json: JsonBytes, map: OffsetMap): void {
  json.byte(0x7b);
  let index = 0;
  for (const [name, value] of Object.entries(map)) {
    if (value === undefined) continue;
    if (index++ > 0) json.byte(0x2c);
    json.string(name);
    json.byte(0x3a);
    writePrimitive(json, name, value);
  }
  json.byte(0x7d);
}

function writePrimitive(json: JsonBytes, name: string, value: unknown): void {
  if (value === null) return json.ascii('null');
  switch (typeof value) {
    case 'boolean':
      return json.ascii(value ? 'true' : 'false');
    case 'bigint':
      return json.ascii(value.toString());
    case 'number':
      return json.ascii(Number.isInteger(value) ? BigInt(value).toString() : javaDoubleText(value));
    case 'string':
      return json.string(value);
    default:
      throw new ConnectError(`Offsets may only contain primitive types, but ${name} is a ${typeof value}`);
  }
}

function readMap(cursor: JsonCursor): OffsetMap | undefined {
  const map: Record<string, string | number | bigint | boolean | null> = {};
  cursor.expect(0x7b);
  if (cursor.accept(0x7d)) return map;
  do {
    const name = cursor.text();
    cursor.expect(0x3a);
    const byte = cursor.peek();
    if (byte === 0x7b || byte === 0x5b) return undefined;
    map[name] = readPrimitive(cursor, byte);
  } while (cursor.accept(0x2c));
  cursor.expect(0x7d);
  return map;
}

function readPrimitive(cursor: JsonCursor, byte: number): string | number | bigint | boolean | null {
  if (byte === 0x22) return cursor.text();
  if (byte === 0x6e) {
    cursor.acceptNull();
    return null;
  }
  if (byte === 0x74 || byte === 0x66) return cursor.boolean();
  const text = cursor.tokenFrom(cursor.number());
  const value = Number(text);
  return cursor.isInteger && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

function taken(json: JsonBytes): Uint8Array {
  return Uint8Array.from(json.buffer.subarray(0, json.length));
}
