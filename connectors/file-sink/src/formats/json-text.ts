import { DATE_NAME, DataError, Decimal, LazyStruct, type Schema, Struct, TIME_NAME, type Value, type ValueWriter, writeValue } from '@millrace/connect-api';

interface Frame {
  readonly schema: Schema;
  /** Of a struct: `"name":` by position. A map with text keys is an object, any other an array of pairs, as in Connect's JSON. */
  readonly kind: 'struct' | 'array' | 'object' | 'pairs';
  readonly names: readonly string[];
  next: number;
}

const NO_NAMES: readonly string[] = [];
const namesBySchema = new WeakMap<Schema, readonly string[]>();

/** Writes values as JSON text: integers digit by digit, decimals as text (exact), bytes as base64, times in ISO 8601. */
export class JsonText implements ValueWriter {
  private text = '';
  private readonly frames: Frame[] = [];
  private top: Frame | undefined;
  private root: Schema | null = null;

  /** One value as a JSON text without line breaks. Throws DataError for a value that does not fit its schema. */
  static of(schema: Schema | null, value: Value): string {
    return new JsonText().render(schema, value);
  }

  render(schema: Schema | null, value: Value): string {
    this.text = '';
    this.frames.length = 0;
    this.top = undefined;
    this.root = schema;
    if (schema === null) this.any(value);
    else writeValue(schema, value, this);
    return this.text;
  }

  null(): void {
    this.piece('null');
  }
  boolean(value: boolean): void {
    this.piece(value ? 'true' : 'false');
  }
  integer(value: number): void {
    this.piece(String(value));
  }
  long(value: bigint): void {
    this.piece(value.toString());
  }
  integerText(bytes: Uint8Array, start: number, end: number): void {
    this.piece(slice(bytes, start, end));
  }
  float(value: number): void {
    // JSON has no word for NaN and the infinities.
    this.piece(Number.isFinite(value) ? String(value) : `"${value}"`);
  }
  string(value: string): void {
    this.piece(JSON.stringify(value));
  }
  utf8(bytes: Uint8Array, start: number, end: number): void {
    this.piece(JSON.stringify(slice(bytes, start, end)));
  }
  bytes(bytes: Uint8Array, start: number, end: number): void {
    this.piece(`"${Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('base64')}"`);
  }
  decimalText(bytes: Uint8Array, start: number, end: number): void {
    this.piece(`"${slice(bytes, start, end)}"`);
  }
  decimal(unscaled: Uint8Array, scale: number): void {
    this.piece(`"${Decimal.fromBytes(unscaled, scale).toString()}"`);
  }
  date(value: Date): void {
    this.piece(`"${isoText(value, this.pieceSchema()?.name)}"`);
  }

  beginStruct(schema: Schema): boolean {
    this.piece('{');
    let names = namesBySchema.get(schema);
    if (names === undefined) namesBySchema.set(schema, (names = schema.fields.map((it) => `${JSON.stringify(it.name)}:`)));
    this.push({ schema, kind: 'struct', names, next: 0 });
    return true;
  }
  endStruct(): void {
    this.pop('}');
  }
  beginArray(schema: Schema): void {
    this.piece('[');
    this.push({ schema, kind: 'array', names: NO_NAMES, next: 0 });
  }
  endArray(): void {
    this.pop(']');
  }
  beginMap(schema: Schema): void {
    const kind = schema.keySchema?.type === 'string' ? 'object' : 'pairs';
    this.piece(kind === 'object' ? '{' : '[');
    this.push({ schema, kind, names: NO_NAMES, next: 0 });
  }
  endMap(): void {
    const { kind, next } = this.frames[this.frames.length - 1] ?? { kind: 'object', next: 0 };
    if (kind === 'pairs' && next > 0) this.text += ']';
    this.pop(kind === 'pairs' ? ']' : '}');
  }

  private push(frame: Frame): void {
    this.frames.push(frame);
    this.top = frame;
  }

  private pop(end: string): void {
    this.text += end;
    this.frames.pop();
    this.top = this.frames[this.frames.length - 1];
  }

  /** Adds a piece with what must stand before it. */
  private piece(text: string): void {
    const { top } = this;
    if (top === undefined) {
      this.text += text;
      return;
    }
    const at = top.next++;
    switch (top.kind) {
      case 'struct':
        this.text += (at === 0 ? '' : ',') + (top.names[at] ?? '') + text;
        return;
      case 'array':
        this.text += at === 0 ? text : `,${text}`;
        return;
      case 'object':
        this.text += at % 2 === 1 ? `:${text}` : at === 0 ? text : `,${text}`;
        return;
      case 'pairs':
        this.text += at % 2 === 1 ? `,${text}` : at === 0 ? `[${text}` : `],[${text}`;
    }
  }

  private pieceSchema(): Schema | undefined {
    const { top } = this;
    if (top === undefined) return this.root ?? undefined;
    if (top.kind === 'struct') return top.schema.fields[top.next]?.schema;
    return top.kind !== 'array' && top.next % 2 === 0 ? top.schema.keySchema : top.schema.valueSchema;
  }

  /** A value without a schema. */
  private any(value: Value): void {
    if (value instanceof Struct || value instanceof LazyStruct) {
      this.text += new JsonText().render(value.schema, value);
    } else if (Array.isArray(value)) {
      this.text += '[';
      value.forEach((it, i) => {
        if (i > 0) this.text += ',';
        this.any(it);
      });
      this.text += ']';
    } else if (value instanceof Map) {
      let lead = '{';
      for (const [key, item] of value) {
        this.text += `${lead}${JSON.stringify(typeof key === 'string' ? key : scalarText(key))}:`;
        this.any(item);
        lead = ',';
      }
      this.text += lead === '{' ? '{}' : '}';
    } else if (value === null || typeof value === 'boolean' || typeof value === 'bigint') {
      this.text += String(value);
    } else if (typeof value === 'number') {
      this.text += Number.isFinite(value) ? String(value) : `"${value}"`;
    } else {
      this.text += JSON.stringify(scalarText(value));
    }
  }
}

/** A value without parts as text: base64 of bytes, ISO 8601 of times. Throws DataError for one with parts. */
export function scalarText(value: Value, schema?: Schema | null): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (value instanceof Date) return isoText(value, schema?.name);
  if (value instanceof Decimal) return value.toString();
  if (value === null || typeof value !== 'object') return String(value);
  throw new DataError('a value with parts where a plain one is needed');
}

function isoText(value: Date, name: string | undefined): string {
  if (Number.isNaN(value.getTime())) throw new DataError('a time that is none');
  const text = value.toISOString();
  if (name === DATE_NAME) return text.slice(0, text.indexOf('T'));
  return name === TIME_NAME ? text.slice(text.indexOf('T') + 1, -1) : text;
}

function slice(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
