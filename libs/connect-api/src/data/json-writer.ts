import { DataError } from '../errors.js';
import { bigIntFromBytes, DATE_NAME, Decimal } from './decimal.js';
import { isoText } from './iso-text.js';
import type { Schema } from './schema.js';
import type { Value } from './value.js';
import type { ValueWriter } from './value-writer.js';
import { writeValue } from './write-value.js';

/** What JSON leaves open. */
export interface JsonForm {
  /** `numeric`: `12.50`, every digit as it is; `text`: `"12.50"`; `base64`: of the bytes of the unscaled value, as Connect's own JSON has it. */
  readonly decimals: 'numeric' | 'text' | 'base64';
  /** Connect's Date, Time and Timestamp. `numeric`: days or milliseconds, as their schemas count; `iso`: texts of ISO 8601, in UTC. */
  readonly times: 'numeric' | 'iso';
  /** What becomes of a map whose schema has keys other than texts. `object`: the keys become texts; `pairs`: an array of arrays of key and value. */
  readonly maps: 'object' | 'pairs';
}

type Container = 'root' | 'struct' | 'array' | 'object' | 'pairs';

interface Frame {
  readonly container: Container;
  readonly schema: Schema | undefined;
  /** Of a struct: `"name":` of each field, with a comma before all but the first. */
  readonly heads: readonly Uint8Array[];
  /** Of the piece that comes next. */
  index: number;
}

const NO_HEADS: readonly Uint8Array[] = [];
const MS_PER_DAY = 86_400_000;
const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** Up to here a loop is faster than a call of the encoder. */
const SHORT_TEXT = 40;
/** What common readers of JSON take. */
const DEPTH_MAX = 1000;

/**
 * Makes plain JSON (values alone, no schemas) of values, in one line, for sinks: into one buffer that is used again and again, a LazyStruct's bytes without an object in between.
 * Integers are written with all their digits, bytes as base64, what is not finite as a text. A value without a schema is written by what it is; its maps are objects.
 */
export class JsonWriter implements ValueWriter {
  private buffer = Buffer.allocUnsafe(4096);
  private length = 0;
  private readonly frames: Frame[] = [];
  private frame: Frame = rootOf(undefined);
  private readonly headsBySchema = new WeakMap<Schema, readonly Uint8Array[]>();

  constructor(private readonly form: JsonForm) {}

  /** The JSON of one value, in UTF-8. Throws DataError for a value that does not fit its schema, that has no JSON, or that is nested more than 1,000 deep. */
  bytesOf(schema: Schema | null, value: Value): Uint8Array {
    this.write(schema, value);
    return Uint8Array.prototype.slice.call(this.buffer, 0, this.length);
  }

  /** As `bytesOf`, as a text. */
  textOf(schema: Schema | null, value: Value): string {
    this.write(schema, value);
    return this.buffer.toString('utf8', 0, this.length);
  }

  null(): void {
    if (this.isName()) throw new DataError('null cannot be the name of a member of a JSON object');
    this.lead();
    this.ascii('null');
  }

  boolean(value: boolean): void {
    this.number(value ? 'true' : 'false');
  }

  integer(value: number): void {
    this.number(String(value));
  }

  long(value: bigint): void {
    this.number(value.toString());
  }

  integerText(bytes: Uint8Array, start: number, end: number): void {
    if (this.isName()) return this.number(latin1(bytes, start, end));
    this.lead();
    this.raw(bytes.subarray(start, end));
  }

  float(value: number): void {
    if (Number.isFinite(value)) this.number(String(value));
    else this.string(String(value));
  }

  string(value: string): void {
    this.lead();
    this.text(JSON.stringify(value));
  }

  utf8(bytes: Uint8Array, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH) return this.string(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8'));
    }
    this.lead();
    this.byte(QUOTE);
    this.raw(bytes.subarray(start, end));
    this.byte(QUOTE);
  }

  bytes(bytes: Uint8Array, start: number, end: number): void {
    this.quoted(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('base64'));
  }

  decimalText(bytes: Uint8Array, start: number, end: number): void {
    const text = latin1(bytes, start, end);
    if (this.form.decimals === 'base64') this.unscaled(Decimal.parse(text).toBytes());
    else this.decimalDigits(text);
  }

  decimal(unscaled: Uint8Array, scale: number): void {
    if (this.form.decimals === 'base64') this.unscaled(unscaled);
    else this.decimalDigits(new Decimal(bigIntFromBytes(unscaled), scale).toString());
  }

  date(value: Date): void {
    const schema = this.pieceSchema();
    if (this.form.times === 'iso') return this.quoted(isoText(value, schema));
    const ms = value.getTime();
    if (Number.isNaN(ms)) throw new DataError('a time that is none');
    this.integer(schema?.name === DATE_NAME ? Math.floor(ms / MS_PER_DAY) : ms);
  }

  beginStruct(schema: Schema): boolean {
    this.begin('struct', schema, this.headsOf(schema));
    return true;
  }

  endStruct(): void {
    this.end();
  }

  beginArray(schema: Schema | undefined): void {
    this.begin('array', schema, NO_HEADS);
  }

  endArray(): void {
    this.end();
  }

  beginMap(schema: Schema | undefined): void {
    const isPairs = this.form.maps === 'pairs' && schema !== undefined && schema.keySchema?.type !== 'string';
    this.begin(isPairs ? 'pairs' : 'object', schema, NO_HEADS);
  }

  endMap(): void {
    if (this.frame.container === 'pairs' && this.frame.index > 0) this.byte(CLOSE_BRACKET);
    this.end();
  }

  private write(schema: Schema | null, value: Value): void {
    this.length = 0;
    this.frames.length = 0;
    this.frame = rootOf(schema ?? undefined);
    if (value === null) this.null();
    else if (schema) writeValue(schema, value, this);
    else this.plain(value);
  }

  /** A value without a schema. */
  private plain(value: Value): void {
    if (value === null) this.null();
    else if (typeof value === 'string') this.string(value);
    else if (typeof value === 'number') this.float(value);
    else if (typeof value === 'bigint') this.long(value);
    else if (typeof value === 'boolean') this.boolean(value);
    else if (value instanceof Uint8Array) this.bytes(value, 0, value.length);
    else if (value instanceof Date) this.date(value);
    else if (value instanceof Decimal) this.decimal(value.toBytes(), value.scale);
    else if (Array.isArray(value)) {
      this.beginArray(undefined);
      for (const item of value) this.plain(item);
      this.endArray();
    } else if (value instanceof Map) {
      this.beginMap(undefined);
      for (const [key, item] of value) {
        this.plain(key);
        this.plain(item);
      }
      this.endMap();
    } else value.visit(this);
  }

  /** Digits, true or false: in quotes as the name of a member. */
  private number(text: string): void {
    if (this.isName()) return this.quoted(text);
    this.lead();
    this.ascii(text);
  }

  private decimalDigits(text: string): void {
    if (this.form.decimals === 'text') this.quoted(text);
    else this.number(text);
  }

  private unscaled(bytes: Uint8Array): void {
    this.bytes(bytes, 0, bytes.length);
  }

  /** ASCII that needs no escapes. */
  private quoted(text: string): void {
    this.lead();
    this.byte(QUOTE);
    this.ascii(text);
    this.byte(QUOTE);
  }

  /** The piece that comes next is the name of a member of an object. */
  private isName(): boolean {
    return this.frame.container === 'object' && this.frame.index % 2 === 0;
  }

  /** Of the piece that comes next. */
  private pieceSchema(): Schema | undefined {
    const { container, schema, index } = this.frame;
    if (container === 'root' || !schema) return schema;
    if (container === 'struct') return schema.fields[index]?.schema;
    return container !== 'array' && index % 2 === 0 ? schema.keySchema : schema.valueSchema;
  }

  /** What stands before a piece. */
  private lead(): void {
    const { frame } = this;
    const index = frame.index++;
    switch (frame.container) {
      case 'root':
        return;
      case 'struct':
        return this.raw(frame.heads[index]!);
      case 'array':
        if (index > 0) this.byte(COMMA);
        return;
      case 'object':
        if (index > 0) this.byte(index % 2 === 1 ? COLON : COMMA);
        return;
      case 'pairs':
        if (index % 2 === 1) return this.byte(COMMA);
        if (index > 0) {
          this.byte(CLOSE_BRACKET);
          this.byte(COMMA);
        }
        this.byte(OPEN_BRACKET);
    }
  }

  private begin(container: Container, schema: Schema | undefined, heads: readonly Uint8Array[]): void {
    if (this.isName()) throw new DataError('a struct, an array or a map cannot be the name of a member of a JSON object');
    if (this.frames.length >= DEPTH_MAX) throw new DataError(`a value nested more than ${DEPTH_MAX} deep`);
    this.lead();
    this.byte(container === 'array' || container === 'pairs' ? OPEN_BRACKET : OPEN_BRACE);
    this.frames.push(this.frame);
    this.frame = { container, schema, heads, index: 0 };
  }

  private end(): void {
    const { container } = this.frame;
    this.byte(container === 'array' || container === 'pairs' ? CLOSE_BRACKET : CLOSE_BRACE);
    this.frame = this.frames.pop()!;
  }

  private headsOf(schema: Schema): readonly Uint8Array[] {
    let heads = this.headsBySchema.get(schema);
    if (!heads) {
      heads = schema.fields.map(({ name }, index) => Buffer.from(`${index > 0 ? ',' : ''}${JSON.stringify(name)}:`));
      this.headsBySchema.set(schema, heads);
    }
    return heads;
  }

  private byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  private raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    if (bytes.length > SHORT_TEXT) this.buffer.set(bytes, this.length);
    else for (let i = 0; i < bytes.length; i++) this.buffer[this.length + i] = bytes[i]!;
    this.length += bytes.length;
  }

  private ascii(text: string): void {
    this.reserve(text.length);
    if (text.length > SHORT_TEXT) this.buffer.write(text, this.length, 'latin1');
    else for (let i = 0; i < text.length; i++) this.buffer[this.length + i] = text.charCodeAt(i);
    this.length += text.length;
  }

  private text(text: string): void {
    this.reserve(text.length * 3);
    if (text.length <= SHORT_TEXT) {
      let i = 0;
      for (; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 0x7f) break;
        this.buffer[this.length + i] = unit;
      }
      if (i === text.length) {
        this.length += i;
        return;
      }
    }
    this.length += this.buffer.write(text, this.length, 'utf8');
  }

  private reserve(size: number): void {
    if (this.length + size <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + size));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}

function rootOf(schema: Schema | undefined): Frame {
  return { container: 'root', schema, heads: NO_HEADS, index: 0 };
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
