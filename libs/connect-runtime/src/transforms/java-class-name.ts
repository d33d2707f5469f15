import { Decimal, LazyStruct, Struct, type Schema, type Value } from '@millrace/connect-api';

const NUMBER_CLASSES: Readonly<Record<string, string>> = { int8: 'Byte', int16: 'Short', int32: 'Integer', int64: 'Long', float: 'Float' };

/** The Java class that holds such a value, as messages name it; a number without a schema is a Double. */
export function javaClassName(value: Value, schema?: Schema | null): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return 'java.lang.String';
    case 'boolean':
      return 'java.lang.Boolean';
    case 'bigint':
      return 'java.lang.Long';
    case 'number':
      return `java.lang.${NUMBER_CLASSES[schema?.type ?? ''] ?? 'Double'}`;
    default:
  }
  if (value instanceof Uint8Array) return '[B';
  if (value instanceof Date) return 'java.util.Date';
  if (value instanceof Decimal) return 'java.math.BigDecimal';
  if (value instanceof Struct || value instanceof LazyStruct) return 'org.apache.kafka.connect.data.Struct';
  return Array.isArray(value) ? 'java.util.ArrayList' : 'java.util.HashMap';
}

/** Java's name of a schema type. */
export function javaTypeName(type: Schema['type']): string {
  return type === 'float' ? 'FLOAT32' : type === 'double' ? 'FLOAT64' : type.toUpperCase();
}
