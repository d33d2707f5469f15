import { Decimal, DECIMAL_NAME } from './decimal.js';
import type { LazyStruct } from './lazy-struct.js';
import type { Schema } from './schema.js';
import { Struct } from './struct.js';
import type { Value } from './value.js';
import type { ValueWriter } from './value-writer.js';

interface Frame {
  readonly schema: Schema;
  readonly struct: Struct | undefined;
  readonly items: Value[];
  next: number;
}

/** The ValueWriter that makes values: how a LazyStruct becomes a Struct. */
export class StructMaker implements ValueWriter {
  private readonly frames: Frame[] = [];
  private result: Struct | undefined;

  static from(lazy: LazyStruct): Struct {
    const maker = new StructMaker();
    lazy.visit(maker);
    return maker.result!;
  }

  null(): void {
    this.add(null);
  }
  boolean(value: boolean): void {
    this.add(value);
  }
  integer(value: number): void {
    this.add(this.pieceSchema().type === 'int64' ? BigInt(value) : value);
  }
  long(value: bigint): void {
    this.add(this.pieceSchema().type === 'int64' ? value : Number(value));
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
    const schema = this.pieceSchema();
    this.add(Decimal.parse(text(bytes, start, end), schema.name === DECIMAL_NAME ? Number(schema.parameters?.scale ?? 0) : undefined));
  }
  decimal(unscaled: Uint8Array, scale: number): void {
    this.add(Decimal.fromBytes(unscaled, scale));
  }
  date(value: Date): void {
    this.add(value);
  }
  beginStruct(schema: Schema): boolean {
    this.frames.push({ schema, struct: new Struct(schema), items: [], next: 0 });
    return true;
  }
  endStruct(): void {
    const { struct } = this.frames.pop()!;
    if (this.frames.length === 0) this.result = struct;
    else this.add(struct!);
  }
  beginArray(schema: Schema): void {
    this.frames.push({ schema, struct: undefined, items: [], next: 0 });
  }
  endArray(): void {
    this.add(this.frames.pop()!.items);
  }
  beginMap(schema: Schema): void {
    this.frames.push({ schema, struct: undefined, items: [], next: 0 });
  }
  endMap(): void {
    const { items } = this.frames.pop()!;
    const map = new Map<Value, Value>();
    for (let i = 0; i < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
    this.add(map);
  }

  private pieceSchema(): Schema {
    const { schema, next } = this.frames[this.frames.length - 1]!;
    if (schema.type === 'struct') return schema.fields[next]!.schema;
    return schema.type === 'map' && next % 2 === 0 ? schema.keySchema! : schema.valueSchema!;
  }

  private add(value: Value): void {
    const frame = this.frames[this.frames.length - 1]!;
    if (frame.struct) frame.struct.setAt(frame.next, value);
    else frame.items.push(value);
    frame.next += 1;
  }
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
