import { ConfigDef, DataError, Transformation, type ConnectRecord } from '@millrace/connect-api';
import { FieldPath } from './field-path.js';
import { requireAnyStruct, requireMap, schemaOf, valueOf, withPart, type Part } from './record-part.js';
import { FIELD_SYNTAX_VERSION, REPLACE_NULL_WITH_DEFAULT } from './settings.js';

const CONFIG = new ConfigDef({
  field: { kind: 'string', importance: 'medium', doc: 'The field to take.' },
  ...FIELD_SYNTAX_VERSION,
  ...REPLACE_NULL_WITH_DEFAULT,
});

/** The key or value becomes one of its fields. Of a struct in bytes only that field is read. */
export class ExtractField extends Transformation {
  private path = new FieldPath('', 'V1');
  private text = '';
  private replacesNull = true;

  constructor(private readonly part: Part) {
    super();
  }

  config(): typeof CONFIG {
    return CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const parsed = CONFIG.parse(config);
    this.text = parsed.field;
    this.path = new FieldPath(parsed.field, parsed['field.syntax.version']);
    this.replacesNull = parsed['replace.null.with.default'];
  }

  apply(record: ConnectRecord): ConnectRecord {
    const schema = schemaOf(record, this.part);
    const value = valueOf(record, this.part);
    if (schema === null) return withPart(record, this.part, null, value === null ? null : this.path.valueInMap(requireMap(value, 'field extraction')));
    const struct = value === null ? null : requireAnyStruct(value, 'field extraction');
    const field = this.path.fieldOf(schema);
    if (!field) throw Object.assign(new DataError(`Unknown field: ${this.text}`), { javaClass: 'java.lang.IllegalArgumentException' });
    return withPart(record, this.part, field.schema, struct === null ? null : this.path.valueIn(struct, this.replacesNull));
  }
}
