import { ConfigDef, DataError, type Schema, Struct, Transformation, type ConnectRecord, type Value } from '@millrace/connect-api';
import { FieldPath } from './field-path.js';
import { requireAnyStruct, requireMap } from './record-part.js';
import { FIELD_SYNTAX_VERSION, notEmptyList, REPLACE_NULL_WITH_DEFAULT } from './settings.js';
import { DerivedSchemas, put, structSchema } from './struct-building.js';

const PURPOSE = 'copying fields from value to key';

const CONFIG = new ConfigDef({
  fields: { kind: 'list', check: notEmptyList, importance: 'high', doc: 'Fields of the value that make the key.' },
  ...FIELD_SYNTAX_VERSION,
  ...REPLACE_NULL_WITH_DEFAULT,
});

/** The key becomes a struct (or map) of some of the value's fields. Of a value in bytes only those are read. */
export class ValueToKey extends Transformation {
  private fields: readonly { readonly text: string; readonly path: FieldPath }[] = [];
  private replacesNull = true;
  private readonly schemas = new DerivedSchemas((schema) => this.keySchema(schema));

  config(): typeof CONFIG {
    return CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const parsed = CONFIG.parse(config);
    this.fields = parsed.fields.map((text) => ({ text, path: new FieldPath(text, parsed['field.syntax.version']) }));
    this.replacesNull = parsed['replace.null.with.default'];
  }

  apply(record: ConnectRecord): ConnectRecord {
    if (record.valueSchema === null) {
      const map = requireMap(record.value, PURPOSE);
      const key = new Map<Value, Value>(this.fields.map(({ path }) => [path.last, path.valueInMap(map)]));
      return { ...record, keySchema: null, key };
    }
    const struct = requireAnyStruct(record.value, PURPOSE);
    const key = new Struct(this.schemas.of(struct.schema));
    this.fields.forEach(({ path }, i) => put(key, key.schema.fields[i]!, path.valueIn(struct, this.replacesNull)));
    return { ...record, keySchema: key.schema, key };
  }

  private keySchema(schema: Schema): Schema {
    return structSchema(
      this.fields.map(({ text, path }) => {
        const field = path.fieldOf(schema);
        if (!field) throw new DataError(`Field does not exist: ${text}`);
        return [path.last, field.schema] as const;
      }),
    );
  }
}
