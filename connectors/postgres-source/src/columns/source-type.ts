import type { PgType } from './type-registry.js';

/** What the driver of Java, and so Debezium, calls the length of a type without one. */
const UNKNOWN_LENGTH = 2_147_483_647;
const FIXED_LENGTHS: Readonly<Record<string, number>> = { int2: 5, oid: 10, int4: 10, int8: 19, float4: 8, float8: 17, char: 1, bool: 1, date: 13, interval: 49 };

/** numeric without a length, where its type and not a column is asked. */
const NUMERIC_LENGTH = 131_089;
const SERIALS: Readonly<Record<string, string>> = { int2: 'smallserial', int4: 'serial', int8: 'bigserial' };

export interface SourceType {
  readonly name: string;
  readonly length: number;
  /** Undefined: not told. */
  readonly scale: number | undefined;
}

export interface SourceTypeContext {
  /** The type of the elements of an array. */
  readonly element: PgType | undefined;
  /** The catalog's description of a column says other things than the stream's: `serial`, and no length of numeric. */
  readonly isFromCatalog: boolean;
  readonly isSerial: boolean;
}

/** The original type of a column as `column.propagate.source.type` shows it: its name, and length and scale in the terms of Java's driver. */
export function sourceTypeOf(type: PgType, root: PgType, modifier: number, context: SourceTypeContext): SourceType {
  const { element, isFromCatalog, isSerial } = context;
  const sized = element ?? root;
  const name = isFromCatalog && isSerial ? (SERIALS[type.name] ?? type.name) : type.name;
  if (sized.name === 'numeric' && modifier === -1) return isFromCatalog && !element ? { name, length: 0, scale: undefined } : { name, length: NUMERIC_LENGTH, scale: 0 };
  return { name, length: lengthOf(sized.name, modifier), scale: scaleOf(sized.name, modifier) };
}

function lengthOf(name: string, modifier: number): number {
  const fixed = FIXED_LENGTHS[name];
  if (fixed !== undefined) return fixed;
  switch (name) {
    case 'numeric':
      return modifier === -1 ? 0 : ((modifier - 4) >> 16) & 0xffff;
    case 'bpchar':
    case 'varchar':
      return modifier === -1 ? UNKNOWN_LENGTH : modifier - 4;
    case 'bit':
      return modifier;
    case 'varbit':
      return modifier === -1 ? UNKNOWN_LENGTH : modifier;
    case 'time':
      return 8 + fractionWidth(modifier);
    case 'timetz':
      return 14 + fractionWidth(modifier);
    case 'timestamp':
      return 22 + fractionWidth(modifier);
    case 'timestamptz':
      return 28 + fractionWidth(modifier);
    default:
      return UNKNOWN_LENGTH;
  }
}

/** A point and the digits after it; one digit is shown as two. */
function fractionWidth(modifier: number): number {
  if (modifier === -1) return 7;
  return modifier === 0 ? 0 : modifier === 1 ? 3 : modifier + 1;
}

function scaleOf(name: string, modifier: number): number {
  switch (name) {
    case 'float4':
      return 8;
    case 'float8':
      return 17;
    case 'numeric':
      return modifier === -1 ? 0 : (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
    case 'time':
    case 'timetz':
    case 'timestamp':
    case 'timestamptz':
      return modifier === -1 ? 6 : modifier;
    case 'interval':
      return modifier === -1 ? 6 : modifier & 0xffff;
    default:
      return 0;
  }
}
