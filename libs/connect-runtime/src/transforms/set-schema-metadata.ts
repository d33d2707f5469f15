import { ConfigDef, ConfigError, DataError, LazyStruct, Struct, Transformation, type ConnectRecord } from '@millrace/connect-api';
import { schemaOf, valueOf, withPart, type Part } from './record-part.js';
import { REPLACE_NULL_WITH_DEFAULT } from './settings.js';
import { DerivedSchemas, fieldReader, put, type FieldReader } from './struct-building.js';

const CONFIG = new ConfigDef({
  'schema.name': { kind: 'string', default: null, importance: 'high', doc: 'Name for the schema.' },
  'schema.version': { kind: 'int', default: null, importance: 'high', doc: 'Version for the schema.' },
  ...REPLACE_NULL_WITH_DEFAULT,
});

/** Gives the schema of the key or value another name or version. */
export class SetSchemaMetadata extends Transformation {
  private name: string | null = null;
  private version: number | null = null;
  private read: FieldReader = fieldReader(true);
  private readonly schemas = new DerivedSchemas((schema) => schema.with({ name: this.name ?? schema.name, version: this.version ?? schema.version }));

  constructor(private readonly part: Part) {
    super();
  }

  config(): typeof CONFIG {
    return CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const parsed = CONFIG.parse(config);
    this.name = parsed['schema.name'];
    this.version = parsed['schema.version'];
    if (this.name === null && this.version === null) throw new ConfigError('Neither schema name nor version configured');
    this.read = fieldReader(parsed['replace.null.with.default']);
  }

  apply(record: ConnectRecord): ConnectRecord {
    const schema = schemaOf(record, this.part);
    const value = valueOf(record, this.part);
    if (schema === null) {
      if (value === null) return record;
      throw new DataError('Schema required for [updating schema metadata]');
    }
    if (schema.type !== 'struct') throw new DataError('Cannot list fields on non-struct type');
    const updated = this.schemas.of(schema);
    if (!(value instanceof Struct || value instanceof LazyStruct)) return withPart(record, this.part, updated, value);
    const struct = value instanceof LazyStruct ? value.toStruct() : value;
    const target = new Struct(updated);
    for (const field of updated.fields) put(target, field, this.read(struct, field));
    return withPart(record, this.part, updated, target);
  }
}
