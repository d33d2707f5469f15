import { ConfigDef, ConfigError, DataError, DATE_NAME, Schema, Struct, TIME_NAME, TIMESTAMP_NAME, Transformation, type ConnectRecord, type Value } from '@millrace/connect-api';
import { javaClassName, javaTypeName } from './java-class-name.js';
import { requireMap, requireStruct, schemaOf, valueOf, withPart, type Part } from './record-part.js';
import { REPLACE_NULL_WITH_DEFAULT } from './settings.js';
import { SimpleDateFormat } from './simple-date-format.js';
import { basicsOf, DerivedSchemas, fieldReader, put, structSchema, type FieldReader } from './struct-building.js';

const PURPOSE = 'converting timestamp formats';
const MS_PER_DAY = 86_400_000;
/** JavaScript's dates. */
const DATE_MS_MAX = 8.64e15;
type Kind = 'string' | 'unix' | 'Date' | 'Time' | 'Timestamp';

const CONFIG = new ConfigDef({
  field: { kind: 'string', default: '', importance: 'high', doc: 'The field with the time; empty when the whole key or value is one.' },
  'target.type': { kind: 'string', oneOf: ['string', 'unix', 'Date', 'Time', 'Timestamp'], importance: 'high', doc: 'What the time becomes.' },
  format: { kind: 'string', default: '', importance: 'medium', doc: 'How texts look, in UTC, as java.text.SimpleDateFormat understands it.' },
  'unix.precision': { kind: 'string', default: 'milliseconds', oneOf: ['nanoseconds', 'microseconds', 'milliseconds', 'seconds'], importance: 'low', doc: 'The unit of unix times.' },
  ...REPLACE_NULL_WITH_DEFAULT,
});

const SCHEMAS: Readonly<Record<Kind, Schema>> = {
  string: Schema.of('string'),
  unix: Schema.of('int64'),
  Date: Schema.of('int32', { name: DATE_NAME, version: 1 }),
  Time: Schema.of('int32', { name: TIME_NAME, version: 1 }),
  Timestamp: Schema.of('int64', { name: TIMESTAMP_NAME, version: 1 }),
};
const OPTIONAL_SCHEMAS = Object.fromEntries(Object.entries(SCHEMAS).map(([kind, schema]) => [kind, schema.with({ optional: true })])) as Readonly<Record<Kind, Schema>>;

/** Milliseconds to a unit and back: Java's TimeUnit cuts towards zero and stays within a long. */
const UNITS: Readonly<Record<string, { readonly toMs: (value: bigint) => bigint; readonly fromMs: (ms: bigint) => bigint }>> = {
  seconds: { toMs: (it) => saturated(it * 1000n), fromMs: (ms) => ms / 1000n },
  milliseconds: { toMs: (it) => it, fromMs: (ms) => ms },
  microseconds: { toMs: (it) => it / 1000n, fromMs: (ms) => saturated(ms * 1000n) },
  nanoseconds: { toMs: (it) => it / 1_000_000n, fromMs: (ms) => saturated(ms * 1_000_000n) },
};

function saturated(value: bigint): bigint {
  const most = 2n ** 63n - 1n;
  return value > most ? most : value < -most - 1n ? -most - 1n : value;
}

/** Brings times from one form into another: texts, unix times, Connect's Date, Time and Timestamp. */
export class TimestampConverter extends Transformation {
  private field = '';
  private target: Kind = 'Timestamp';
  private format: SimpleDateFormat | undefined;
  private unit = UNITS.milliseconds!;
  private read: FieldReader = fieldReader(true);
  private readonly schemas = new DerivedSchemas((schema) => this.convertedSchema(schema));

  constructor(private readonly part: Part) {
    super();
  }

  config(): typeof CONFIG {
    return CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const parsed = CONFIG.parse(config);
    this.field = parsed.field;
    this.target = parsed['target.type'] as Kind;
    this.unit = UNITS[parsed['unix.precision']]!;
    this.read = fieldReader(parsed['replace.null.with.default']);
    if (parsed.format !== '') this.format = formatOf(parsed.format);
    else if (this.target === 'string') throw new ConfigError('TimestampConverter requires format option to be specified when using string timestamps', 'format');
  }

  apply(record: ConnectRecord): ConnectRecord {
    const schema = schemaOf(record, this.part);
    const value = valueOf(record, this.part);
    if (schema === null) return withPart(record, this.part, null, this.withoutSchema(value));
    if (this.field === '') return withPart(record, this.part, this.targetSchema(schema.optional), this.convert(value, kindOf(schema), schema));
    const struct = value === null ? null : requireStruct(value, PURPOSE);
    const updated = this.schemas.of(schema);
    return withPart(record, this.part, updated, struct === null ? null : this.converted(struct, updated));
  }

  private withoutSchema(value: Value): Value {
    if (value === null) return null;
    if (this.field === '') return this.convert(value, looseKindOf(value), null);
    const map = new Map(requireMap(value, PURPOSE));
    const own = map.get(this.field) ?? null;
    map.set(this.field, own === null ? null : this.convert(own, looseKindOf(own), null));
    return map;
  }

  private converted(struct: Struct, updated: Schema): Struct {
    const target = new Struct(updated);
    for (const field of struct.schema.fields) {
      const own = this.read(struct, field);
      put(target, updated.fields[field.index]!, field.name === this.field ? this.convert(own, kindOf(field.schema), field.schema) : own);
    }
    return target;
  }

  private convertedSchema(schema: Schema): Schema {
    const fields = schema.fields.map((it) => [it.name, it.name === this.field ? this.targetSchema(it.schema.optional) : it.schema] as const);
    const updated = structSchema(fields, { ...basicsOf(schema), optional: schema.optional });
    return schema.default instanceof Struct ? updated.with({ ...basicsOf(schema), optional: schema.optional, default: this.converted(schema.default, updated) }) : updated;
  }

  private targetSchema(isOptional: boolean): Schema {
    return (isOptional ? OPTIONAL_SCHEMAS : SCHEMAS)[this.target];
  }

  private convert(value: Value, kind: Kind, schema: Schema | null): Value {
    if (value === null) return null;
    const ms = this.epochMs(value, kind, schema);
    if (Math.abs(ms) > DATE_MS_MAX) throw new DataError(`${ms} milliseconds since 1970 are beyond what a date can be`);
    switch (this.target) {
      case 'string':
        return this.format!.format(ms);
      case 'unix':
        return this.unit.fromMs(BigInt(ms));
      case 'Date':
        return new Date(Math.floor(ms / MS_PER_DAY) * MS_PER_DAY);
      case 'Time':
        return new Date(ms - Math.floor(ms / MS_PER_DAY) * MS_PER_DAY);
      case 'Timestamp':
        return new Date(ms);
    }
  }

  private epochMs(value: Value, kind: Kind, schema: Schema | null): number {
    if (kind === 'string') {
      if (typeof value !== 'string') throw new DataError(`Expected string timestamp to be a String, but found class ${javaClassName(value, schema)}`);
      if (!this.format) throw new DataError('TimestampConverter requires format option to be specified when using string timestamps');
      const ms = this.format.parse(value);
      if (ms === undefined) throw new DataError(`Could not parse timestamp: value (${value}) does not match pattern (${this.format.pattern})`);
      return ms;
    }
    if (kind === 'unix') {
      if (typeof value !== 'bigint' && typeof value !== 'number') throw new DataError(`Expected Unix timestamp to be a Long, but found class ${javaClassName(value, schema)}`);
      return Number(this.unit.toMs(BigInt(value)));
    }
    if (!(value instanceof Date)) throw new DataError(`Expected ${kind} to be a java.util.Date, but found class ${javaClassName(value, schema)}`);
    return value.getTime();
  }
}

function formatOf(pattern: string): SimpleDateFormat {
  try {
    return new SimpleDateFormat(pattern);
  } catch (error) {
    throw Object.assign(new ConfigError(`TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: ${pattern}`, 'format'), { cause: error });
  }
}

function kindOf(schema: Schema): Kind {
  if (schema.name === TIMESTAMP_NAME) return 'Timestamp';
  if (schema.name === DATE_NAME) return 'Date';
  if (schema.name === TIME_NAME) return 'Time';
  if (schema.type === 'string') return 'string';
  if (schema.type === 'int64') return 'unix';
  throw new DataError(`Schema Schema{${schema.name === undefined ? '' : `${schema.name}:`}${javaTypeName(schema.type)}} does not correspond to a known timestamp type format`);
}

function looseKindOf(value: Value): Kind {
  if (value instanceof Date) return 'Timestamp';
  if (typeof value === 'bigint') return 'unix';
  if (typeof value === 'string') return 'string';
  throw new DataError(`TimestampConverter does not support class ${javaClassName(value)} objects as timestamps`);
}
