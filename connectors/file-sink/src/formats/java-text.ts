import { Decimal, LazyStruct, type Schema, Struct, type Value } from '@millrace/connect-api';

/** What Java's `String.valueOf` makes of a Connect value: the lines of Kafka's own file sink. */
export function javaText(value: Value, schema?: Schema | null): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'number':
      return schema === null || schema === undefined || schema.type === 'double' || schema.type === 'float' ? javaDouble(value) : String(value);
    default:
  }
  if (value instanceof Struct || value instanceof LazyStruct) return structText(value instanceof Struct ? value : value.toStruct());
  if (Array.isArray(value)) return `[${value.map((it) => javaText(it, schema?.valueSchema ?? null)).join(', ')}]`;
  if (value instanceof Map) return `{${[...value].map(([key, it]) => `${javaText(key, schema?.keySchema ?? null)}=${javaText(it, schema?.valueSchema ?? null)}`).join(', ')}}`;
  if (value instanceof Decimal) return value.toString();
  if (value instanceof Date) return dateText(value);
  // Java prints an array's address; the bytes themselves serve better.
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
}

function structText(value: Struct): string {
  const parts: string[] = [];
  for (const { name, index, schema } of value.schema.fields) {
    const item = value.at(index);
    if (item !== null) parts.push(`${name}=${javaText(item, schema)}`);
  }
  return `Struct{${parts.join(',')}}`;
}

function javaDouble(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return '-0.0';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [digits = '', exponent = '0'] = value.toExponential().split('e');
    return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** java.util.Date in UTC. */
function dateText(day: Date): string {
  const two = (it: number): string => String(it).padStart(2, '0');
  return `${DAYS[day.getUTCDay()] ?? ''} ${MONTHS[day.getUTCMonth()] ?? ''} ${two(day.getUTCDate())} ${two(day.getUTCHours())}:${two(day.getUTCMinutes())}:${two(day.getUTCSeconds())} UTC ${day.getUTCFullYear()}`;
}
