import { DataError } from '../errors.js';
import { Decimal } from './decimal.js';
import type { Schema } from './schema.js';
import type { Value } from './value.js';
import type { ValueWriter } from './value-writer.js';

/** Writes a value of this schema, and checks it: a value of another type, or null where the schema is neither optional nor has a default, throws DataError. */
export function writeValue(schema: Schema, value: Value | undefined, writer: ValueWriter): void {
  const it = value ?? schema.default ?? null;
  if (it === null) {
    if (!schema.optional) throw new DataError(`null for a required ${describe(schema)}`);
    writer.null();
    return;
  }
  switch (schema.type) {
    case 'int8':
    case 'int16':
    case 'int32':
      if (typeof it === 'number') return writer.integer(it);
      if (it instanceof Date) return writer.date(it);
      break;
    case 'int64':
      if (typeof it === 'bigint') return writer.long(it);
      if (typeof it === 'number') return writer.integer(it);
      if (it instanceof Date) return writer.date(it);
      break;
    case 'float':
    case 'double':
      if (typeof it === 'number') return writer.float(it);
      break;
    case 'boolean':
      if (typeof it === 'boolean') return writer.boolean(it);
      break;
    case 'string':
      if (typeof it === 'string') return writer.string(it);
      break;
    case 'bytes':
      if (it instanceof Uint8Array) return writer.bytes(it, 0, it.length);
      if (it instanceof Decimal) return writer.decimal(it.toBytes(), it.scale);
      break;
    case 'struct':
      if (typeof it === 'object' && 'visit' in it) return it.visit(writer);
      break;
    case 'array':
      if (Array.isArray(it)) {
        writer.beginArray(schema, it.length);
        for (const item of it) writeValue(schema.valueSchema!, item, writer);
        return writer.endArray();
      }
      break;
    case 'map':
      if (it instanceof Map) {
        writer.beginMap(schema, it.size);
        for (const [key, item] of it) {
          writeValue(schema.keySchema!, key, writer);
          writeValue(schema.valueSchema!, item, writer);
        }
        return writer.endMap();
      }
      break;
  }
  throw new DataError(`a ${it instanceof Object ? it.constructor.name : typeof it} for a ${describe(schema)}`);
}

function describe(schema: Schema): string {
  return schema.name === undefined ? schema.type : `${schema.type} (${schema.name})`;
}
