/** BSON's type bytes. */
export const BsonType = {
  double: 0x01,
  string: 0x02,
  document: 0x03,
  array: 0x04,
  binary: 0x05,
  undefined: 0x06,
  objectId: 0x07,
  boolean: 0x08,
  date: 0x09,
  null: 0x0a,
  regex: 0x0b,
  dbPointer: 0x0c,
  code: 0x0d,
  symbol: 0x0e,
  codeWithScope: 0x0f,
  int32: 0x10,
  timestamp: 0x11,
  int64: 0x12,
  decimal128: 0x13,
  minKey: 0xff,
  maxKey: 0x7f,
} as const;

/** A value in the bytes in which it came: nothing is copied. */
export interface Element {
  readonly type: number;
  readonly bytes: Buffer;
  readonly at: number;
}

/** A signed integer of four bytes; inlined by the engine where `readInt32LE` with its checks is not. */
export function int32(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Where the name that starts at `at` ends: at its zero. */
export function nameEndOf(bytes: Buffer, at: number): number {
  let end = at;
  while (bytes[end] !== 0) end += 1;
  return end;
}

/** Whether the ASCII name stands in the bytes from `start` to `end`. */
export function isName(bytes: Buffer, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name.charCodeAt(i)) return false;
  return true;
}

/** How many bytes the value at `at` takes. */
export function valueLength(bytes: Buffer, type: number, at: number): number {
  switch (type) {
    case BsonType.double:
    case BsonType.date:
    case BsonType.timestamp:
    case BsonType.int64:
      return 8;
    case BsonType.string:
    case BsonType.code:
    case BsonType.symbol:
      return 4 + int32(bytes, at);
    case BsonType.document:
    case BsonType.array:
    case BsonType.codeWithScope:
      return int32(bytes, at);
    case BsonType.binary:
      return 5 + int32(bytes, at);
    case BsonType.undefined:
    case BsonType.null:
    case BsonType.minKey:
    case BsonType.maxKey:
      return 0;
    case BsonType.objectId:
      return 12;
    case BsonType.boolean:
      return 1;
    case BsonType.regex:
      return bytes.indexOf(0, bytes.indexOf(0, at) + 1) + 1 - at;
    case BsonType.dbPointer:
      return 4 + int32(bytes, at) + 12;
    case BsonType.int32:
      return 4;
    case BsonType.decimal128:
      return 16;
    default:
      throw new RangeError(`unknown BSON type ${type}`);
  }
}

/** The field of the document at `at`, or undefined. */
export function findField(bytes: Buffer, at: number, name: string): Element | undefined {
  const end = at + int32(bytes, at) - 1;
  let next = at + 4;
  while (next < end) {
    const type = bytes[next]!;
    const nameEnd = nameEndOf(bytes, next + 1);
    const start = nameEnd + 1;
    if (isName(bytes, next + 1, nameEnd, name)) return { type, bytes, at: start };
    next = start + valueLength(bytes, type, start);
  }
  return undefined;
}

/** The items of an array, or the values of a document. */
export function itemsOf(element: Element): Element[] {
  const { bytes, at } = element;
  const end = at + int32(bytes, at) - 1;
  const items: Element[] = [];
  let next = at + 4;
  while (next < end) {
    const type = bytes[next]!;
    const start = nameEndOf(bytes, next + 1) + 1;
    items.push({ type, bytes, at: start });
    next = start + valueLength(bytes, type, start);
  }
  return items;
}

export function isNull(element: Element | undefined): boolean {
  return element === undefined || element.type === BsonType.null;
}

export function textOf(element: Element | undefined): string | undefined {
  if (element?.type !== BsonType.string) return undefined;
  const { bytes, at } = element;
  return bytes.toString('utf8', at + 4, at + 3 + int32(bytes, at));
}

/** Of int32, int64 and double. */
export function numberOf(element: Element | undefined): number | undefined {
  switch (element?.type) {
    case BsonType.int32:
      return element.bytes.readInt32LE(element.at);
    case BsonType.int64:
      return Number(element.bytes.readBigInt64LE(element.at));
    case BsonType.double:
      return element.bytes.readDoubleLE(element.at);
    default:
      return undefined;
  }
}

/** The bytes of a document value. */
export function documentBytes(element: Element): Buffer {
  const { bytes, at } = element;
  return bytes.subarray(at, at + int32(bytes, at));
}
