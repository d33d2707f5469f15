import { createHash } from 'node:crypto';
import { Schema } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { arrayMapping } from './encoders/arrays.js';
import { bitsMapping, booleanMapping, byteaMapping, opaqueMapping, type BinaryMode } from './encoders/binary.js';
import { moneyMapping, numericMapping, type DecimalMode } from './encoders/decimals.js';
import { constantText, encodeFloat, encodeInteger, encodeUtf8, writeEmptyText, writeZero, writeZeroFloat, type TypeMapping, type WriteConstant } from './encoders/encode.js';
import { boxMapping, circleMapping, geographyMapping, geometryMapping, lineMapping, lsegMapping, pathMapping, pointMapping, polygonMapping } from './encoders/geometry.js';
import { hstoreMapping } from './encoders/hstore.js';
import { intervalMapping } from './encoders/intervals.js';
import { dateMapping, timeMapping, timestampMapping, zonedTimeMapping, zonedTimestampMapping, type TimeMode } from './encoders/times.js';
import { halfVectorMapping, sparseVectorMapping, vectorMapping } from './encoders/vectors.js';
import type { PgType, TypeRegistry } from './type-registry.js';

/** bit varying without a length, as the PostgreSQL driver of Java reports it. */
const UNBOUNDED = 2_147_483_647;

const INTEGERS: Readonly<Record<string, 'int16' | 'int32' | 'int64'>> = { int2: 'int16', int4: 'int32', int8: 'int64', oid: 'int64' };
const STRINGS = new Set(['char', 'bpchar', 'varchar', 'text', 'name', 'inet', 'cidr', 'macaddr', 'macaddr8', 'int4range', 'int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange']);
const NAMED_STRINGS: Readonly<Record<string, string>> = { json: 'Json', jsonb: 'Json', xml: 'Xml', uuid: 'Uuid', tsvector: 'Tsvector' };

/** Decides for each type of PostgreSQL what it becomes; the table of types of Debezium's connector. */
export class TypeMapper {
  private readonly mappings = new Map<string, TypeMapping | undefined>();
  private readonly placeholderText: string;

  constructor(
    private readonly types: TypeRegistry,
    private readonly settings: SourceSettings,
  ) {
    this.placeholderText = settings.placeholder.toString('utf8');
  }

  /** Undefined: values of this type are left out. */
  mapping(oid: number, modifier: number): TypeMapping | undefined {
    const key = `${oid}:${modifier}`;
    if (!this.mappings.has(key)) this.mappings.set(key, this.decide(oid, modifier));
    return this.mappings.get(key);
  }

  /** To be called when the registry has read types again. */
  clear(): void {
    this.mappings.clear();
  }

  private decide(oid: number, modifier: number): TypeMapping | undefined {
    return this.known(oid, modifier) ?? (this.settings.values['include.unknown.datatypes'] ? this.unknown(oid) : undefined);
  }

  /** The text of a value in bytes, in the representation of `binary.handling.mode`. */
  private unknown(oid: number): TypeMapping | undefined {
    const type = this.types.get(oid);
    return type && opaqueMapping(this.settings.values['binary.handling.mode'].toLowerCase() as BinaryMode, this.settings.placeholder);
  }

  private known(oid: number, modifier: number): TypeMapping | undefined {
    const type = this.types.get(oid);
    if (!type) return undefined;
    if (type.kind === 'd') return this.mapping(type.baseOid, type.baseModifier === -1 ? modifier : type.baseModifier);
    if (type.elementOid !== 0) return this.arrayOf(type.elementOid, modifier);
    if (type.kind === 'e') return this.text(enumSchema(type));
    return type.schema === 'pg_catalog' ? this.builtIn(type.name, modifier) : this.extension(type.name);
  }

  private arrayOf(elementOid: number, modifier: number): TypeMapping | undefined {
    const type = this.types.get(elementOid);
    if (!type) return undefined;
    const element = this.mapping(elementOid, modifier);
    if (!element) return undefined;
    const schema = element.schema.with({ optional: true });
    return arrayMapping(element, schema, this.arrayPlaceholder(type, schema));
  }

  private builtIn(name: string, modifier: number): TypeMapping | undefined {
    const { values } = this.settings;
    const integer = INTEGERS[name];
    if (integer) return { schema: Schema.of(integer), encode: encodeInteger, whenNull: writeZero };
    if (STRINGS.has(name)) return this.text(Schema.of('string'));
    const named = NAMED_STRINGS[name];
    if (named) return this.text(dataSchema(named));
    const timeMode = values['time.precision.mode'].toLowerCase() as TimeMode;
    const decimalMode = values['decimal.handling.mode'].toLowerCase() as DecimalMode;
    switch (name) {
      case 'bool':
        return booleanMapping;
      case 'float4':
        return { schema: Schema.of('float'), encode: encodeFloat, whenNull: writeZeroFloat };
      case 'float8':
        return { schema: Schema.of('double'), encode: encodeFloat, whenNull: writeZeroFloat };
      case 'numeric':
        return modifier === -1 ? numericMapping(decimalMode, 0, undefined) : numericMapping(decimalMode, ((modifier - 4) >> 16) & 0xffff, numericScale(modifier));
      case 'money':
        return moneyMapping(decimalMode, values['money.fraction.digits']);
      case 'bytea':
        return byteaMapping(values['binary.handling.mode'].toLowerCase() as BinaryMode, this.settings.placeholder);
      case 'bit':
        return bitsMapping(modifier === -1 ? 1 : modifier);
      case 'varbit':
        return bitsMapping(modifier === -1 ? UNBOUNDED : modifier);
      case 'date':
        return dateMapping(timeMode);
      case 'time':
        return timeMapping(timeMode, fraction(modifier));
      case 'timetz':
        return zonedTimeMapping();
      case 'timestamp':
        return timestampMapping(timeMode, fraction(modifier));
      case 'timestamptz':
        return zonedTimestampMapping(fraction(modifier));
      case 'interval':
        return intervalMapping(values['interval.handling.mode'].toLowerCase() as 'numeric' | 'string');
      default:
        return GEOMETRIC[name];
    }
  }

  private extension(name: string): TypeMapping | undefined {
    switch (name) {
      case 'citext':
      case 'isbn':
        return this.text(Schema.of('string'));
      case 'ltree':
        return this.text(dataSchema('Ltree'));
      case 'hstore':
        return hstoreMapping(this.settings.values['hstore.handling.mode'].toLowerCase() as 'json' | 'map', this.placeholderText);
      case 'geometry':
        return geometryMapping;
      case 'geography':
        return geographyMapping;
      case 'vector':
        return vectorMapping;
      case 'halfvec':
        return halfVectorMapping;
      case 'sparsevec':
        return sparseVectorMapping;
      default:
        return undefined;
    }
  }

  private text(schema: Schema): TypeMapping {
    return { schema, encode: encodeUtf8, whenNull: writeEmptyText, whenUnchanged: constantText(this.placeholderText) };
  }

  /** The placeholder in the shape of an array, for the element types for which Debezium has one. */
  private arrayPlaceholder(element: PgType, elementSchema: Schema): WriteConstant | undefined {
    const { placeholder } = this.settings;
    const schema = Schema.array(elementSchema);
    const of = (items: readonly WriteConstant[]): WriteConstant => (writer) => {
      writer.beginArray(schema, items.length);
      for (const write of items) write(writer);
      writer.endArray();
    };
    switch (element.name) {
      case 'text':
      case 'varchar':
      case 'bpchar':
      case 'json':
      case 'jsonb':
        return of([constantText(this.placeholderText)]);
      case 'bytea':
        return of([(writer) => (elementSchema.type === 'bytes' ? writer.bytes(placeholder, 0, placeholder.length) : writer.utf8(placeholder, 0, placeholder.length))]);
      case 'int4':
      case 'int8':
      case 'date':
        return of(Array.from(placeholder, (byte): WriteConstant => (writer) => writer.integer((byte << 24) >> 24)));
      case 'uuid':
        return of([constantText(nameUuid(placeholder))]);
      default:
        return undefined;
    }
  }
}

const GEOMETRIC: Readonly<Record<string, TypeMapping>> = {
  point: pointMapping,
  box: boxMapping,
  lseg: lsegMapping,
  path: pathMapping,
  polygon: polygonMapping,
  circle: circleMapping,
  line: lineMapping,
};

function dataSchema(name: string): Schema {
  return Schema.of('string', { name: `io.debezium.data.${name}`, version: 1 });
}

function enumSchema(type: PgType): Schema {
  return Schema.of('string', { name: 'io.debezium.data.Enum', version: 1, parameters: { allowed: type.labels.join(',') } });
}

function fraction(modifier: number): number {
  return modifier === -1 ? 6 : modifier;
}

/** Digits after the point that a type modifier of numeric says: its low eleven bits, signed. */
export function numericScale(modifier: number): number {
  return (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
}

/** A name-based UUID (version 3) of bytes alone, as Java's UUID.nameUUIDFromBytes. */
function nameUuid(bytes: Buffer): string {
  const hash = createHash('md5').update(bytes).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x30;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
