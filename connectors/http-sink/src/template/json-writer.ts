import { bigIntFromBytes, DataError, DATE_NAME, Decimal, type Schema, type Value, type ValueWriter, writeValue } from '@millrace/connect-api';

const ROOT = 0;
const STRUCT = 1;
const ARRAY = 2;
const OBJECT = 3;
const MS_PER_DAY = 86_400_000;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DEPTH_MAX = 128;

interface Frame {
  readonly kind: number;
  readonly schema: Schema | undefined;
  /** Of a struct: `"name":` of each field, with a comma before all but the first. */
  readonly heads: readonly Uint8Array[];
  index: number;
}

export type DecimalFormat = 'numeric' | 'base64';

/**
 * Writes values as plain JSON (no schema envelope) into one reused buffer. Bytes are base64; a map is an object, its keys as text;
 * Connect's Date, Time and Timestamp are the integers of their schemas. What is not finite is a string, as Java writes it.
 */
export class JsonWriter implements ValueWriter {
  private buffer = Buffer.allocUnsafe(4096);
  private length = 0;
  private frames: Frame[] = [];
  private frame: Frame = rootOf(undefined);
  private readonly headsBySchema = new WeakMap<Schema, readonly Uint8Array[]>();

  constructor(private readonly decimals: DecimalFormat) {}

  /** Appends one whole value. */
  write(schema: Schema | null, value: Value): void {
    this.frames = [];
    this.frame = rootOf(schema ?? undefined);
    if (value === null) this.null();
    else if (schema) writeValue(schema, value, this);
    else this.plain(value);
  }

  /** Appends text as it is. */
  text(text: string): void {
    const most = text.length * 3;
    this.reserve(most);
    this.length += this.buffer.write(text, this.length, 'utf8');
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A copy of what was written since the last time. */
  take(): Uint8Array {
    const bytes = Uint8Array.prototype.slice.call(this.buffer, 0, this.length);
    this.length = 0;
    return bytes;
  }

  /** The same as text. */
  takeText(): string {
    const text = this.buffer.toString('utf8', 0, this.length);
    this.length = 0;
    return text;
  }

  /** Forgets what was written: it failed half-way. */
  discard(): void {
    this.length = 0;
  }

  null(): void {
    if (this.isKey()) throw new DataError('null cannot be the key of a JSON object');
    this.lead();
    this.text('null');
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
    if (this.isKey()) return this.number(latin1(bytes, start, end));
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
    this.reserve(end - start + 2);
    this.buffer[this.length++] = QUOTE;
    this.buffer.set(bytes.subarray(start, end), this.length);
    this.length += end - start;
    this.buffer[this.length++] = QUOTE;
  }

  bytes(bytes: Uint8Array, start: number, end: number): void {
    this.string(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('base64'));
  }

  decimalText(bytes: Uint8Array, start: number, end: number): void {
    const text = latin1(bytes, start, end);
    if (this.decimals === 'numeric') this.number(text);
    else this.decimalBytes(Decimal.parse(text).toBytes());
  }

  decimal(unscaled: Uint8Array, scale: number): void {
    if (this.decimals === 'numeric') this.number(new Decimal(bigIntFromBytes(unscaled), scale).toString());
    else this.decimalBytes(unscaled);
  }

  date(value: Date): void {
    const ms = value.getTime();
    this.integer(this.pieceSchema()?.name === DATE_NAME ? Math.floor(ms / MS_PER_DAY) : ms);
  }

  beginStruct(schema: Schema): boolean {
    this.begin(STRUCT, schema, '{', this.headsOf(schema));
    return true;
  }

  endStruct(): void {
    this.end('}');
  }

  beginArray(schema: Schema | undefined): void {
    this.begin(ARRAY, schema, '[', []);
  }

  endArray(): void {
    this.end(']');
  }

  beginMap(schema: Schema | undefined): void {
    this.begin(OBJECT, schema, '{', []);
  }

  endMap(): void {
    this.end('}');
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

  private number(text: string): void {
    const isKey = this.isKey();
    this.lead();
    this.text(isKey ? `"${text}"` : text);
  }

  private decimalBytes(unscaled: Uint8Array): void {
    this.bytes(unscaled, 0, unscaled.length);
  }

  private isKey(): boolean {
    return this.frame.kind === OBJECT && this.frame.index % 2 === 0;
  }

  /** Of the piece that comes next. */
  private pieceSchema(): Schema | undefined {
    const { kind, schema, index } = this.frame;
    if (kind === ROOT || !schema) return schema;
    if (kind === STRUCT) return schema.fields[index]?.schema;
    return kind === OBJECT && index % 2 === 0 ? schema.keySchema : schema.valueSchema;
  }

  /** What stands before a piece. */
  private lead(): void {
    const { frame } = this;
    const { kind, index } = frame;
    frame.index = index + 1;
    if (kind === ROOT) return;
    if (kind === STRUCT) this.raw(frame.heads[index]!);
    else if (kind === OBJECT && index % 2 === 1) this.text(':');
    else if (index > 0) {
      this.reserve(1);
      this.buffer[this.length++] = COMMA;
    }
  }

  private begin(kind: number, schema: Schema | undefined, open: string, heads: readonly Uint8Array[]): void {
    if (this.isKey()) throw new DataError('a struct, an array or a map cannot be the key of a JSON object');
    if (this.frames.length >= DEPTH_MAX) throw new DataError(`a value nested more than ${DEPTH_MAX} deep`);
    this.lead();
    this.text(open);
    this.frames.push(this.frame);
    this.frame = { kind, schema, heads, index: 0 };
  }

  private end(close: string): void {
    this.text(close);
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

  private reserve(size: number): void {
    if (this.length + size <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + size));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}

function rootOf(schema: Schema | undefined): Frame {
  return { kind: ROOT, schema, heads: [], index: 0 };
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
