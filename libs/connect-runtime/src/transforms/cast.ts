import { ConfigDef, ConfigError, DATE_NAME, DataError, Decimal, Schema, Struct, TIME_NAME, TIMESTAMP_NAME, Transformation, type ConnectRecord, type SchemaType, type Value } from '@millrace/connect-api';
import { bigDecimalText, javaDoubleText, javaFloatText } from '../converters/json/java-number-text.js';
import { javaDateText } from '../converters/loose-values.js';
import { javaClassName, javaTypeName } from './java-class-name.js';
import { floatOf, integralPart, javaDouble, narrowedFloat } from './java-numbers.js';
import { requireMap, requireStruct, schemaOf, valueOf, withPart, type Part } from './record-part.js';
import { REPLACE_NULL_WITH_DEFAULT } from './settings.js';
import { basicsOf, DerivedSchemas, fieldReader, put, structSchema, type FieldReader } from './struct-building.js';

const PURPOSE = 'cast types';
const MS_PER_DAY = 86_400_000;
const INTEGER_BITS = { int8: 8, int16: 16, int32: 32, int64: 64 } as const;
const OUTPUTS = { INT8: 'int8', INT16: 'int16', INT32: 'int32', INT64: 'int64', FLOAT32: 'float', FLOAT64: 'double', BOOLEAN: 'boolean', STRING: 'string' } as const;
const NO_OUTPUTS: ReadonlySet<string> = new Set(['BYTES', 'ARRAY', 'MAP', 'STRUCT']);
type Target = (typeof OUTPUTS)[keyof typeof OUTPUTS];

const CONFIG = new ConfigDef({
  spec: { kind: 'list', check: specProblem, importance: 'high', doc: 'Fields and their new types as field:type; or one type for the whole key or value: int8, int16, int32, int64, float32, float64, boolean, string.' },
  ...REPLACE_NULL_WITH_DEFAULT,
});

function specProblem(spec: readonly string[]): string | undefined {
  try {
    parseSpec(spec);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Null: the whole key or value. */
function parseSpec(spec: readonly string[]): Map<string | null, Target> {
  if (spec.length === 0) throw new ConfigError('Must specify at least one field to cast.');
  const casts = new Map<string | null, Target>();
  for (const text of spec) {
    const parts = text.split(':');
    if (parts.length > 2) throw new ConfigError(`Invalid rename mapping: ${text}`);
    const [name, type] = parts.length === 1 ? [null, parts[0] ?? ''] : [(parts[0] ?? '').trim(), parts[1] ?? ''];
    casts.set(name, targetOf(type.trim()));
  }
  if (casts.has(null) && spec.length > 1) throw new ConfigError('Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec');
  return casts;
}

function targetOf(text: string): Target {
  const name = text.toUpperCase();
  if (name in OUTPUTS) return OUTPUTS[name as keyof typeof OUTPUTS];
  if (NO_OUTPUTS.has(name)) throw new ConfigError(`Cast transformation does not support casting to ${name}; supported types are [${Object.keys(OUTPUTS).join(', ')}]`);
  throw new ConfigError(`Invalid type found in casting spec: ${text}`);
}

/** Changes the types of fields, or of the whole key or value. */
export class Cast extends Transformation {
  private casts: ReadonlyMap<string | null, Target> = new Map();
  private whole: Target | undefined;
  private read: FieldReader = fieldReader(true);
  private readonly schemas = new DerivedSchemas((schema) => this.castSchema(schema));

  constructor(private readonly part: Part) {
    super();
  }

  config(): typeof CONFIG {
    return CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const parsed = CONFIG.parse(config);
    this.casts = parseSpec(parsed.spec);
    this.whole = this.casts.get(null);
    this.read = fieldReader(parsed['replace.null.with.default']);
  }

  apply(record: ConnectRecord): ConnectRecord {
    const value = valueOf(record, this.part);
    if (value === null) return record;
    const schema = schemaOf(record, this.part);
    return schema === null ? this.withoutSchema(record, value) : this.withSchema(record, schema, value);
  }

  private withoutSchema(record: ConnectRecord, value: Value): ConnectRecord {
    if (this.whole) return withPart(record, this.part, null, loose(castValue(null, value, this.whole), this.whole));
    const map = new Map(requireMap(value, PURPOSE));
    for (const [name, target] of this.casts) map.set(name, loose(castValue(null, map.get(name) ?? null, target), target));
    return withPart(record, this.part, null, map);
  }

  private withSchema(record: ConnectRecord, schema: Schema, value: Value): ConnectRecord {
    const updated = this.schemas.of(schema);
    if (this.whole) return withPart(record, this.part, updated, castValue(schema, value, this.whole));
    const struct = requireStruct(value, PURPOSE);
    const target = new Struct(updated);
    for (const field of struct.schema.fields) {
      const cast = this.casts.get(field.name);
      const own = this.read(struct, field);
      put(target, updated.fields[field.index]!, cast ? castValue(field.schema, own, cast) : own);
    }
    return withPart(record, this.part, updated, target);
  }

  private castSchema(schema: Schema): Schema {
    const { optional } = schema;
    if (this.whole) return Schema.of(this.whole, { ...basicsOf(schema), optional, default: castDefault(schema, this.whole) });
    const fields = schema.fields.map((field) => {
      const cast = this.casts.get(field.name);
      return [field.name, cast ? Schema.of(cast, { optional: field.schema.optional, default: castDefault(field.schema, cast) }) : field.schema] as const;
    });
    if (schema.default !== undefined && schema.default !== null) checkInput(schema.type);
    return structSchema(fields, { ...basicsOf(schema), optional });
  }
}

function castDefault(schema: Schema, target: Target): Value | undefined {
  return schema.default === undefined || schema.default === null ? undefined : castValue(schema, schema.default, target);
}

/** Without a schema a bigint is an integer and a number a floating-point value. */
function loose(value: Value, target: Target): Value {
  return typeof value === 'number' && target.startsWith('int') ? BigInt(value) : value;
}

function castValue(schema: Schema | null, value: Value, target: Target): Value {
  if (value === null) return null;
  checkInput(schema?.type ?? looseType(value));
  if (target === 'string') return castText(schema, value);
  const plain = schema?.name === undefined ? value : withoutLogicalType(schema, value);
  if (target === 'boolean') return castBoolean(schema, plain);
  if (target === 'float' || target === 'double') {
    if (target === 'float' && typeof plain === 'bigint') return floatOf(plain);
    const number = castFloat(schema, plain);
    return target === 'float' ? Math.fround(number) : number;
  }
  const integer = castInteger(schema, plain, INTEGER_BITS[target]);
  return target === 'int64' ? integer : Number(integer);
}

function castInteger(schema: Schema | null, value: Value, bits: 8 | 16 | 32 | 64): bigint {
  if (typeof value === 'string') {
    const integer = /^[+-]?\d+$/.test(value) ? BigInt(value.replace('+', '')) : undefined;
    if (integer === undefined || BigInt.asIntN(bits, integer) !== integer) throw outOfRange(value);
    return integer;
  }
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'bigint') return BigInt.asIntN(bits, value);
  if (value instanceof Decimal) return BigInt.asIntN(bits, integralPart(value));
  if (typeof value !== 'number') throw unexpected(schema, value);
  return isFloat(schema) ? narrowedFloat(value, bits) : BigInt.asIntN(bits, BigInt(value));
}

function castFloat(schema: Schema | null, value: Value): number {
  if (typeof value === 'string') {
    const number = javaDouble(value);
    if (number === undefined) throw outOfRange(value);
    return number;
  }
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (value instanceof Decimal) return Number(`${value.unscaled}e${-value.scale}`);
  throw unexpected(schema, value);
}

function castBoolean(schema: Schema | null, value: Value): boolean {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') return value.toLowerCase() === 'true';
  return castInteger(schema, value, 64) !== 0n;
}

function castText(schema: Schema | null, value: Value): string {
  if (value instanceof Date) return javaDateText(value);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (value instanceof Decimal) return bigDecimalText(value.unscaled, value.scale);
  if (typeof value !== 'number') return String(value as string | bigint | boolean);
  return schema?.type === 'float' ? javaFloatText(value) : isFloat(schema) ? javaDoubleText(value) : String(value);
}

function withoutLogicalType({ name }: Schema, value: Value): Value {
  if (!(value instanceof Date)) return value;
  if (name === DATE_NAME) return Math.floor(value.getTime() / MS_PER_DAY);
  return name === TIMESTAMP_NAME ? BigInt(value.getTime()) : name === TIME_NAME ? value.getTime() : value;
}

function isFloat(schema: Schema | null): boolean {
  return schema === null || schema.type === 'float' || schema.type === 'double';
}

function looseType(value: Value): SchemaType {
  if (typeof value === 'bigint') return 'int64';
  if (typeof value === 'number') return 'double';
  if (typeof value === 'string' || typeof value === 'boolean') return typeof value as 'string' | 'boolean';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'array';
  if (value instanceof Map) return 'map';
  throw new DataError(`Cast transformation was passed a value of type class ${javaClassName(value)} which is not supported by Connect's data API`);
}

function checkInput(type: SchemaType): void {
  if (type !== 'array' && type !== 'map' && type !== 'struct') return;
  throw new DataError(`Cast transformation does not support casting from ${javaTypeName(type)}; supported types are [INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]`);
}

function outOfRange(value: string): DataError {
  return new DataError(`Value (${value}) was out of range for requested data type`);
}

function unexpected(schema: Schema | null, value: Value): DataError {
  return new DataError(`Unexpected type in Cast transformation: class ${javaClassName(value, schema)}`);
}
