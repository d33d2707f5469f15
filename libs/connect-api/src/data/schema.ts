import type { Value } from './value.js';

/** Kafka Connect's value types (`org.apache.kafka.connect.data.Schema.Type`), by the names that its JSON envelope uses. */
export type SchemaType = 'int8' | 'int16' | 'int32' | 'int64' | 'float' | 'double' | 'boolean' | 'string' | 'bytes' | 'array' | 'map' | 'struct';

export interface Field {
  readonly name: string;
  /** Position among the fields; the order is part of the schema. */
  readonly index: number;
  readonly schema: Schema;
}

export interface SchemaOptions {
  readonly optional?: boolean;
  /** Semantic name: `org.apache.kafka.connect.data.Decimal`, `io.debezium.time.Date`, a struct's full name … */
  readonly name?: string;
  readonly version?: number;
  readonly doc?: string;
  /** In this order in the JSON envelope. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly default?: Value;
}

/**
 * An immutable description of a value. Build it once (per table, per task) and share it: converters and sinks keep what they
 * compute for a schema by its identity.
 */
export class Schema {
  readonly optional: boolean;
  readonly name: string | undefined;
  readonly version: number | undefined;
  readonly doc: string | undefined;
  readonly parameters: Readonly<Record<string, string>> | undefined;
  readonly default: Value | undefined;
  /** Of a struct; empty otherwise. */
  readonly fields: readonly Field[];
  private readonly fieldByName: ReadonlyMap<string, Field>;

  private constructor(
    readonly type: SchemaType,
    options: SchemaOptions,
    fields: readonly Field[],
    /** Of a map. */
    readonly keySchema: Schema | undefined,
    /** Of an array or a map. */
    readonly valueSchema: Schema | undefined,
  ) {
    this.optional = options.optional ?? false;
    this.name = options.name;
    this.version = options.version;
    this.doc = options.doc;
    this.parameters = options.parameters;
    this.default = options.default;
    this.fields = fields;
    this.fieldByName = new Map(fields.map((it) => [it.name, it]));
  }

  /** A schema of a type without parts. */
  static of(type: Exclude<SchemaType, 'array' | 'map' | 'struct'>, options: SchemaOptions = {}): Schema {
    return new Schema(type, options, [], undefined, undefined);
  }

  static array(items: Schema, options: SchemaOptions = {}): Schema {
    return new Schema('array', options, [], undefined, items);
  }

  static map(keys: Schema, values: Schema, options: SchemaOptions = {}): Schema {
    return new Schema('map', options, [], keys, values);
  }

  /** Fields keep the order of the entries given. */
  static struct(fields: Readonly<Record<string, Schema>> | readonly (readonly [string, Schema])[], options: SchemaOptions = {}): Schema {
    const entries = Array.isArray(fields) ? (fields as readonly (readonly [string, Schema])[]) : Object.entries(fields as Readonly<Record<string, Schema>>);
    return new Schema(
      'struct',
      options,
      entries.map(([name, schema], index) => ({ name, index, schema })),
      undefined,
      undefined,
    );
  }

  /** The field of a struct, or undefined. */
  field(name: string): Field | undefined {
    return this.fieldByName.get(name);
  }

  /** The same schema with some options replaced. */
  with(options: SchemaOptions): Schema {
    const { optional, name, version, doc, parameters } = this;
    return new Schema(this.type, { optional, name, version, doc, parameters, default: this.default, ...options }, this.fields, this.keySchema, this.valueSchema);
  }
}
