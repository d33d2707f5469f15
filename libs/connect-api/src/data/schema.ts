import type { Value } from './value.js';

/** Kafka Connect's value types (`org.apache.kafka.connect.data.Schema.Type`), by the names that its JSON envelope uses. */
export type SchemaType = 'int8' | 'int16' | 'int32' | 'int64' | 'float' | 'double' | 'boolean' | 'string' | 'bytes' | 'array' | 'map' | 'struct';

/** One field of a struct. */
export interface Field {
  /** Unique in its struct. */
  readonly name: string;
  /** Position among the fields; the order is part of the schema. */
  readonly index: number;
  /** Of the field's value. */
  readonly schema: Schema;
}

/** What a schema may say besides its type; all of it is optional, and all of it is part of the JSON envelope. */
export interface SchemaOptions {
  /** Whether null is allowed. Default false. */
  readonly optional?: boolean;
  /** Semantic name: `org.apache.kafka.connect.data.Decimal`, `io.debezium.time.Date`, a struct's full name … */
  readonly name?: string;
  /** A number of the maker's choice. */
  readonly version?: number;
  /** For people. */
  readonly doc?: string;
  /** In this order in the JSON envelope. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** What stands for an absent or null value; must be a value of the schema. */
  readonly default?: Value;
}

/**
 * An immutable description of a value. Build it once (per table, per task) and share it: converters and sinks keep what they
 * compute for a schema by its identity.
 */
export class Schema {
  /** True: null is a value of this schema. */
  readonly optional: boolean;
  /** Semantic name, or a struct's full name; undefined where it has none. */
  readonly name: string | undefined;
  /** Of the schema itself, chosen by whoever makes it. No rule is tied to it. */
  readonly version: number | undefined;
  /** For people. */
  readonly doc: string | undefined;
  /** What the semantic name needs, as text (`scale` of a Decimal), in the order of the JSON envelope. */
  readonly parameters: Readonly<Record<string, string>> | undefined;
  /** What stands for an absent or null value; undefined where there is none. */
  readonly default: Value | undefined;
  /** Of a struct; empty otherwise. */
  readonly fields: readonly Field[];
  private readonly fieldByName: ReadonlyMap<string, Field>;

  private constructor(
    /** How the value is held; see `Value`. */
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

  /** An array: every item is of `items`. */
  static array(items: Schema, options: SchemaOptions = {}): Schema {
    return new Schema('array', options, [], undefined, items);
  }

  /** A map. With text keys it is an object in JSON, otherwise an array of pairs. */
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
