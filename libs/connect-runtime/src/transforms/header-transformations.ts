import { ConfigDef, ConfigError, DataError, type Schema, Struct, Transformation, type ConnectRecord, type Header, type SchemaAndValue, type Value } from '@millrace/connect-api';
import { parseLooseValue } from '../converters/loose-values.js';
import { requireMap, requireStruct, schemaOf, valueOf, withPart, type Part } from './record-part.js';
import { notEmptyList, REPLACE_NULL_WITH_DEFAULT } from './settings.js';
import { basicsOf, DerivedSchemas, fieldReader, put, structSchema, type FieldReader } from './struct-building.js';

const INSERT_HEADER_CONFIG = new ConfigDef({
  header: { kind: 'string', importance: 'high', doc: 'Name of the header.' },
  'value.literal': { kind: 'string', importance: 'high', doc: 'Value of the header; its type is guessed as that of a header read from Kafka.' },
});

/** Adds the same header to each record. */
export class InsertHeader extends Transformation {
  private header: Header = { key: '', schema: null, value: null };

  config(): typeof INSERT_HEADER_CONFIG {
    return INSERT_HEADER_CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const parsed = INSERT_HEADER_CONFIG.parse(config);
    this.header = { key: parsed.header, ...parseLooseValue(parsed['value.literal']) };
  }

  apply(record: ConnectRecord): ConnectRecord {
    return { ...record, headers: [...record.headers, this.header] };
  }
}

const DROP_HEADERS_CONFIG = new ConfigDef({
  headers: { kind: 'list', check: notEmptyList, importance: 'high', doc: 'Names of the headers to remove.' },
});

export class DropHeaders extends Transformation {
  private names: ReadonlySet<string> = new Set();

  config(): typeof DROP_HEADERS_CONFIG {
    return DROP_HEADERS_CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    this.names = new Set(DROP_HEADERS_CONFIG.parse(config).headers);
  }

  apply(record: ConnectRecord): ConnectRecord {
    return record.headers.some((it) => this.names.has(it.key)) ? { ...record, headers: record.headers.filter((it) => !this.names.has(it.key)) } : record;
  }
}

const HEADER_FROM_CONFIG = new ConfigDef({
  fields: { kind: 'list', check: notEmptyList, importance: 'high', doc: 'Fields to copy or move to headers.' },
  headers: { kind: 'list', check: notEmptyList, importance: 'high', doc: 'Names of the headers, in the order of the fields.' },
  operation: { kind: 'string', oneOf: ['move', 'copy'], importance: 'high', doc: 'Whether the fields stay where they are (copy) or not (move).' },
  ...REPLACE_NULL_WITH_DEFAULT,
});

/** Copies or moves fields to headers. */
export class HeaderFrom extends Transformation {
  private fields: readonly string[] = [];
  private headers: readonly string[] = [];
  private operation = 'copy';
  private read: FieldReader = fieldReader(true);
  private readonly schemas = new DerivedSchemas((schema) =>
    structSchema(schema.fields.filter((it) => !this.fields.includes(it.name)).map((it) => [it.name, it.schema] as const), basicsOf(schema)),
  );

  constructor(private readonly part: Part) {
    super();
  }

  config(): typeof HEADER_FROM_CONFIG {
    return HEADER_FROM_CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const { fields, headers, operation, 'replace.null.with.default': replaces } = HEADER_FROM_CONFIG.parse(config);
    if (fields.length !== headers.length) throw new ConfigError("'fields' config must have the same number of elements as 'headers' config.", 'fields');
    this.fields = fields;
    this.headers = headers;
    this.operation = operation;
    this.read = fieldReader(replaces);
  }

  apply(record: ConnectRecord): ConnectRecord {
    const schema = schemaOf(record, this.part);
    return schema === null ? this.withoutSchema(record) : this.withSchema(record, schema);
  }

  private withSchema(record: ConnectRecord, schema: Schema): ConnectRecord {
    const struct = requireStruct(valueOf(record, this.part), `header ${this.operation}`);
    const added = this.fields.map((name, i): Header => {
      const field = struct.schema.field(name);
      if (!field) throw new DataError(`The field ${name} does not exist`);
      return this.header(i, { schema: field.schema, value: this.read(struct, field) });
    });
    const moved = this.operation === 'move' ? this.moved(schema, struct) : { schema, value: valueOf(record, this.part) };
    return { ...withPart(record, this.part, moved.schema, moved.value), headers: [...record.headers, ...added] };
  }

  private moved(schema: Schema, struct: Struct): SchemaAndValue {
    const target = new Struct(this.schemas.of(schema));
    for (const field of target.schema.fields) put(target, field, this.read(struct, struct.schema.field(field.name) ?? field));
    return { schema: target.schema, value: target };
  }

  private withoutSchema(record: ConnectRecord): ConnectRecord {
    const map = new Map<Value, Value>(requireMap(valueOf(record, this.part), `header ${this.operation}`));
    const added: Header[] = [];
    this.fields.forEach((name, i) => {
      added.push(this.header(i, { schema: null, value: requireMap(valueOf(record, this.part), '').get(name) ?? null }));
      if (this.operation === 'move') map.delete(name);
    });
    return { ...withPart(record, this.part, null, map), headers: [...record.headers, ...added] };
  }

  private header(index: number, it: SchemaAndValue): Header {
    return { key: this.headers[index] ?? '', ...it };
  }
}
