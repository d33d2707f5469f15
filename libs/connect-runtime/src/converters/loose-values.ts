import { DATE_NAME, DataError, Decimal, decimalSchema, LazyStruct, Schema, TIME_NAME, TIMESTAMP_NAME, type SchemaAndValue, type SchemaType, type Value } from '@millrace/connect-api';
import { integralPart, javaDecimal } from '../transforms/java-numbers.js';
import { SimpleDateFormat } from '../transforms/simple-date-format.js';
import { bigDecimalText, javaDoubleText, javaFloatText } from './json/java-number-text.js';
import { LooseTokens } from './loose-tokens.js';

const MS_PER_DAY = 86_400_000;
/** A number of more digits than this is a text. */
const EXPONENT_MAX = 10_000;
const TIME_FORMAT = new SimpleDateFormat("HH:mm:ss.SSS'Z'");
const DATE_FORMAT = new SimpleDateFormat('yyyy-MM-dd');
const TIMESTAMP_FORMAT = new SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'");
const TIME = Schema.of('int32', { name: TIME_NAME, version: 1 });
const DATE = Schema.of('int32', { name: DATE_NAME, version: 1 });
const TIMESTAMP = Schema.of('int64', { name: TIMESTAMP_NAME, version: 1 });
const SCHEMAS = { boolean: Schema.of('boolean'), int8: Schema.of('int8'), int16: Schema.of('int16'), int32: Schema.of('int32'), int64: Schema.of('int64'), float: Schema.of('float'), double: Schema.of('double'), string: Schema.of('string') };
const NULL: SchemaAndValue = { schema: null, value: null };
/** Narrow to wide. */
const NUMBERS: readonly SchemaType[] = ['int8', 'int16', 'int32', 'int64', 'float', 'double'];

/** A text as Java's `Values.parseString` understands it: null, boolean, number of the smallest type, date and time, array, map, or else the text itself. */
export function parseLooseValue(text: string): SchemaAndValue {
  return text === '' ? { schema: SCHEMAS.string, value: text } : (parse(new LooseTokens(text), false) ?? NULL);
}

/** Undefined: null. */
function parse(tokens: LooseTokens, isEmbedded: boolean): SchemaAndValue | undefined {
  if (!tokens.hasNext()) return undefined;
  if (isEmbedded && tokens.accept('"')) return parseQuoted(tokens);
  if (acceptWord(tokens, isEmbedded, 'null')) return undefined;
  if (acceptWord(tokens, isEmbedded, 'true')) return { schema: SCHEMAS.boolean, value: true };
  if (acceptWord(tokens, isEmbedded, 'false')) return { schema: SCHEMAS.boolean, value: false };
  const start = tokens.mark();
  try {
    if (tokens.accept('[')) return parseArray(tokens);
    if (tokens.accept('{')) return parseMap(tokens);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    tokens.rewind(start);
  }
  const token = tokens.next();
  return token.trim() === '' ? { schema: SCHEMAS.string, value: token } : parseToken(tokens, isEmbedded, token.trim());
}

function acceptWord(tokens: LooseTokens, isEmbedded: boolean, word: string): boolean {
  const start = tokens.mark();
  if (tokens.accept(word) && (isEmbedded || !tokens.hasNext())) return true;
  tokens.rewind(start);
  return false;
}

function parseToken(tokens: LooseTokens, isEmbedded: boolean, token: string): SchemaAndValue {
  const isDigit = /^\d/.test(token);
  const temporal = isDigit ? parseLongTemporal(tokens, token) : undefined;
  if (temporal) return temporal;
  const number = isDigit || /^[+-]/.test(token) ? parseNumber(token) : undefined;
  if (number) return number;
  if (isEmbedded) throw new DataError('Failed to parse embedded value');
  return { schema: SCHEMAS.string, value: tokens.text };
}

/** Times hold colons, which are tokens of their own. */
function parseLongTemporal(tokens: LooseTokens, token: string): SchemaAndValue | undefined {
  const start = tokens.mark();
  const rest = tokens.take(4);
  const found = rest === undefined ? undefined : parseTemporal(token + rest);
  if (found) return found;
  tokens.rewind(start);
  return parseTemporal(token);
}

function parseTemporal(raw: string): SchemaAndValue | undefined {
  const text = raw.replaceAll('\\:', ':');
  const [schema, format] = text.length === 13 ? [TIME, TIME_FORMAT] : text.length === 24 ? [TIMESTAMP, TIMESTAMP_FORMAT] : text.length === 10 ? [DATE, DATE_FORMAT] : [];
  const ms = format?.parse(text);
  return schema === undefined || ms === undefined ? undefined : { schema, value: new Date(ms) };
}

function parseNumber(text: string): SchemaAndValue | undefined {
  const decimal = javaDecimal(text);
  if (!decimal || Math.abs(decimal.scale) > EXPONENT_MAX) return undefined;
  const whole = integralPart(decimal);
  const isWhole = decimal.scale <= 0 || whole * 10n ** BigInt(decimal.scale) === decimal.unscaled;
  if (isWhole && BigInt.asIntN(64, whole) === whole) {
    for (const [type, bits] of [['int8', 8], ['int16', 16], ['int32', 32]] as const) {
      if (BigInt.asIntN(bits, whole) === whole) return { schema: SCHEMAS[type], value: Number(whole) };
    }
    return { schema: SCHEMAS.int64, value: whole };
  }
  const double = Number(text);
  const float = Math.fround(double);
  if (decimal.scale !== 0 && Number.isFinite(float)) return { schema: SCHEMAS.float, value: float };
  if (decimal.scale !== 0 && Number.isFinite(double)) return { schema: SCHEMAS.double, value: double };
  return { schema: decimalSchema(decimal.scale), value: decimal };
}

function parseQuoted(tokens: LooseTokens): SchemaAndValue {
  let content = '';
  while (tokens.hasNext() && !tokens.accept('"')) content += tokens.next();
  return parseTemporal(content) ?? { schema: SCHEMAS.string, value: content };
}

function parseArray(tokens: LooseTokens): SchemaAndValue {
  const items: SchemaAndValue[] = [];
  while (tokens.hasNext()) {
    if (tokens.accept(']')) {
      const schema = commonSchema(items);
      return schema ? { schema: Schema.array(schema), value: items.map((it) => aligned(schema, it.value)) } : { schema: null, value: items.map(withoutSchema) };
    }
    if (tokens.accept(',')) throw new DataError(`Unable to parse an empty array element: ${tokens.text}`);
    items.push(parse(tokens, true) ?? NULL);
    const behind = tokens.mark();
    if (tokens.accept(']')) tokens.rewind(behind);
    else if (!tokens.accept(',')) throw new DataError("Array elements missing ',' delimiter");
  }
  throw new DataError(`Array is missing terminating ']': ${tokens.text}`);
}

function parseMap(tokens: LooseTokens): SchemaAndValue {
  const entries: [SchemaAndValue, SchemaAndValue][] = [];
  while (tokens.hasNext()) {
    if (tokens.accept('}')) return mapOf(entries);
    if (tokens.accept(',')) throw new DataError(`Unable to parse a map entry with no key or value: ${tokens.text}`);
    const key = parse(tokens, true);
    if (!key || key.value === null) throw new DataError(`Map entry may not have a null key: ${tokens.text}`);
    if (!tokens.accept(':')) throw new DataError(`Map entry is missing ':' in ${tokens.text}`);
    const value = parse(tokens, true) ?? NULL;
    tokens.accept(',');
    entries.push([key, value]);
  }
  throw new DataError(`Map is missing terminating '}': ${tokens.text}`);
}

function mapOf(entries: readonly (readonly [SchemaAndValue, SchemaAndValue])[]): SchemaAndValue {
  const keySchema = commonSchema(entries.map(([key]) => key));
  const valueSchema = commonSchema(entries.map(([, value]) => value));
  const isTyped = keySchema !== undefined && valueSchema !== undefined;
  const map = new Map<Value, Value>();
  for (const [key, value] of lastOfEach(entries)) {
    if (isTyped) map.set(aligned(keySchema, key.value), aligned(valueSchema, value.value));
    else map.set(withoutSchema(keySchema ? { schema: keySchema, value: aligned(keySchema, key.value) } : key), withoutSchema(value));
  }
  return { schema: isTyped ? Schema.map(keySchema, valueSchema) : null, value: map };
}

/** A key that comes again keeps its place and takes the later value. */
function lastOfEach<T>(entries: readonly (readonly [SchemaAndValue, T])[]): Iterable<readonly [SchemaAndValue, T]> {
  const byKey = new Map<Value, readonly [SchemaAndValue, T]>();
  for (const entry of entries) {
    const [{ schema, value }] = entry;
    byKey.set(value instanceof Date ? `${schema?.name ?? ''} ${value.getTime()}` : value, entry);
  }
  return byKey.values();
}

/** The schema that takes all of the values; undefined where there is none, or no value has one. */
function commonSchema(values: readonly SchemaAndValue[]): Schema | undefined {
  let common: Schema | undefined;
  for (const { schema } of values) {
    if (!schema) continue;
    if (!common || common.type === schema.type) common = schema;
    else {
      const [a, b] = [NUMBERS.indexOf(common.type), NUMBERS.indexOf(schema.type)];
      if (a < 0 || b < 0) return undefined;
      if (b > a) common = schema;
    }
  }
  return common;
}

function aligned(schema: Schema, value: Value): Value {
  if (value === null) throw new DataError('Unable to convert a null value to a schema that requires a value');
  const isTemporal = schema.name === DATE_NAME || schema.name === TIME_NAME || schema.name === TIMESTAMP_NAME;
  if (isTemporal) return value instanceof Date ? value : new Date(Number(value) * (schema.name === DATE_NAME ? MS_PER_DAY : 1));
  if (NUMBERS.includes(schema.type)) {
    if (value instanceof Date) throw new DataError('Unable to convert a date to a number');
    if (schema.type === 'int64') return BigInt(value as number | bigint);
    return schema.type === 'float' ? Math.fround(Number(value)) : Number(value);
  }
  return value;
}

/** Without a schema integers are bigint, all the way down. */
function withoutSchema({ schema, value }: { readonly schema: Schema | null | undefined; readonly value: Value }): Value {
  if (typeof value === 'number') return schema?.type.startsWith('int') ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((item) => withoutSchema({ schema: schema?.valueSchema, value: item }));
  if (!(value instanceof Map)) return value;
  return new Map([...value].map(([key, item]) => [withoutSchema({ schema: schema?.keySchema, value: key }), withoutSchema({ schema: schema?.valueSchema, value: item })]));
}

/** A value as Java's `Values.convertToString` writes it; texts and bytes inside others are quoted. */
export function looseText(schema: Schema | null | undefined, value: Value, isEmbedded = false): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return isEmbedded ? `"${value.replace(/(["\\])/g, '\\$1')}"` : value;
  if (typeof value === 'number') return schema?.type.startsWith('int') ? String(value) : schema?.type === 'float' ? javaFloatText(value) : javaDoubleText(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof Uint8Array) {
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
    return isEmbedded ? `"${text}"` : text;
  }
  if (value instanceof Date) return javaDateText(value);
  if (value instanceof Decimal) return bigDecimalText(value.unscaled, value.scale);
  if (Array.isArray(value)) return `[${value.map((item) => looseText(schema?.valueSchema, item, true)).join(',')}]`;
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${looseText(schema?.keySchema, key, true)}:${looseText(schema?.valueSchema, item, true)}`).join(',')}}`;
  const struct = value instanceof LazyStruct ? value.toStruct() : value;
  return `{${struct.schema.fields.map((field) => `${looseText(null, field.name, true)}:${looseText(field.schema, struct.at(field.index), true)}`).join(',')}}`;
}

/** A date as Java's `Values` writes it (in UTC): a time of day, a day, or both. */
export function javaDateText(value: Date): string {
  const ms = value.getTime();
  if (ms < MS_PER_DAY) return TIME_FORMAT.format(ms);
  return (ms % MS_PER_DAY === 0 ? DATE_FORMAT : TIMESTAMP_FORMAT).format(ms);
}
