import { ConfigDef, ConfigError, DataError, Schema, Struct, TIMESTAMP_NAME, Transformation, type ConnectRecord, type Value } from '@millrace/connect-api';
import { requireMap, requireStruct, schemaOf, valueOf, withPart, type Part } from './record-part.js';
import { REPLACE_NULL_WITH_DEFAULT } from './settings.js';
import { basicsOf, DerivedSchemas, fieldReader, put, structSchema, type FieldReader } from './struct-building.js';

const PURPOSE = 'field insertion';
const SUFFIX = 'With ! at the end it is required, with ? (or nothing) optional.';

const CONFIG = new ConfigDef({
  'topic.field': { kind: 'string', default: null, importance: 'medium', doc: `Field for the topic. ${SUFFIX}` },
  'partition.field': { kind: 'string', default: null, importance: 'medium', doc: `Field for the partition. ${SUFFIX}` },
  'offset.field': { kind: 'string', default: null, importance: 'medium', doc: `Field for the offset; only of sink connectors. ${SUFFIX}` },
  'timestamp.field': { kind: 'string', default: null, importance: 'medium', doc: `Field for the record’s time. ${SUFFIX}` },
  'static.field': { kind: 'string', default: null, importance: 'medium', doc: `Field for a fixed text. ${SUFFIX}` },
  'static.value': { kind: 'string', default: null, importance: 'medium', doc: 'That text.' },
  ...REPLACE_NULL_WITH_DEFAULT,
});

/** One field to add: where its value comes from. Null: it is left out. */
interface Insertion {
  readonly name: string;
  readonly schema: Schema;
  readonly value: (record: ConnectRecord, hasSchema: boolean) => Value;
}

function insertion(spec: string | null, type: (isOptional: boolean) => Schema, value: Insertion['value']): Insertion[] {
  if (spec === null) return [];
  const isMarked = spec.endsWith('?') || spec.endsWith('!');
  return [{ name: isMarked ? spec.slice(0, -1) : spec, schema: type(!spec.endsWith('!')), value }];
}

/** Adds fields with what is known of the record, or a fixed text. */
export class InsertField extends Transformation {
  private insertions: readonly Insertion[] = [];
  private read: FieldReader = fieldReader(true);
  private readonly schemas = new DerivedSchemas((schema) =>
    structSchema([...schema.fields.map((it) => [it.name, it.schema] as const), ...this.insertions.map((it) => [it.name, it.schema] as const)], basicsOf(schema)),
  );

  constructor(private readonly part: Part) {
    super();
  }

  config(): typeof CONFIG {
    return CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const parsed = CONFIG.parse(config);
    const text = parsed['static.value'];
    this.insertions = [
      ...insertion(parsed['topic.field'], (optional) => Schema.of('string', { optional }), (record) => record.topic),
      ...insertion(parsed['partition.field'], (optional) => Schema.of('int32', { optional }), (record, hasSchema) => (hasSchema || record.partition === null ? record.partition : BigInt(record.partition))),
      ...insertion(parsed['offset.field'], (optional) => Schema.of('int64', { optional }), offsetOf),
      ...insertion(
        parsed['timestamp.field'],
        (optional) => Schema.of('int64', { optional, name: TIMESTAMP_NAME, version: 1 }),
        (record, hasSchema) => (record.timestampMs === null ? null : hasSchema ? new Date(record.timestampMs) : BigInt(record.timestampMs)),
      ),
      ...insertion(parsed['static.field'], (optional) => Schema.of('string', { optional }), () => text),
    ];
    if (this.insertions.length === 0) throw new ConfigError('No field insertion configured');
    if (parsed['static.field'] !== null && text === null) throw new ConfigError(`Invalid value null for configuration static.value: No value specified for static field: ${parsed['static.field']}`, 'static.value');
    this.read = fieldReader(parsed['replace.null.with.default']);
  }

  apply(record: ConnectRecord): ConnectRecord {
    const value = valueOf(record, this.part);
    if (value === null) return record;
    if (schemaOf(record, this.part) === null) {
      const map = new Map(requireMap(value, PURPOSE));
      for (const it of this.insertions) {
        const inserted = it.value(record, false);
        if (inserted !== null) map.set(it.name, inserted);
      }
      return withPart(record, this.part, null, map);
    }
    const struct = requireStruct(value, PURPOSE);
    const target = new Struct(this.schemas.of(struct.schema));
    const { fields } = target.schema;
    const known = struct.schema.fields.length;
    for (let i = 0; i < known; i++) put(target, fields[i]!, this.read(struct, struct.schema.fields[i]!));
    this.insertions.forEach((it, i) => target.setAt(known + i, it.value(record, true)));
    return withPart(record, this.part, target.schema, target);
  }
}

function offsetOf(record: ConnectRecord): Value {
  const offset = 'kafkaOffset' in record ? record.kafkaOffset : undefined;
  if (typeof offset !== 'number') throw new DataError(`Only SinkRecord supported for [${PURPOSE}], found: org.apache.kafka.connect.source.SourceRecord`);
  return BigInt(offset);
}
