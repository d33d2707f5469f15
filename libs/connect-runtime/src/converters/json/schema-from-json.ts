import { DataError, LazyStruct, Schema, type SchemaOptions, type SchemaType, type Value, type ValueWriter } from '@millrace/connect-api';
import type { JsonCursor } from './json-cursor.js';
import type { JsonValueReader } from './json-value-reader.js';

const PRIMITIVES: ReadonlySet<string> = new Set(['boolean', 'int8', 'int16', 'int32', 'int64', 'float', 'double', 'bytes', 'string']);

/** Consumes the JSON form of a schema; null for `null`. */
export function readSchema(cursor: JsonCursor, reader: JsonValueReader): Schema | null {
  if (cursor.acceptNull()) return null;
  return readPart(cursor, reader).schema;
}

interface Part {
  readonly schema: Schema;
  readonly fieldName: string | undefined;
}

function readPart(cursor: JsonCursor, reader: JsonValueReader): Part {
  const members = readMembers(cursor);
  const after = cursor.at;
  const go = (name: string): boolean => {
    const start = members.get(name);
    if (start !== undefined) cursor.at = start;
    return start !== undefined;
  };
  const text = (name: string): string | undefined => (go(name) && cursor.peek() === 0x22 ? cursor.text() : undefined);
  const type = text('type');
  if (type === undefined) throw new DataError("Schema must contain 'type' field");
  const bare = readBody(cursor, reader, type, go);
  const options: { -readonly [K in keyof SchemaOptions]: SchemaOptions[K] } = {
    optional: go('optional') && cursor.peek() === 0x74,
    name: text('name'),
    version: go('version') && isDigit(cursor.peek()) ? Number(cursor.tokenFrom(cursor.number())) : undefined,
    doc: text('doc'),
    parameters: go('parameters') && cursor.peek() === 0x7b ? readParameters(cursor) : undefined,
  };
  let schema = bare.with(options);
  if (go('default') && cursor.peek() !== 0x6e) schema = schema.with({ ...options, default: readLoneValue(cursor, reader, schema) });
  const fieldName = text('field');
  cursor.at = after;
  return { schema, fieldName };
}

function readBody(cursor: JsonCursor, reader: JsonValueReader, type: string, go: (name: string) => boolean): Schema {
  if (PRIMITIVES.has(type)) return Schema.of(type as Exclude<SchemaType, 'array' | 'map' | 'struct'>);
  const part = (name: string, missing: string): Schema => {
    if (!go(name) || cursor.peek() === 0x6e) throw new DataError(missing);
    return readPart(cursor, reader).schema;
  };
  switch (type) {
    case 'array':
      return Schema.array(part('items', 'Array schema did not specify the element type'));
    case 'map':
      return Schema.map(part('keys', 'Map schema did not specify the key type'), part('values', 'Map schema did not specify the value type'));
    case 'struct': {
      if (!go('fields') || !cursor.accept(0x5b)) throw new DataError('Struct schema\'s "fields" argument is not an array.');
      const fields: [string, Schema][] = [];
      if (!cursor.accept(0x5d)) {
        do {
          const field = readPart(cursor, reader);
          if (field.fieldName === undefined) throw new DataError("Struct schema's field name not specified properly");
          fields.push([field.fieldName, field.schema]);
        } while (cursor.accept(0x2c));
        cursor.expect(0x5d);
      }
      return Schema.struct(fields);
    }
    default:
      throw new DataError(`Unknown schema type: ${type}`);
  }
}

function readMembers(cursor: JsonCursor): Map<string, number> {
  const members = new Map<string, number>();
  cursor.expect(0x7b);
  if (cursor.accept(0x7d)) return members;
  do {
    const name = cursor.text();
    cursor.expect(0x3a);
    members.set(name, cursor.at);
    cursor.skip();
  } while (cursor.accept(0x2c));
  cursor.expect(0x7d);
  return members;
}

function readParameters(cursor: JsonCursor): Record<string, string> {
  const parameters: Record<string, string> = {};
  cursor.expect(0x7b);
  if (cursor.accept(0x7d)) return parameters;
  do {
    const name = cursor.text();
    cursor.expect(0x3a);
    if (cursor.peek() !== 0x22) throw new DataError('Schema parameters must have string values.');
    parameters[name] = cursor.text();
  } while (cursor.accept(0x2c));
  cursor.expect(0x7d);
  return parameters;
}

/** A value of any schema as a value: read as the only field of a struct. */
export function readLoneValue(cursor: JsonCursor, reader: JsonValueReader, schema: Schema): Value {
  return new LoneValue(cursor, reader, schema).get('value');
}

class LoneValue extends LazyStruct {
  readonly schema: Schema;

  constructor(
    private readonly cursor: JsonCursor,
    private readonly reader: JsonValueReader,
    private readonly valueSchema: Schema,
  ) {
    super();
    this.schema = Schema.struct([['value', valueSchema]]);
  }

  visit(writer: ValueWriter): void {
    writer.beginStruct(this.schema);
    this.reader.read(this.cursor, this.valueSchema, writer);
    writer.endStruct();
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
