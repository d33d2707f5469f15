import { ConfigDef, DataError, Struct, Transformation, type ConnectRecord, type Field, type Value } from '@millrace/connect-api';
import { javaClassName, javaTypeName } from './java-class-name.js';
import { requireMap, requireStruct, schemaOf, valueOf, withPart, type FieldMap, type Part } from './record-part.js';
import { REPLACE_NULL_WITH_DEFAULT } from './settings.js';
import { basicsOf, DerivedSchemas, fieldReader, put, structSchema, type FieldReader } from './struct-building.js';

const PURPOSE = 'field replacement';

const CONFIG = new ConfigDef({
  exclude: { kind: 'list', default: '', importance: 'medium', doc: 'Fields to leave out; stronger than include.' },
  include: { kind: 'list', default: '', importance: 'medium', doc: 'The only fields to keep, when given.' },
  renames: { kind: 'list', default: '', check: renameProblem, importance: 'medium', doc: 'New names of fields, as old:new.' },
  ...REPLACE_NULL_WITH_DEFAULT,
});

function renameProblem(renames: readonly string[]): string | undefined {
  const wrong = renames.find((it) => renameOf(it).length !== 2);
  return wrong === undefined ? undefined : `Invalid rename mapping: ${wrong}`;
}

/** As Java's split: empty parts at the end do not count. */
function renameOf(text: string): string[] {
  const parts = text.split(':');
  while (parts.length > 1 && parts[parts.length - 1] === '') parts.pop();
  return parts;
}

/** Leaves fields out and renames them. */
export class ReplaceField extends Transformation {
  private exclude: ReadonlySet<string> = new Set();
  private include: ReadonlySet<string> = new Set();
  private renames: ReadonlyMap<string, string> = new Map();
  private oldNames: ReadonlyMap<string, string> = new Map();
  private read: FieldReader = fieldReader(true);
  private readonly schemas = new DerivedSchemas((schema) =>
    structSchema(schema.fields.filter((it) => this.keeps(it.name)).map((it) => [this.renames.get(it.name) ?? it.name, it.schema] as const), basicsOf(schema)),
  );

  constructor(private readonly part: Part) {
    super();
  }

  config(): typeof CONFIG {
    return CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const parsed = CONFIG.parse(config);
    this.exclude = new Set(parsed.exclude);
    this.include = new Set(parsed.include);
    this.renames = new Map(parsed.renames.map((it) => renameOf(it) as [string, string]));
    this.oldNames = new Map([...this.renames].map(([from, to]) => [to, from]));
    this.read = fieldReader(parsed['replace.null.with.default']);
  }

  apply(record: ConnectRecord): ConnectRecord {
    const value = valueOf(record, this.part);
    if (value === null) return record;
    if (schemaOf(record, this.part) === null) {
      return withPart(record, this.part, null, this.replacedIn(requireMap(value, PURPOSE)));
    }
    const struct = requireStruct(value, PURPOSE);
    const target = new Struct(this.schemas.of(struct.schema));
    for (const field of target.schema.fields) put(target, field, this.valueFor(struct, field));
    return withPart(record, this.part, target.schema, target);
  }

  /** A field that another one is renamed to keeps its own value. */
  private replacedIn(map: FieldMap): Map<Value, Value> {
    const replaced = new Map<Value, Value>();
    for (const [name, it] of map) {
      const renamed = this.renames.get(String(name));
      if (this.keeps(String(name)) && (renamed === undefined || !(map.has(renamed) && this.keeps(renamed)))) replaced.set(renamed ?? name, it);
    }
    return replaced;
  }

  /** As in Java a field that has the new name of another takes that one's value, although it was not renamed itself. */
  private valueFor(struct: Struct, field: Field): Value {
    const name = this.oldNames.get(field.name) ?? field.name;
    const from = struct.schema.field(name);
    if (!from) throw new DataError(`${name} is not a valid field name`);
    const value = this.read(struct, from);
    if (value !== null && from.schema.type !== field.schema.type) throw new DataError(`Invalid Java object for schema with type ${javaTypeName(field.schema.type)}: class ${javaClassName(value, from.schema)} for field: "${field.name}"`);
    return value;
  }

  private keeps(name: string): boolean {
    return !this.exclude.has(name) && (this.include.size === 0 || this.include.has(name));
  }
}
