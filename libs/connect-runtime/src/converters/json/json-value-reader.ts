import { DATE_NAME, DataError, Decimal, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, writeValue, type Schema, type ValueWriter } from '@millrace/connect-api';
import type { JsonCursor } from './json-cursor.js';
import type { JsonFormat } from './json-settings.js';

const MS_PER_DAY = 86_400_000;

const INTEGER = 0;
const STRING = 1;
const BOOLEAN = 2;
const FLOAT = 3;
const BYTES = 4;
const STRUCT = 5;
const ARRAY = 6;
const MAP = 7;
const LOGICAL = 8;

/** How values of a schema are read: worked out once. */
interface Plan {
  readonly kind: number;
  readonly schema: Schema;
  /** Of a struct: the fields' names as they stand in JSON, and their plans. */
  readonly names: readonly Uint8Array[];
  readonly fields: readonly Plan[];
  readonly key: Plan | undefined;
  readonly value: Plan | undefined;
}

const PLANS = new WeakMap<Schema, Plan>();
const KINDS: Readonly<Record<Schema['type'], number>> = { int8: INTEGER, int16: INTEGER, int32: INTEGER, int64: INTEGER, string: STRING, boolean: BOOLEAN, float: FLOAT, double: FLOAT, bytes: BYTES, struct: STRUCT, array: ARRAY, map: MAP };
const LOGICAL_NAMES: ReadonlySet<string | undefined> = new Set([DECIMAL_NAME, DATE_NAME, TIME_NAME, TIMESTAMP_NAME]);

/** Reads values of a schema from JSON text and streams them into a ValueWriter. Not re-entrant on one cursor. */
export class JsonValueReader {
  private decoded: Buffer = Buffer.allocUnsafe(64);

  constructor(private readonly format: JsonFormat) {}

  /** Consumes one value. Throws DataError where it does not fit the schema. */
  read(cursor: JsonCursor, schema: Schema, writer: ValueWriter): void {
    this.readPlanned(cursor, planOf(schema), writer);
  }

  private readPlanned(cursor: JsonCursor, plan: Plan, writer: ValueWriter): void {
    const byte = cursor.peek();
    if (byte === 0x6e) {
      cursor.acceptNull();
      return this.absent(plan.schema, writer);
    }
    switch (plan.kind) {
      case INTEGER: {
        const start = cursor.number();
        if (cursor.isInteger) return writer.integerText(cursor.bytes, start, cursor.at);
        return writer.long(BigInt(Math.trunc(Number(cursor.tokenFrom(start)))));
      }
      case STRING:
        if (byte !== 0x22) throw new DataError(`a string was expected, found ${nodeType(byte)}`);
        cursor.string();
        return writer.utf8(cursor.stringBytes, cursor.stringStart, cursor.stringEnd);
      case BOOLEAN:
        return writer.boolean(cursor.boolean());
      case FLOAT:
        return writer.float(readFloat(cursor, byte));
      case BYTES: {
        const size = this.base64(cursor);
        return writer.bytes(this.decoded, 0, size);
      }
      case STRUCT:
        return this.readStruct(cursor, plan, writer);
      case ARRAY:
        return this.readArray(cursor, plan, writer);
      case MAP:
        return this.readMap(cursor, plan, writer);
      default:
        return this.readLogical(cursor, plan.schema, writer);
    }
  }

  private absent(schema: Schema, writer: ValueWriter): void {
    if (schema.default !== undefined && schema.default !== null && this.format.replaceNullWithDefault) return writeValue(schema, schema.default, writer);
    if (!schema.optional) throw new DataError(`Invalid null value for required ${schema.type.toUpperCase()} field`);
    writer.null();
  }

  /** Fields in the schema's order, whatever the order in the text; fast when they agree. */
  private readStruct(cursor: JsonCursor, plan: Plan, writer: ValueWriter): void {
    if (cursor.peek() !== 0x7b) throw new DataError(`Structs should be encoded as JSON objects, but found ${nodeType(cursor.peek())}`);
    if (!writer.beginStruct(plan.schema)) return cursor.skip();
    cursor.at += 1;
    const { fields, names } = plan;
    for (let i = 0; i < fields.length; i++) {
      if (!cursor.acceptName(names[i]!)) {
        this.readUnordered(cursor, plan, i, writer);
        return writer.endStruct();
      }
      this.readPlanned(cursor, fields[i]!, writer);
      if (!cursor.accept(0x2c)) {
        cursor.expect(0x7d);
        for (let rest = i + 1; rest < fields.length; rest++) this.absent(fields[rest]!.schema, writer);
        return writer.endStruct();
      }
    }
    this.readUnordered(cursor, plan, fields.length, writer);
    writer.endStruct();
  }

  /** From the first field that is not where it was expected: looks up the members that are left, then reads them in order. */
  private readUnordered(cursor: JsonCursor, plan: Plan, from: number, writer: ValueWriter): void {
    const starts = new Map<string, number>();
    if (!(from === 0 && cursor.accept(0x7d))) {
      do {
        const name = cursor.text();
        cursor.expect(0x3a);
        starts.set(name, cursor.at);
        cursor.skip();
      } while (cursor.accept(0x2c));
      cursor.expect(0x7d);
    }
    const after = cursor.at;
    for (let i = from; i < plan.fields.length; i++) {
      const field = plan.schema.fields[i]!;
      const start = starts.get(field.name);
      if (start === undefined) this.absent(field.schema, writer);
      else {
        cursor.at = start;
        this.readPlanned(cursor, plan.fields[i]!, writer);
      }
    }
    cursor.at = after;
  }

  private readArray(cursor: JsonCursor, plan: Plan, writer: ValueWriter): void {
    if (cursor.peek() !== 0x5b) throw new DataError(`an array was expected, found ${nodeType(cursor.peek())}`);
    writer.beginArray(plan.schema, countItems(cursor));
    cursor.at += 1;
    if (!cursor.accept(0x5d)) {
      do this.readPlanned(cursor, plan.value!, writer);
      while (cursor.accept(0x2c));
      cursor.expect(0x5d);
    }
    writer.endArray();
  }

  private readMap(cursor: JsonCursor, plan: Plan, writer: ValueWriter): void {
    const isObject = plan.key!.schema.type === 'string';
    const open = isObject ? 0x7b : 0x5b;
    if (cursor.peek() !== open) {
      throw new DataError(`Maps with ${isObject ? 'string fields should be encoded as JSON objects' : 'non-string fields should be encoded as JSON array of tuples'}, but found ${nodeType(cursor.peek())}`);
    }
    writer.beginMap(plan.schema, countItems(cursor));
    cursor.at += 1;
    if (!cursor.accept(open + 2)) {
      do {
        if (!isObject) cursor.expect(0x5b);
        this.readPlanned(cursor, plan.key!, writer);
        cursor.expect(isObject ? 0x3a : 0x2c);
        this.readPlanned(cursor, plan.value!, writer);
        if (!isObject) cursor.expect(0x5d);
      } while (cursor.accept(0x2c));
      cursor.expect(open + 2);
    }
    writer.endMap();
  }

  private readLogical(cursor: JsonCursor, schema: Schema, writer: ValueWriter): void {
    switch (schema.name) {
      case DECIMAL_NAME:
        return this.readDecimal(cursor, Number(schema.parameters?.scale ?? 0), writer);
      case DATE_NAME:
        return writer.date(new Date(readInteger(cursor, 'Date') * MS_PER_DAY));
      default:
        return writer.date(new Date(readInteger(cursor, schema.name === TIME_NAME ? 'Time' : 'Timestamp')));
    }
  }

  private readDecimal(cursor: JsonCursor, scale: number, writer: ValueWriter): void {
    if (cursor.peek() === 0x22) {
      const size = this.base64(cursor);
      return writer.decimal(this.decoded.subarray(0, size), scale);
    }
    const start = cursor.number();
    const parsed = Decimal.parse(cursor.tokenFrom(start));
    const decimal = parsed.scale <= scale ? parsed.withScale(scale) : parsed;
    writer.decimal(decimal.toBytes(), decimal.scale);
  }

  private base64(cursor: JsonCursor): number {
    if (cursor.peek() !== 0x22) throw new DataError('Invalid bytes field');
    cursor.string();
    const size = cursor.stringEnd - cursor.stringStart;
    if (this.decoded.length < size) this.decoded = Buffer.allocUnsafe(size * 2);
    const text = Buffer.from(cursor.stringBytes.buffer, cursor.stringBytes.byteOffset + cursor.stringStart, size).toString('latin1');
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new DataError('Invalid bytes field');
    return this.decoded.write(text, 0, 'base64');
  }
}

function readInteger(cursor: JsonCursor, what: string): number {
  const start = cursor.peek() === 0x22 ? -1 : cursor.number();
  if (start < 0 || !cursor.isInteger) throw new DataError(`Invalid type for ${what}, underlying representation should be integer`);
  return Number(cursor.tokenFrom(start));
}

function readFloat(cursor: JsonCursor, byte: number): number {
  if (byte !== 0x22) {
    const start = cursor.number();
    return Number(cursor.tokenFrom(start));
  }
  const text = cursor.text();
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return Number(text);
  throw new DataError('a number was expected, found STRING');
}

/** How many items the array or object that begins here has; consumes nothing. */
function countItems(cursor: JsonCursor): number {
  const { at } = cursor;
  const isObject = cursor.bytes[at] === 0x7b;
  cursor.at += 1;
  let count = 0;
  if (!cursor.accept(isObject ? 0x7d : 0x5d)) {
    do {
      if (isObject) {
        cursor.string();
        cursor.expect(0x3a);
      }
      cursor.skip();
      count += 1;
    } while (cursor.accept(0x2c));
  }
  cursor.at = at;
  return count;
}

function planOf(schema: Schema): Plan {
  let plan = PLANS.get(schema);
  if (!plan) {
    plan = {
      kind: LOGICAL_NAMES.has(schema.name) ? LOGICAL : KINDS[schema.type],
      schema,
      names: schema.fields.map((field) => Buffer.from(JSON.stringify(field.name), 'utf8')),
      fields: schema.fields.map((field) => planOf(field.schema)),
      key: schema.keySchema && planOf(schema.keySchema),
      value: schema.valueSchema && planOf(schema.valueSchema),
    };
    PLANS.set(schema, plan);
  }
  return plan;
}

function nodeType(byte: number): string {
  if (byte === 0x22) return 'STRING';
  if (byte === 0x7b) return 'OBJECT';
  if (byte === 0x5b) return 'ARRAY';
  if (byte === 0x74 || byte === 0x66) return 'BOOLEAN';
  return byte === 0x6e ? 'NULL' : 'NUMBER';
}
