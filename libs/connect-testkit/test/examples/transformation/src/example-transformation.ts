import { ConfigDef, DataError, Struct, Transformation, type AnyConfigDef, type ConnectorConfig, type ConnectRecord, type Value } from '@millrace/connect-api';

export const SETTINGS = new ConfigDef({
  fields: { kind: 'list', doc: 'Text fields of the value that are masked.', importance: 'high' },
  replacement: { kind: 'string', doc: 'What stands in their place.', importance: 'low', default: '***' },
});

/** Masks fields of the value, with a schema or without one. Records without a value pass as they are. */
export class ExampleTransformation extends Transformation {
  private fields: ReadonlySet<string> = new Set();
  private replacement = '';

  config(): AnyConfigDef {
    return SETTINGS;
  }

  configure(config: ConnectorConfig): void {
    const { fields, replacement } = SETTINGS.parse(config);
    this.fields = new Set(fields);
    this.replacement = replacement;
  }

  /** The record itself is never changed: others may look at it. */
  apply(record: ConnectRecord): ConnectRecord {
    const { value, valueSchema } = record;
    if (value === null) return record;
    if (valueSchema === null) return { ...record, value: this.maskedMap(value) };
    if (typeof value !== 'object' || !('visit' in value)) throw new DataError('the value is not a struct');
    const masked = new Struct(valueSchema);
    for (const { name, schema } of valueSchema.fields) {
      const hides = this.fields.has(name);
      if (hides && schema.type !== 'string') throw new DataError(`${name} is not a text`);
      masked.set(name, hides ? this.replacement : value.get(name));
    }
    return { ...record, value: masked };
  }

  private maskedMap(value: Value): Value {
    if (!(value instanceof Map)) throw new DataError('a value without a schema must be a map');
    return new Map([...value].map(([name, it]) => [name, this.fields.has(String(name)) ? this.replacement : it]));
  }
}
