import { DATE_NAME, DataError, type Schema, TIME_NAME, TIMESTAMP_NAME } from '@millrace/connect-api';
import { bitLength } from './column-type.js';
import { BitsCodec, BooleanCodec, type ColumnCodec, IntegralDecimalCodec, JsonToHstoreCodec, NATURAL } from './column-codec.js';
import {
  ArrayCodec, circleText, type FieldReader, HstoreCodec, JsonArrayCodec, JsonMapCodec, JsonObjectCodec, type JsonPiece, lineText, NamedFieldsCodec, nativeGeometryText, pointText,
  postgisText, sparseVectorText, variableScaleDecimalText, VectorCodec, wellKnownBinary,
} from './composite-codecs.js';
import { DateCodec, DurationCodec, TimeCodec, TimestampCodec, ZonedTimestampCodec } from './temporal-codecs.js';

/** A column's type as the catalog has it; of a domain, the type below it. */
export interface TargetType {
  /** `pg_type.typname`: int4, timestamptz, _text … */
  readonly name: string;
  /** `pg_type.typcategory`: N numeric, S text, B boolean, D date and time, V bits, A array … */
  readonly category: string;
  /** Of an array's items. */
  readonly element: TargetType | undefined;
}

export interface ColumnEncoding {
  readonly codec: ColumnCodec;
  /** The type to read the text as before it is assigned to the column, where that is not the column's own. */
  readonly readAs?: string;
}

/** How values of a schema become text for a column of a type. */
export function encodingFor(schema: Schema, target: TargetType): ColumnEncoding {
  if (schema.name === 'io.debezium.time.ZonedTimestamp' && target.name === 'timestamp') return { codec: new ZonedTimestampCodec(), readAs: 'timestamptz' };
  if (schema.name === 'io.debezium.time.ZonedTimestamp' && (target.name === 'date' || target.name === 'time')) return { codec: new ZonedTimestampCodec(), readAs: 'timestamptz' };
  return { codec: codecFor(schema, target) };
}

function codecFor(schema: Schema, target: TargetType): ColumnCodec {
  const temporal = target.category === 'N' ? undefined : temporalCodec(schema);
  if (temporal) return temporal;
  switch (schema.type) {
    case 'boolean':
      return booleanCodec(target);
    case 'string':
      return schema.name === 'io.debezium.data.Json' && target.name === 'hstore' ? new JsonToHstoreCodec() : NATURAL;
    case 'bytes':
      if (schema.name === 'io.debezium.data.Bits' && target.name !== 'bytea') return new BitsCodec(bitLength(schema));
      return /^(int[248]|oid)$/.test(target.name) ? new IntegralDecimalCodec() : NATURAL;
    case 'array':
      return arrayCodec(schema, target);
    case 'map':
      return mapCodec(schema, target);
    case 'struct':
      return structCodec(schema, target);
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'float':
    case 'double':
      return NATURAL;
  }
}

function temporalCodec(schema: Schema): ColumnCodec | undefined {
  switch (schema.name) {
    case DATE_NAME:
    case 'io.debezium.time.Date':
      return new DateCodec();
    case TIME_NAME:
    case 'io.debezium.time.Time':
      return new TimeCodec('ms');
    case 'io.debezium.time.MicroTime':
      return new TimeCodec('us');
    case 'io.debezium.time.NanoTime':
      return new TimeCodec('ns');
    case TIMESTAMP_NAME:
    case 'io.debezium.time.Timestamp':
      return new TimestampCodec('ms');
    case 'io.debezium.time.MicroTimestamp':
      return new TimestampCodec('us');
    case 'io.debezium.time.NanoTimestamp':
      return new TimestampCodec('ns');
    case 'io.debezium.time.MicroDuration':
      return new DurationCodec('us');
    case 'io.debezium.time.NanoDuration':
      return new DurationCodec('ns');
    case 'io.debezium.time.ZonedTimestamp':
    case 'io.debezium.time.IsoTimestamp':
      return new ZonedTimestampCodec();
    default:
      return undefined;
  }
}

function booleanCodec(target: TargetType): ColumnCodec {
  if (target.category === 'N' || target.category === 'V') return new BooleanCodec('1', '0');
  return target.category === 'S' ? new BooleanCodec('true', 'false') : NATURAL;
}

const TEXT: TargetType = { name: 'text', category: 'S', element: undefined };

function isJson(target: TargetType): boolean {
  return target.name === 'json' || target.name === 'jsonb';
}

function arrayCodec(schema: Schema, target: TargetType): ColumnCodec {
  const items = partOf(schema.valueSchema, 'an array');
  if (target.name === 'vector' || target.name === 'halfvec') return new VectorCodec([codecFor(items, TEXT)]);
  if (isJson(target)) {
    const { codec, piece } = jsonPart(items);
    return new JsonArrayCodec(codec, piece);
  }
  return new ArrayCodec([codecFor(items, target.element ?? TEXT)]);
}

function mapCodec(schema: Schema, target: TargetType): ColumnCodec {
  const keys = codecFor(partOf(schema.keySchema, 'a map'), TEXT);
  const values = partOf(schema.valueSchema, 'a map');
  if (target.name === 'hstore') return new HstoreCodec([keys, codecFor(values, TEXT)]);
  const { codec, piece } = jsonPart(values);
  return new JsonMapCodec(keys, codec, piece);
}

function structCodec(schema: Schema, target: TargetType): ColumnCodec {
  const textOf = structText(schema, target);
  if (textOf) return new NamedFieldsCodec(schema, schema.fields.map((it) => fieldCodec(it.schema)), textOf);
  const parts = schema.fields.map((it) => jsonPart(it.schema));
  return new JsonObjectCodec(
    parts.map((it) => it.codec),
    schema.fields.map(({ name }, i) => ({ name, piece: parts[i]!.piece })),
  );
}

/** The parts of a struct that has a text of its own: points as points, maps as JSON, the rest as it reads. */
function fieldCodec(schema: Schema): ColumnCodec {
  return codecFor(schema, schema.type === 'map' ? { name: 'json', category: 'U', element: undefined } : TEXT);
}

function structText(schema: Schema, target: TargetType): ((field: FieldReader) => string) | undefined {
  if (isJson(target)) return undefined;
  switch (schema.name) {
    case 'io.debezium.data.VariableScaleDecimal':
      return variableScaleDecimalText;
    case 'io.debezium.data.geometry.Point':
      return target.name === 'geometry' || target.name === 'geography' ? postgisText : pointText;
    case 'io.debezium.data.geometry.Circle':
      return circleText;
    case 'io.debezium.data.geometry.Line':
      return lineText;
    case 'io.debezium.data.geometry.Geometry':
    case 'io.debezium.data.geometry.Geography':
      if (target.name === 'box' || target.name === 'lseg' || target.name === 'path' || target.name === 'polygon') return nativeGeometryText(target.name);
      return target.name === 'bytea' ? wellKnownBinary : postgisText;
    case 'io.debezium.data.SparseVector':
    case 'io.debezium.data.SparseDoubleVector':
      return sparseVectorText;
    default:
      return undefined;
  }
}

/** A part of a JSON text: numbers, booleans and JSON itself stand as they are. */
function jsonPart(schema: Schema): { codec: ColumnCodec; piece: JsonPiece } {
  const json: TargetType = { name: 'jsonb', category: 'U', element: undefined };
  if (schema.name === 'io.debezium.data.Json') return { codec: NATURAL, piece: 'raw' };
  if (schema.type === 'boolean') return { codec: new BooleanCodec('true', 'false'), piece: 'raw' };
  if (schema.type === 'struct' || schema.type === 'array' || schema.type === 'map') {
    if (schema.name === 'io.debezium.data.VariableScaleDecimal') return { codec: codecFor(schema, TEXT), piece: 'raw' };
    return { codec: codecFor(schema, json), piece: 'raw' };
  }
  const quoted = schema.type === 'string' || temporalCodec(schema) !== undefined || (schema.type === 'bytes' && schema.name !== 'org.apache.kafka.connect.data.Decimal');
  return { codec: codecFor(schema, TEXT), piece: quoted ? 'string' : 'raw' };
}

function partOf(schema: Schema | undefined, what: string): Schema {
  if (!schema) throw new DataError(`${what} without a schema of its parts`);
  return schema;
}
