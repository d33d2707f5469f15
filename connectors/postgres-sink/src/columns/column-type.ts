import { DATE_NAME, DECIMAL_NAME, DataError, type Schema, TIME_NAME, TIMESTAMP_NAME } from '@millrace/connect-api';

/** The type of a column to be made, as SQL. `fallback` is for a server that lacks the extension which brings the type. */
export interface ColumnType {
  readonly sql: string;
  readonly fallback?: string;
}

const SOURCE_TYPE = '__debezium.source.column.type';
const SOURCE_LENGTH = '__debezium.source.column.length';
const SOURCE_SCALE = '__debezium.source.column.scale';
/** What stands for "no length" among propagated lengths. */
const NO_LENGTH = 2_147_483_647;
const TIME_PRECISION_MAX = 6;
/** What Debezium's sink takes for a decimal of unknown precision. */
const DECIMAL_PRECISION = 38;
/** numeric(p, s) allows no more. */
const DECIMAL_PRECISION_MAX = 1000;

/** The upper-case name of the source's column type, where the source tells it. */
function sourceType(schema: Schema): string | undefined {
  return schema.parameters?.[SOURCE_TYPE]?.toUpperCase();
}

function sourceLength(schema: Schema): number | undefined {
  const length = Number(schema.parameters?.[SOURCE_LENGTH] ?? 0);
  return length > 0 && length < NO_LENGTH ? length : undefined;
}

/** The column type that Debezium's JDBC sink gives a field on PostgreSQL; where it would lose digits, one that does not. */
export function columnTypeFor(schema: Schema, postgisSchema: string): ColumnType {
  return (schema.name === undefined ? undefined : namedType(schema, schema.name, postgisSchema)) ?? propagatedType(schema) ?? plainType(schema, postgisSchema);
}

function namedType(schema: Schema, name: string, postgisSchema: string): ColumnType | undefined {
  switch (name) {
    case DECIMAL_NAME:
      return { sql: decimalType(schema) };
    case DATE_NAME:
    case 'io.debezium.time.Date':
    case 'io.debezium.time.IsoDate':
      return { sql: 'date' };
    case TIME_NAME:
    case 'io.debezium.time.Time':
    case 'io.debezium.time.MicroTime':
    case 'io.debezium.time.NanoTime':
      return { sql: `time(${timePrecision(schema)})` };
    case 'io.debezium.time.ZonedTime':
    case 'io.debezium.time.IsoTime':
      return { sql: `time(${timePrecision(schema)}) with time zone` };
    case TIMESTAMP_NAME:
    case 'io.debezium.time.Timestamp':
    case 'io.debezium.time.MicroTimestamp':
    case 'io.debezium.time.NanoTimestamp':
    case 'io.debezium.time.IsoTimestamp':
      return { sql: `timestamp(${timePrecision(schema)})` };
    case 'io.debezium.time.ZonedTimestamp':
      return { sql: `timestamp(${timePrecision(schema)}) with time zone` };
    case 'io.debezium.time.MicroDuration':
    case 'io.debezium.time.NanoDuration':
    case 'io.debezium.time.Interval':
      return { sql: 'interval' };
    case 'io.debezium.data.VariableScaleDecimal':
      return { sql: 'numeric' };
    case 'io.debezium.data.Bits':
      return { sql: bitType(schema) };
    case 'io.debezium.data.Json':
      return jsonType(schema);
    case 'io.debezium.data.Uuid':
      return { sql: 'uuid' };
    case 'io.debezium.data.Xml':
      return { sql: 'xml' };
    case 'io.debezium.data.Ltree':
      return { sql: 'ltree', fallback: 'text' };
    case 'io.debezium.data.Tsvector':
    case 'io.debezium.data.TsVector':
      return { sql: 'tsvector' };
    case 'io.debezium.data.geometry.Point':
      return { sql: 'point' };
    case 'io.debezium.data.geometry.Circle':
      return { sql: 'circle' };
    case 'io.debezium.data.geometry.Line':
      return { sql: 'line' };
    case 'io.debezium.data.geometry.Geometry':
      return geometryType(schema, postgisSchema);
    case 'io.debezium.data.geometry.Geography':
      return { sql: `${postgisSchema}.geography`, fallback: 'bytea' };
    case 'io.debezium.data.DoubleVector':
      return { sql: withLength('vector', schema), fallback: 'double precision[]' };
    case 'io.debezium.data.FloatVector':
      return { sql: withLength('halfvec', schema), fallback: 'real[]' };
    case 'io.debezium.data.SparseVector':
    case 'io.debezium.data.SparseDoubleVector':
      return { sql: withLength('sparsevec', schema), fallback: 'text' };
    default:
      return undefined;
  }
}

/** Types that only the source's own type name tells. */
function propagatedType(schema: Schema): ColumnType | undefined {
  const type = sourceType(schema);
  switch (type) {
    case 'INT4RANGE':
    case 'INT8RANGE':
    case 'NUMRANGE':
    case 'TSRANGE':
    case 'TSTZRANGE':
    case 'DATERANGE':
    case 'CIDR':
    case 'INET':
    case 'MACADDR':
    case 'MACADDR8':
    case 'MONEY':
    case 'OID':
      return { sql: type.toLowerCase() };
    case 'CITEXT':
      return { sql: 'citext', fallback: 'text' };
    case 'BIT':
    case 'VARBIT':
      return schema.type === 'boolean' ? { sql: 'bit' } : { sql: bitType(schema) };
    case 'SMALLSERIAL':
      return { sql: 'smallint' };
    case 'SERIAL':
      return { sql: 'integer' };
    case 'BIGSERIAL':
      return { sql: 'bigint' };
    case 'CHAR':
    case 'CHARACTER':
    case 'BPCHAR':
      return schema.type === 'string' ? { sql: `char(${sourceLength(schema) ?? 1})` } : undefined;
    case 'VARCHAR':
    case 'CHARACTER VARYING':
    case 'NVARCHAR':
    case 'VARCHAR2': {
      const length = sourceLength(schema);
      return schema.type === 'string' && length !== undefined ? { sql: `varchar(${length})` } : undefined;
    }
    default:
      return undefined;
  }
}

function plainType(schema: Schema, postgisSchema: string): ColumnType {
  switch (schema.type) {
    case 'boolean':
      return { sql: 'boolean' };
    case 'int8':
    case 'int16':
      return { sql: 'smallint' };
    case 'int32':
      return { sql: 'integer' };
    case 'int64':
      return { sql: 'bigint' };
    case 'float':
      return { sql: 'real' };
    case 'double':
      return { sql: 'double precision' };
    case 'string':
      return { sql: 'text' };
    case 'bytes':
      return { sql: 'bytea' };
    case 'array':
      return arrayType(schema, postgisSchema);
    case 'map':
      return schema.keySchema?.type === 'string' && schema.valueSchema?.type === 'string' ? { sql: 'hstore', fallback: 'json' } : { sql: 'json' };
    case 'struct':
      return { sql: 'jsonb' };
  }
}

const NATIVE_ELEMENTS = new Set(['inet', 'cidr', 'macaddr', 'macaddr8', 'int4range', 'int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange', 'jsonb']);

function arrayType(schema: Schema, postgisSchema: string): ColumnType {
  const items = schema.valueSchema;
  if (!items) throw new DataError('an array without a schema of its items');
  const native = sourceType(schema)?.toLowerCase().replace(/^_/, '');
  if (native !== undefined && NATIVE_ELEMENTS.has(native)) return { sql: `${native}[]` };
  if (items.type === 'array' || (items.type === 'struct' && items.name === undefined)) return { sql: 'jsonb' };
  const { sql, fallback } = columnTypeFor(items, postgisSchema);
  return { sql: `${sql}[]`, ...(fallback === undefined ? {} : { fallback: `${fallback}[]` }) };
}

function decimalType(schema: Schema): string {
  const scale = Math.max(0, Number(schema.parameters?.scale ?? 0));
  const precision = Number(schema.parameters?.['connect.decimal.precision'] ?? 0);
  if (precision > DECIMAL_PRECISION_MAX) return 'numeric';
  return `numeric(${precision > 0 ? Math.max(precision, scale) : DECIMAL_PRECISION},${scale})`;
}

function timePrecision(schema: Schema): number {
  const { parameters } = schema;
  const precision = Number(parameters?.[SOURCE_SCALE] ?? parameters?.[SOURCE_LENGTH] ?? 0);
  return precision > 0 && precision <= TIME_PRECISION_MAX ? precision : TIME_PRECISION_MAX;
}

function bitType(schema: Schema): string {
  const length = bitLength(schema);
  if (length === undefined) return 'bit varying';
  return sourceType(schema) === 'VARBIT' ? `bit varying(${length})` : `bit(${length})`;
}

/** How many bits the values have; undefined if they vary. */
export function bitLength(schema: Schema): number | undefined {
  const length = Number(schema.parameters?.length ?? NO_LENGTH);
  return length > 0 && length < NO_LENGTH ? length : undefined;
}

function jsonType(schema: Schema): ColumnType {
  const type = sourceType(schema);
  return type === 'HSTORE' ? { sql: 'hstore', fallback: 'json' } : { sql: type === 'JSONB' ? 'jsonb' : 'json' };
}

function geometryType(schema: Schema, postgisSchema: string): ColumnType {
  const native = sourceType(schema)?.toLowerCase();
  return native === 'box' || native === 'lseg' || native === 'path' || native === 'polygon' ? { sql: native } : { sql: `${postgisSchema}.geometry`, fallback: 'bytea' };
}

function withLength(type: string, schema: Schema): string {
  const length = sourceLength(schema);
  return length === undefined ? type : `${type}(${length})`;
}
