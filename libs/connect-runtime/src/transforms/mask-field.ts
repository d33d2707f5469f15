import { ConfigDef, DataError, Decimal, Struct, Transformation, type ConnectRecord, type Schema, type Value } from '@millrace/connect-api';
import { javaClassName } from './java-class-name.js';
import { integralPart, javaDecimal } from './java-numbers.js';
import { requireMap, requireStruct, schemaOf, valueOf, withPart, type Part } from './record-part.js';
import { notEmptyList, notEmptyString, REPLACE_NULL_WITH_DEFAULT } from './settings.js';
import { fieldReader, put, type FieldReader } from './struct-building.js';

const PURPOSE = 'mask fields';

const CONFIG = new ConfigDef({
  fields: { kind: 'list', check: notEmptyList, importance: 'high', doc: 'Names of the fields to mask.' },
  replacement: { kind: 'string', default: null, check: notEmptyString, importance: 'low', doc: 'What takes the place of numbers and texts, instead of 0 and the empty text.' },
  ...REPLACE_NULL_WITH_DEFAULT,
});

/** Fields get a value of their type that says nothing. */
export class MaskField extends Transformation {
  private masked: ReadonlySet<string> = new Set();
  private replacement: string | null = null;
  private read: FieldReader = fieldReader(true);

  constructor(private readonly part: Part) {
    super();
  }

  config(): typeof CONFIG {
    return CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const parsed = CONFIG.parse(config);
    this.masked = new Set(parsed.fields);
    this.replacement = parsed.replacement;
    this.read = fieldReader(parsed['replace.null.with.default']);
  }

  apply(record: ConnectRecord): ConnectRecord {
    const schema = schemaOf(record, this.part);
    if (schema === null) {
      const map = new Map(requireMap(valueOf(record, this.part), PURPOSE));
      for (const name of this.masked) map.set(name, this.mask(null, map.get(name) ?? null));
      return withPart(record, this.part, null, map);
    }
    const struct = requireStruct(valueOf(record, this.part), PURPOSE);
    const target = new Struct(struct.schema);
    for (const field of struct.schema.fields) {
      const value = this.read(struct, field);
      put(target, field, this.masked.has(field.name) ? this.mask(field.schema, value) : value);
    }
    return withPart(record, this.part, schema, target);
  }

  private mask(schema: Schema | null, value: Value): Value {
    if (value === null) return null;
    return this.replacement === null ? blank(schema, value) : replaced(schema, value, this.replacement);
  }
}

function blank(schema: Schema | null, value: Value): Value {
  if (typeof value === 'boolean') return false;
  if (typeof value === 'string') return '';
  if (typeof value === 'bigint' || schema?.type === 'int64') return value instanceof Date ? new Date(0) : 0n;
  if (typeof value === 'number') return 0;
  if (value instanceof Decimal) return new Decimal(0n, value.scale);
  if (value instanceof Date) return new Date(0);
  if (Array.isArray(value)) return [];
  if (value instanceof Map) return new Map();
  throw new DataError(`Cannot mask value of type: class ${javaClassName(value, schema)}`);
}

function replaced(schema: Schema | null, value: Value, replacement: string): Value {
  if (typeof value === 'string') return replacement;
  if (value instanceof Decimal) return scaled(numberOf(replacement), value.scale);
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new DataError(`Cannot mask value of type class ${javaClassName(value, schema)} with custom replacement.`);
  const number = numberOf(replacement);
  const integral = integralPart(number);
  if (typeof value === 'bigint' || schema?.type === 'int64') return BigInt.asIntN(64, integral);
  const bits = schema?.type === 'int8' ? 8 : schema?.type === 'int16' ? 16 : schema?.type === 'int32' ? 32 : 0;
  if (bits > 0) return Number(BigInt.asIntN(bits, integral));
  return schema?.type === 'float' ? Math.fround(Number(replacement)) : Number(replacement);
}

function numberOf(text: string): Decimal {
  const number = javaDecimal(text);
  if (!number) throw new DataError(`Unable to convert ${text} (class java.lang.String) to a number`);
  return number;
}

function scaled(number: Decimal, scale: number): Decimal {
  try {
    return number.withScale(scale);
  } catch {
    throw new DataError(`${number.toString()} does not fit a field of scale ${scale}`);
  }
}
