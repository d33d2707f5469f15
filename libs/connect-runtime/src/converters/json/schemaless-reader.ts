import type { Value } from '@millrace/connect-api';
import type { JsonCursor } from './json-cursor.js';

/** Reads any JSON value: objects as Map, integers as bigint, other numbers as number. */
export function readSchemaless(cursor: JsonCursor, depth = 0): Value {
  const byte = cursor.peek();
  switch (byte) {
    case 0x22:
      return cursor.text();
    case 0x74:
    case 0x66:
      return cursor.boolean();
    case 0x6e:
      cursor.acceptNull();
      return null;
    case 0x7b:
      return readObject(cursor, depth);
    case 0x5b:
      return readArray(cursor, depth);
    default: {
      const start = cursor.number();
      const text = cursor.tokenFrom(start);
      return cursor.isInteger ? BigInt(text) : Number(text);
    }
  }
}

function readObject(cursor: JsonCursor, depth: number): Value {
  enter(cursor, depth);
  const map = new Map<Value, Value>();
  if (cursor.accept(0x7d)) return map;
  do {
    const name = cursor.text();
    cursor.expect(0x3a);
    map.set(name, readSchemaless(cursor, depth + 1));
  } while (cursor.accept(0x2c));
  cursor.expect(0x7d);
  return map;
}

function readArray(cursor: JsonCursor, depth: number): Value {
  enter(cursor, depth);
  const items: Value[] = [];
  if (cursor.accept(0x5d)) return items;
  do items.push(readSchemaless(cursor, depth + 1));
  while (cursor.accept(0x2c));
  cursor.expect(0x5d);
  return items;
}

function enter(cursor: JsonCursor, depth: number): void {
  if (depth > 500) throw cursor.error('too many levels');
  cursor.at += 1;
}
