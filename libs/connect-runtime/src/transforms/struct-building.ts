import { DataError, Schema, type Struct, type Field, type SchemaOptions, type Value } from '@millrace/connect-api';
import { javaTypeName } from './java-class-name.js';

/** Schemas derived from other schemas, each made once: what comes behind keeps what it derives by identity as well. */
export class DerivedSchemas<T = Schema> {
  private readonly bySchema = new WeakMap<Schema, T>();

  constructor(private readonly derive: (schema: Schema) => T) {}

  of(schema: Schema): T {
    let derived = this.bySchema.get(schema);
    if (derived === undefined) this.bySchema.set(schema, (derived = this.derive(schema)));
    return derived;
  }
}

/** What Java's SchemaUtil copies: not whether it is optional, and no default. */
export function basicsOf({ name, version, doc, parameters }: Schema): SchemaOptions {
  return { name, version, doc, parameters };
}

/** Throws DataError where a name comes twice. */
export function structSchema(fields: readonly (readonly [string, Schema])[], options: SchemaOptions = {}): Schema {
  const names = new Set<string>();
  for (const [name] of fields) {
    if (names.has(name)) throw new DataError(`Cannot create field because of field name duplication ${name}`);
    names.add(name);
  }
  return Schema.struct(fields, options);
}

/** Sets a field as Java's Struct does: null only where the field is optional. */
export function put(struct: Struct, field: Field, value: Value): void {
  if (value === null && !field.schema.optional) throw new DataError(`Invalid value: null used for required field: "${field.name}", schema type: ${javaTypeName(field.schema.type)}`);
  struct.setAt(field.index, value);
}

/** The fields' values, with defaults standing in for null or not. */
export type FieldReader = (struct: Struct, field: Field) => Value;

export function fieldReader(replacesNullWithDefault: boolean): FieldReader {
  return replacesNullWithDefault ? (struct, field) => struct.at(field.index) : (struct, field) => struct.withoutDefault(field.index);
}
