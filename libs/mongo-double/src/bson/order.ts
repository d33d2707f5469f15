import { BsonType, numberOf, parseDocument, textOf, type RawValue } from './raw-value.js';

/** Types in the order in which the server sorts values of different types. */
function rank(type: number): number {
  switch (type) {
    case BsonType.minKey:
      return 0;
    case BsonType.undefined:
    case BsonType.null:
      return 1;
    case BsonType.double:
    case BsonType.int32:
    case BsonType.int64:
    case BsonType.decimal128:
      return 2;
    case BsonType.string:
    case BsonType.symbol:
      return 3;
    case BsonType.document:
      return 4;
    case BsonType.array:
      return 5;
    case BsonType.binary:
      return 6;
    case BsonType.objectId:
      return 7;
    case BsonType.boolean:
      return 8;
    case BsonType.date:
      return 9;
    case BsonType.timestamp:
      return 10;
    case BsonType.regex:
      return 11;
    case BsonType.dbPointer:
      return 12;
    case BsonType.code:
      return 13;
    case BsonType.codeWithScope:
      return 14;
    default:
      return 15;
  }
}

/** Whether two values are of kinds that a comparison operator may compare. */
export function areComparable(a: RawValue, b: RawValue): boolean {
  return rank(a.type) === rank(b.type);
}

export function compareValues(a: RawValue, b: RawValue): number {
  const byType = rank(a.type) - rank(b.type);
  if (byType !== 0) return byType;
  switch (rank(a.type)) {
    case 2:
      return compareNumbers(a, b);
    case 3:
      return Buffer.compare(Buffer.from(textOf(a)!), Buffer.from(textOf(b)!));
    case 4:
    case 5:
      return compareFields(a, b);
    case 6:
      return a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes);
    case 9:
      return compareBig(a.bytes.readBigInt64LE(0), b.bytes.readBigInt64LE(0));
    case 10:
      return compareBig(a.bytes.readBigUInt64LE(0), b.bytes.readBigUInt64LE(0));
    default:
      return Buffer.compare(a.bytes, b.bytes);
  }
}

function compareBig(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareNumbers(a: RawValue, b: RawValue): number {
  if (a.type === BsonType.int64 && b.type === BsonType.int64) return compareBig(a.bytes.readBigInt64LE(0), b.bytes.readBigInt64LE(0));
  const x = numberOf(a)!;
  const y = numberOf(b)!;
  if (Number.isNaN(x) || Number.isNaN(y)) return (Number.isNaN(y) ? 1 : 0) - (Number.isNaN(x) ? 1 : 0);
  return x - y || 0;
}

function compareFields(a: RawValue, b: RawValue): number {
  const left = [...parseDocument(a.bytes)];
  const right = [...parseDocument(b.bytes)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [leftName, leftValue] = left[i]!;
    const [rightName, rightValue] = right[i]!;
    const order = rank(leftValue.type) - rank(rightValue.type) || (leftName < rightName ? -1 : leftName > rightName ? 1 : 0) || compareValues(leftValue, rightValue);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** The same text for values that are equal as `_id`: numbers by their worth, whatever their type. */
export function identityText(value: RawValue): string {
  if (rank(value.type) !== 2) return `${value.type === BsonType.symbol ? BsonType.string : value.type}:${value.bytes.toString('latin1')}`;
  if (value.type === BsonType.int64) return `n:${value.bytes.readBigInt64LE(0)}`;
  return `n:${numberOf(value)}`;
}
