import { ConfigDef, Schema, Struct, Transformation, type ConnectRecord } from '@millrace/connect-api';
import { schemaOf, valueOf, withPart, type Part } from './record-part.js';
import { DerivedSchemas, put } from './struct-building.js';

const CONFIG = new ConfigDef({
  field: { kind: 'string', importance: 'medium', doc: 'Name of the only field of the new struct or map.' },
});

/** Wraps the key or value in a struct (or map) of one field. */
export class HoistField extends Transformation {
  private name = '';
  private readonly schemas = new DerivedSchemas((schema) => Schema.struct([[this.name, schema]]));

  constructor(private readonly part: Part) {
    super();
  }

  config(): typeof CONFIG {
    return CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    this.name = CONFIG.parse(config).field;
  }

  apply(record: ConnectRecord): ConnectRecord {
    const schema = schemaOf(record, this.part);
    const value = valueOf(record, this.part);
    if (schema === null) return withPart(record, this.part, null, new Map([[this.name, value]]));
    const struct = new Struct(this.schemas.of(schema));
    for (const field of struct.schema.fields) put(struct, field, value);
    return withPart(record, this.part, struct.schema, struct);
  }
}
