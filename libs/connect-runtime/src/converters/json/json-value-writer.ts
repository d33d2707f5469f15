import { bigIntFromBytes, DATE_NAME, DataError, TIME_NAME, TIMESTAMP_NAME, writeValue, type Schema, type Value, type ValueWriter } from '@millrace/connect-api';
import { StructCompiler, type CompiledStruct } from './compiled-struct.js';
import { bigDecimalText, javaDoubleText, javaFloatText } from './java-number-text.js';
import { JsonBytes } from './json-bytes.js';
import type { JsonFormat } from './json-settings.js';

const TRUE = Buffer.from('true', 'latin1');
const FALSE = Buffer.from('false', 'latin1');
const MS_PER_DAY = 86_400_000;
/** Longer strings are hardly ever the same in record after record. */
const REPEATED_MAX = 64;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Kinds of the container that is open; ROOT: a value that stands alone. */
const ROOT = 0;
const STRUCT = 1;
const ARRAY = 2;
/** A map as a JSON object: string keys. */
const OBJECT = 3;
/** A map as an array of pairs: any other keys. */
const PAIRS = 4;

/** Writes a value as the JSON payload that Java's JsonConverter writes, into one reused buffer, without an object per field. */
export class JsonValueWriter implements ValueWriter {
  readonly json = new JsonBytes();
  private readonly compiler: StructCompiler;
  private kind = ROOT;
  private index = 0;
  private compiled: CompiledStruct | undefined;
  private schema: Schema | undefined;
  private depth = 0;
  private readonly kinds: number[] = [];
  private readonly indexes: number[] = [];
  private readonly structs: (CompiledStruct | undefined)[] = [];
  private readonly schemas: (Schema | undefined)[] = [];

  constructor(private readonly format: JsonFormat) {
    this.compiler = new StructCompiler((schema) => this.defaultJson(schema));
  }

  /** Writes one whole value after what is in `json`. */
  write(schema: Schema, value: Value): void {
    this.depth = 0;
    this.kind = ROOT;
    this.index = 0;
    this.schema = schema;
    this.compiled = undefined;
    if (value === null) this.null();
    else writeValue(schema, value, this);
  }

  null(): void {
    if (this.kind === STRUCT) {
      const index = this.index++;
      const bytes = this.compiled!.nulls[index];
      if (!bytes) throw new DataError(`Conversion error: null value for field that is required and has no default value: ${this.compiled!.schema.fields[index]?.name}`);
      this.json.raw(bytes);
      return;
    }
    const bytes = this.compiler.nullJson(this.pieceSchema());
    this.lead();
    this.json.raw(bytes);
  }

  boolean(value: boolean): void {
    this.lead();
    this.json.raw(value ? TRUE : FALSE);
  }

  integer(value: number): void {
    this.lead();
    this.json.integer(value);
  }

  long(value: bigint): void {
    this.lead();
    if (value >= -9007199254740991n && value <= 9007199254740991n) this.json.integer(Number(value));
    else this.json.ascii(value.toString());
  }

  integerText(bytes: Uint8Array, start: number, end: number): void {
    this.lead();
    this.json.range(bytes, start, end);
  }

  float(value: number): void {
    const isSingle = this.pieceSchema()?.type === 'float';
    this.lead();
    const text = isSingle ? javaFloatText(value) : javaDoubleText(value);
    if (Number.isFinite(value)) this.json.ascii(text);
    else this.json.string(text);
  }

  string(value: string): void {
    if (this.kind === STRUCT && value.length <= REPEATED_MAX) return this.fieldString(value);
    this.lead();
    this.json.string(value);
  }

  utf8(bytes: Uint8Array, start: number, end: number): void {
    this.lead();
    this.json.utf8(bytes, start, end);
  }

  bytes(bytes: Uint8Array, start: number, end: number): void {
    this.lead();
    this.json.base64(bytes, start, end);
  }

  decimalText(bytes: Uint8Array, start: number, end: number): void {
    if (this.format.isNumericDecimal) {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
      const point = text.indexOf('.');
      return this.numericDecimal(BigInt(text.replace('.', '')), point < 0 ? 0 : text.length - point - 1);
    }
    this.lead();
    this.json.unscaledBase64(bytes, start, end);
  }

  decimal(unscaled: Uint8Array, scale: number): void {
    if (this.format.isNumericDecimal) return this.numericDecimal(bigIntFromBytes(unscaled), scale);
    this.lead();
    this.json.base64(unscaled, 0, unscaled.length);
  }

  date(value: Date): void {
    const name = this.pieceSchema()?.name;
    const ms = value.getTime();
    if (name === DATE_NAME) return this.integer(Math.floor(ms / MS_PER_DAY));
    if (name === TIME_NAME || name === TIMESTAMP_NAME) return this.integer(ms);
    throw new DataError(`a Date for a field that is neither Date, Time nor Timestamp`);
  }

  beginStruct(schema: Schema): boolean {
    const compiled = this.kind === STRUCT ? this.compiler.child(this.compiled!, this.index, schema) : this.compiler.of(schema);
    this.open(STRUCT, schema, compiled);
    return true;
  }

  endStruct(): void {
    if (this.index !== this.compiled!.leads.length) throw new DataError(`${this.index} of ${this.compiled!.leads.length} fields of ${this.compiled!.schema.name ?? 'a struct'} were written`);
    if (this.index === 0) this.json.byte(0x7b);
    this.json.byte(0x7d);
    this.close();
  }

  beginArray(schema: Schema): void {
    this.open(ARRAY, schema, undefined);
    this.json.byte(0x5b);
  }

  endArray(): void {
    this.json.byte(0x5d);
    this.close();
  }

  beginMap(schema: Schema): void {
    const isObject = schema.keySchema?.type === 'string';
    this.open(isObject ? OBJECT : PAIRS, schema, undefined);
    this.json.byte(isObject ? 0x7b : 0x5b);
  }

  endMap(): void {
    if (this.kind === PAIRS && this.index > 0) this.json.byte(0x5d);
    this.json.byte(this.kind === OBJECT ? 0x7d : 0x5d);
    this.close();
  }

  private fieldString(value: string): void {
    const { strings } = this.compiled!;
    const index = this.index;
    const known = strings[index];
    const isRepeated = known !== undefined && known.text === value;
    if (isRepeated && known.bytes) {
      this.index += 1;
      return this.json.raw(known.bytes);
    }
    const start = this.json.length;
    this.lead();
    this.json.string(value);
    if (isRepeated) known.bytes = Uint8Array.from(this.json.buffer.subarray(start, this.json.length));
    else if (known?.bytes === undefined) strings[index] = { text: value, bytes: undefined };
    else strings[index] = undefined;
  }

  private numericDecimal(unscaled: bigint, scale: number): void {
    this.lead();
    this.json.ascii(bigDecimalText(unscaled, scale));
  }

  private defaultJson(schema: Schema): Uint8Array | undefined {
    const fallback = schema.default;
    if (!this.format.replaceNullWithDefault || fallback === undefined || fallback === null) return undefined;
    const writer = new JsonValueWriter(this.format);
    writer.write(schema, fallback);
    return Uint8Array.from(writer.json.buffer.subarray(0, writer.json.length));
  }

  /** The schema of the piece that comes next; undefined below a schemaless value. */
  private pieceSchema(): Schema | undefined {
    switch (this.kind) {
      case STRUCT:
        return this.compiled!.schema.fields[this.index]?.schema;
      case ROOT:
        return this.schema;
      case ARRAY:
        return this.schema?.valueSchema;
      default:
        return this.index % 2 === 0 ? this.schema?.keySchema : this.schema?.valueSchema;
    }
  }

  private lead(): void {
    const index = this.index++;
    if (this.kind === STRUCT) {
      const lead = this.compiled!.leads[index];
      if (lead === undefined) throw new DataError(`more pieces than fields were written to ${this.compiled!.schema.name ?? 'a struct'}`);
      this.json.raw(lead);
    } else if (this.kind !== ROOT) this.separate(index);
  }

  private separate(index: number): void {
    const { json } = this;
    if (this.kind === ARRAY) {
      if (index > 0) json.byte(COMMA);
    } else if (this.kind === OBJECT) {
      if (index % 2 === 1) json.byte(COLON);
      else if (index > 0) json.byte(COMMA);
    } else if (index % 2 === 1) json.byte(COMMA);
    else json.ascii(index > 0 ? '],[' : '[');
  }

  private open(kind: number, schema: Schema, compiled: CompiledStruct | undefined): void {
    this.lead();
    const { depth } = this;
    this.kinds[depth] = this.kind;
    this.indexes[depth] = this.index;
    this.structs[depth] = this.compiled;
    this.schemas[depth] = this.schema;
    this.depth = depth + 1;
    this.kind = kind;
    this.index = 0;
    this.compiled = compiled;
    this.schema = schema;
  }

  private close(): void {
    const depth = --this.depth;
    this.kind = this.kinds[depth]!;
    this.index = this.indexes[depth]!;
    this.compiled = this.structs[depth];
    this.schema = this.schemas[depth];
  }
}
