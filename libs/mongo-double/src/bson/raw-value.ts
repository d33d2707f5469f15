import { BSON } from 'bson';

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

/** A BSON value as it came: every type, the deprecated ones too, survives the way through the store unchanged (Invariant 1). */
export interface RawValue {
  readonly type: number;
  readonly bytes: Buffer;
}

/** A document's fields in their order. */
export type RawDocument = Map<string, RawValue>;

/** The fields of the document that starts at `at`; values point into `bytes`. */
export function parseDocument(bytes: Buffer, at = 0): RawDocument {
  const end = at + bytes.readInt32LE(at) - 1;
  const fields: RawDocument = new Map();
  let position = at + 4;
  while (position < end) {
    const type = bytes[position]!;
    const nameEnd = bytes.indexOf(0, position + 1);
    const start = nameEnd + 1;
    const length = valueLength(bytes, type, start);
    fields.set(bytes.toString('utf8', position + 1, nameEnd), { type, bytes: bytes.subarray(start, start + length) });
    position = start + length;
  }
  return fields;
}

export function encodeDocument(fields: RawDocument): Buffer {
  const parts: Buffer[] = [Buffer.alloc(4)];
  let size = 5;
  for (const [name, value] of fields) {
    const head = Buffer.from(`\0${name}\0`, 'utf8');
    head[0] = value.type;
    parts.push(head, value.bytes);
    size += head.length + value.bytes.length;
  }
  parts.push(Buffer.alloc(1));
  const bytes = Buffer.concat(parts, size);
  bytes.writeInt32LE(size, 0);
  return bytes;
}

function valueLength(bytes: Buffer, type: number, at: number): number {
  switch (type) {
    case BsonType.double:
    case BsonType.date:
    case BsonType.timestamp:
    case BsonType.int64:
      return 8;
    case BsonType.string:
    case BsonType.code:
    case BsonType.symbol:
      return 4 + bytes.readInt32LE(at);
    case BsonType.document:
    case BsonType.array:
    case BsonType.codeWithScope:
      return bytes.readInt32LE(at);
    case BsonType.binary:
      return 5 + bytes.readInt32LE(at);
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
      return 4 + bytes.readInt32LE(at) + 12;
    case BsonType.int32:
      return 4;
    case BsonType.decimal128:
      return 16;
    default:
      throw new Error(`unknown BSON type ${type}`);
  }
}

/** What a plain JavaScript value is in BSON; raw values stay as they are. Whole numbers become int32 where they fit, otherwise double; bigint becomes int64. */
export type Plain = RawValue | string | number | bigint | boolean | null | Date | Uint8Array | RawDocument | readonly Plain[] | { readonly [name: string]: Plain | undefined };

function isRaw(value: unknown): value is RawValue {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'number' && 'bytes' in value;
}

export function toRaw(value: Plain): RawValue {
  if (value === null) return { type: BsonType.null, bytes: Buffer.alloc(0) };
  if (isRaw(value)) return value;
  if (value instanceof Map) return { type: BsonType.document, bytes: encodeDocument(value) };
  if (Array.isArray(value)) return { type: BsonType.array, bytes: encodeDocument(new Map((value as readonly Plain[]).map((it, index) => [String(index), toRaw(it)]))) };
  if (typeof value === 'object' && !(value instanceof Date) && !(value instanceof Uint8Array)) return { type: BsonType.document, bytes: build(value as { readonly [name: string]: Plain | undefined }) };
  return parseDocument(Buffer.from(BSON.serialize({ v: value }))).get('v')!;
}

/** A document from plain fields; fields that are undefined are left out. */
export function build(fields: { readonly [name: string]: Plain | undefined }): Buffer {
  return encodeDocument(new Map(Object.entries(fields).flatMap(([name, it]) => (it === undefined ? [] : [[name, toRaw(it)] as const]))));
}

export function documentValue(bytes: Buffer): RawValue {
  return { type: BsonType.document, bytes };
}

export function timestampValue(seconds: number, increment: number): RawValue {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(increment >>> 0, 0);
  bytes.writeUInt32LE(seconds >>> 0, 4);
  return { type: BsonType.timestamp, bytes };
}

export function itemsOf(value: RawValue | undefined): RawValue[] {
  return value?.type === BsonType.array ? [...parseDocument(value.bytes).values()] : [];
}

export function textOf(value: RawValue | undefined): string | undefined {
  return value?.type === BsonType.string || value?.type === BsonType.symbol ? value.bytes.toString('utf8', 4, value.bytes.length - 1) : undefined;
}

/** Of any number type; int64 beyond 2^53 loses digits. */
export function numberOf(value: RawValue | undefined): number | undefined {
  switch (value?.type) {
    case BsonType.double:
      return value.bytes.readDoubleLE(0);
    case BsonType.int32:
      return value.bytes.readInt32LE(0);
    case BsonType.int64:
      return Number(value.bytes.readBigInt64LE(0));
    case BsonType.decimal128:
      return Number(new BSON.Decimal128(Uint8Array.from(value.bytes)).toString());
    default:
      return undefined;
  }
}

/** As the server reads flags: false for false, zero, null and what is missing. */
export function isTrue(value: RawValue | undefined): boolean {
  if (value === undefined || value.type === BsonType.null || value.type === BsonType.undefined) return false;
  if (value.type === BsonType.boolean) return value.bytes[0] !== 0;
  return numberOf(value) !== 0;
}

export function fieldsOf(value: RawValue | undefined): RawDocument | undefined {
  return value?.type === BsonType.document ? parseDocument(value.bytes) : undefined;
}

export function timestampOf(value: RawValue | undefined): { readonly seconds: number; readonly increment: number } | undefined {
  return value?.type === BsonType.timestamp ? { seconds: value.bytes.readUInt32LE(4), increment: value.bytes.readUInt32LE(0) } : undefined;
}

export function longValue(value: bigint): RawValue {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return { type: BsonType.int64, bytes };
}

export function longOf(value: RawValue | undefined): bigint | undefined {
  if (value?.type === BsonType.int64) return value.bytes.readBigInt64LE(0);
  return value?.type === BsonType.int32 ? BigInt(value.bytes.readInt32LE(0)) : undefined;
}
