import { ConfigDef, DataError, LazyStruct, Struct, Transformation, type ConnectRecord, type Schema, type Value } from '@millrace/connect-api';
import { javaClassName, javaTypeName } from './java-class-name.js';
import { requireMap, requireStruct, schemaOf, valueOf, withPart, type FieldMap, type Part } from './record-part.js';
import { basicsOf, DerivedSchemas, put, structSchema } from './struct-building.js';

const PURPOSE = 'flattening';

const CONFIG = new ConfigDef({
  delimiter: { kind: 'string', default: '.', importance: 'medium', doc: 'Stands between the names of nested fields.' },
});

/** Nested structs and maps become fields of the outermost. */
export class Flatten extends Transformation {
  private delimiter = '.';
  private readonly schemas = new DerivedSchemas((schema) => {
    const fields: [string, Schema][] = [];
    const standIn = schema.default instanceof Struct ? schema.default : null;
    this.flatFields(schema, '', { isOptional: schema.optional, standIn }, fields);
    return structSchema(fields, basicsOf(schema));
  });

  constructor(private readonly part: Part) {
    super();
  }

  config(): typeof CONFIG {
    return CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    this.delimiter = CONFIG.parse(config).delimiter;
  }

  apply(record: ConnectRecord): ConnectRecord {
    const value = valueOf(record, this.part);
    if (value === null) return record;
    const schema = schemaOf(record, this.part);
    if (schema === null) {
      const flat = new Map<Value, Value>();
      this.flatMap(requireMap(value, PURPOSE), '', flat);
      return withPart(record, this.part, null, flat);
    }
    const struct = requireStruct(value, PURPOSE);
    const flat = new Struct(this.schemas.of(schema));
    this.flatStruct(struct, 0, flat);
    return withPart(record, this.part, flat.schema, flat);
  }

  private flatMap(map: FieldMap, prefix: string, flat: Map<Value, Value>): void {
    for (const [key, value] of map) {
      const name = this.name(prefix, String(key));
      if (value instanceof Map) this.flatMap(value, name, flat);
      else if (value instanceof Struct || value instanceof LazyStruct) throw new DataError(`Flatten transformation does not support class ${javaClassName(value)} for record without schemas (for field ${name}).`);
      else flat.set(name, value);
    }
  }

  private flatFields(schema: Schema, prefix: string, parent: { readonly isOptional: boolean; readonly standIn: Struct | null }, fields: [string, Schema][]): void {
    for (const field of schema.fields) {
      const name = this.name(prefix, field.name);
      const isOptional = parent.isOptional || field.schema.optional;
      const standIn = field.schema.default ?? parent.standIn?.at(field.index) ?? null;
      const { type } = field.schema;
      if (type === 'struct') this.flatFields(field.schema, name, { isOptional, standIn: standIn instanceof Struct ? standIn : null }, fields);
      else if (type === 'map') throw unsupported(field.schema, name);
      else fields.push([name, field.schema.with({ optional: isOptional, default: standIn ?? undefined })]);
    }
  }

  /** The index behind the fields that are filled; those of a struct that is null stay as they are. */
  private flatStruct(struct: Struct | null, from: number, flat: Struct, schema: Schema | undefined = struct?.schema): number {
    let index = from;
    for (const field of schema?.fields ?? []) {
      if (field.schema.type === 'struct') {
        const nested = struct?.withoutDefault(field.index) ?? null;
        index = this.flatStruct(nested === null ? null : requireStruct(nested, PURPOSE), index, flat, field.schema);
      } else {
        if (struct) put(flat, flat.schema.fields[index]!, struct.at(field.index));
        index += 1;
      }
    }
    return index;
  }

  private name(prefix: string, name: string): string {
    return prefix === '' ? name : prefix + this.delimiter + name;
  }
}

function unsupported(schema: Schema, name: string): DataError {
  return new DataError(`Flatten transformation does not support ${javaTypeName(schema.type)} for record with schemas (for field ${name}).`);
}
