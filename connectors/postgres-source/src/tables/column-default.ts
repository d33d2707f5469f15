import { Decimal, LazyStruct, Schema, type Value, type ValueWriter } from '@millrace/connect-api';
import type { TypeMapping } from '../columns/encoders/encode.js';
import { numericScale } from '../columns/type-mapping.js';
import type { PgType } from '../columns/type-registry.js';

/** What stands in the schema for a default that is an expression: Debezium's values, as PostgreSQL would write them. */
const GENERATED: Readonly<Record<string, string>> = {
  bit: '00',
  varbit: '0',
  bool: 'f',
  bpchar: '',
  varchar: '',
  text: '',
  numeric: '0.0',
  float4: '0.0',
  float8: '0.0',
  int2: '0',
  int4: '0',
  int8: '0',
  json: '{}',
  jsonb: '{}',
  xml: '',
  uuid: '00000000-0000-0000-0000-000000000000',
  date: '1970-01-01',
  time: '00:00:00',
  timestamp: '1970-01-01 00:00:00',
  timestamptz: '1970-01-01 00:00:00+00',
  interval: '00:00:00',
};

const FUNCTION_CALL = /^\(?[A-Za-z0-9_.]+\((?:.+(?:, ?.+)*)?\)/;
const CLOCKS = /^(?:current_timestamp|current_time|current_date|localtime|localtimestamp)(?:\(\d\))?$/i;
const LITERAL = /'([^']*(?:''[^']*)*)'/;

/** The default of a column as a value of its schema, or undefined when there is none that a schema can hold. */
export function columnDefault(type: PgType, mapping: TypeMapping, column: { readonly defaultExpression: string | null; readonly typeModifier: number }): Value | undefined {
  const expression = column.defaultExpression;
  if (expression === null) return undefined;
  const text = defaultText(type, expression);
  if (text === undefined) return undefined;
  try {
    const value = valueOf(mapping, type.name === 'numeric' && column.typeModifier !== -1 ? Decimal.parse(text).withScale(numericScale(column.typeModifier)).toString() : text);
    return value !== null && typeof value === 'object' && 'visit' in value ? undefined : value;
  } catch {
    // An expression that is not a literal of the type: the schema has no default then.
    return undefined;
  }
}

function defaultText(type: PgType, expression: string): string | undefined {
  if (type.kind === 'e') return /^'.*'::/s.test(expression) ? literal(expression) : undefined;
  const generated = type.schema === 'pg_catalog' && type.kind === 'b' ? GENERATED[type.name] : undefined;
  if (generated === undefined) return undefined;
  const trimmed = expression.trim();
  if (FUNCTION_CALL.test(trimmed) || CLOCKS.test(trimmed)) return generated;
  const text = literal(trimmed);
  if (text === undefined) return undefined;
  if (type.name === 'bool') return text.startsWith('t') ? 't' : 'f';
  if (/^(?:int\d|float\d|numeric)$/.test(type.name) && !/^\(?-?[\d.]+(?:e[-+]?\d+)?\)?$/i.test(text)) return undefined;
  return text.replace(/^\((.*)\)$/s, type.name.startsWith('int') || type.name === 'numeric' || type.name.startsWith('float') ? '$1' : '($1)');
}

function literal(expression: string): string | undefined {
  if (!expression.includes("'")) return expression.startsWith('NULL::') || expression === 'NULL' ? undefined : expression;
  return LITERAL.exec(expression)?.[1]?.replaceAll("''", "'");
}

class OneField extends LazyStruct {
  readonly schema: Schema;

  constructor(
    private readonly mapping: TypeMapping,
    private readonly text: Buffer,
  ) {
    super();
    this.schema = Schema.struct([['value', mapping.schema]]);
  }

  visit(writer: ValueWriter): void {
    if (!writer.beginStruct(this.schema)) return;
    this.mapping.encode(writer, this.text, 0, this.text.length);
    writer.endStruct();
  }
}

function valueOf(mapping: TypeMapping, text: string): Value {
  return new OneField(mapping, Buffer.from(text, 'utf8')).toStruct().at(0);
}
