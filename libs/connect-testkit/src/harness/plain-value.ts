import { DataError, Decimal, writeValue, type Schema, type Value, type ValueWriter } from '@millrace/connect-api';

/** A value without its classes: structs and maps with text keys are objects, other maps arrays of pairs. */
export type PlainValue = null | boolean | number | bigint | string | Uint8Array | Date | Decimal | readonly PlainValue[] | { readonly [name: string]: PlainValue };

/** The value as a converter would meet it: written piece by piece, and checked against its schema. Throws DataError. */
export function plainValue(schema: Schema | null, value: Value): PlainValue {
  if (schema === null) return withoutSchema(value);
  const writer = new PlainWriter();
  writeValue(schema, value, writer);
  return writer.result();
}

/** A member of a plain value by its path; undefined where there is none. */
export function at(value: PlainValue | undefined, ...path: readonly (string | number)[]): PlainValue | undefined {
  let it = value;
  for (const step of path) {
    if (typeof it !== 'object' || it === null || it instanceof Uint8Array || it instanceof Date || it instanceof Decimal) return undefined;
    it = Array.isArray(it) ? (it as readonly PlainValue[])[Number(step)] : (it as { readonly [name: string]: PlainValue })[String(step)];
  }
  return it;
}

function withoutSchema(value: Value): PlainValue {
  if (value === null || typeof value !== 'object' || value instanceof Date || value instanceof Decimal) return value;
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(withoutSchema);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, it]) => [String(key), withoutSchema(it)]));
  if ('visit' in value) return plainValue(value.schema, value);
  throw new DataError(`a ${(value as object).constructor.name} is no value`);
}

interface Frame {
  readonly schema: Schema;
  readonly items: PlainValue[];
}

/** Makes plain values, and holds a LazyStruct to its promise: exactly the fields of its schema. */
class PlainWriter implements ValueWriter {
  private readonly frames: Frame[] = [];
  private readonly results: PlainValue[] = [];

  result(): PlainValue {
    const [value] = this.results;
    if (this.frames.length > 0 || value === undefined || this.results.length > 1) throw new DataError('a struct that was begun was not ended, or more than one value was written');
    return value;
  }

  null(): void {
    this.add(null);
  }
  boolean(value: boolean): void {
    this.add(value);
  }
  integer(value: number): void {
    this.add(this.pieceType() === 'int64' ? BigInt(value) : value);
  }
  long(value: bigint): void {
    this.add(this.pieceType() === 'int64' ? value : Number(value));
  }
  integerText(bytes: Uint8Array, start: number, end: number): void {
    this.long(BigInt(text(bytes, start, end)));
  }
  float(value: number): void {
    this.add(value);
  }
  string(value: string): void {
    this.add(value);
  }
  utf8(bytes: Uint8Array, start: number, end: number): void {
    this.add(text(bytes, start, end));
  }
  bytes(bytes: Uint8Array, start: number, end: number): void {
    this.add(Uint8Array.from(bytes.subarray(start, end)));
  }
  decimalText(bytes: Uint8Array, start: number, end: number): void {
    this.add(Decimal.parse(text(bytes, start, end)));
  }
  decimal(unscaled: Uint8Array, scale: number): void {
    this.add(Decimal.fromBytes(unscaled, scale));
  }
  date(value: Date): void {
    this.add(value);
  }
  beginStruct(schema: Schema): boolean {
    this.frames.push({ schema, items: [] });
    return true;
  }
  endStruct(): void {
    const { schema, items } = this.end();
    if (items.length !== schema.fields.length) throw new DataError(`${schema.name ?? 'a struct'} has ${schema.fields.length} fields, but ${items.length} were written`);
    this.add(Object.fromEntries(schema.fields.map((it, i) => [it.name, items[i] ?? null])));
  }
  beginArray(schema: Schema): void {
    this.frames.push({ schema, items: [] });
  }
  endArray(): void {
    this.add(this.end().items);
  }
  beginMap(schema: Schema): void {
    this.frames.push({ schema, items: [] });
  }
  endMap(): void {
    const { schema, items } = this.end();
    const pairs: [PlainValue, PlainValue][] = [];
    for (let i = 0; i + 1 < items.length; i += 2) pairs.push([items[i] ?? null, items[i + 1] ?? null]);
    this.add(schema.keySchema?.type === 'string' ? Object.fromEntries(pairs.map(([key, value]) => [String(key), value])) : pairs);
  }

  private pieceType(): string | undefined {
    const frame = this.frames[this.frames.length - 1];
    if (!frame) return undefined;
    const { schema, items } = frame;
    if (schema.type === 'struct') return schema.fields[items.length]?.schema.type;
    return schema.type === 'map' && items.length % 2 === 0 ? schema.keySchema?.type : schema.valueSchema?.type;
  }

  private add(value: PlainValue): void {
    (this.frames[this.frames.length - 1]?.items ?? this.results).push(value);
  }

  private end(): Frame {
    const frame = this.frames.pop();
    if (!frame) throw new DataError('a struct was ended that was not begun');
    return frame;
  }
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
