import { ConfigError, ConnectError } from '@millrace/connect-api';
import { BsonType, type Element } from '../bson/elements.js';
import { documentElement, documentOf, fieldsOf, nestedFields, type Fields } from './fields.js';

/** One entry of `field.exclude.list` or `field.renames`. */
interface Rule {
  readonly namespace: RegExp;
  readonly path: readonly string[];
  /** The last part's new name; undefined: the field is left out. */
  readonly newName: string | undefined;
}

/** What happens to the fields of one collection's documents. */
export class FieldFilter {
  constructor(private readonly rules: readonly Rule[]) {}

  /** A whole document. */
  document(bytes: Buffer, at: number): Buffer {
    let fields = fieldsOf(bytes, at);
    for (const { path, newName } of this.rules) fields = changed(fields, path, newName);
    return documentOf(fields);
  }

  /** `updatedFields` of an update: names are dotted paths. */
  changes(bytes: Buffer, at: number): Buffer {
    let fields = fieldsOf(bytes, at);
    for (const rule of this.rules) fields = changedPaths(fields, rule);
    return documentOf(fields);
  }

  /** A path of `removedFields` or `truncatedArrays`; undefined: left out. */
  path(text: string): string | undefined {
    const parts = text.split('.');
    const rule = this.rules.find((it) => startsWith(it.path, withoutIndexes(parts)));
    if (!rule) return text;
    return rule.newName === undefined ? undefined : renamed(parts, rule.path.length - 1, rule.newName);
  }
}

/** `field.exclude.list` and `field.renames`, for all collections. */
export class FieldSelector {
  private readonly rules: readonly Rule[];

  /** Throws ConfigError for an entry of another form. */
  constructor(excluded: string | null, renames: string | null) {
    this.rules = [...entries(excluded).map((it) => ruleOf(it, it, undefined, 'field.exclude.list')), ...entries(renames).map(renameOf)];
  }

  /** Undefined: documents stay as they are. */
  filterFor(namespace: string): FieldFilter | undefined {
    const rules = this.rules.filter((it) => it.namespace.test(namespace));
    return rules.length === 0 ? undefined : new FieldFilter(rules);
  }
}

function entries(list: string | null): string[] {
  return (list ?? '').split(',').map((it) => it.trim()).filter((it) => it !== '');
}

function renameOf(entry: string): Rule {
  const [from, to, ...more] = entry.split(':');
  if (from === undefined || to === undefined || to === '' || more.length > 0) throw new ConfigError(`${entry} has invalid format (expecting <databaseName>.<collectionName>.<fieldName>:<newFieldName>)`, 'field.renames');
  return ruleOf(entry, from, to.trim(), 'field.renames');
}

function ruleOf(entry: string, from: string, newName: string | undefined, setting: string): Rule {
  const [database, collection, ...path] = from.split('.').map((it) => it.trim());
  if (!database || !collection || path.length === 0 || path.some((it) => it === '')) throw new ConfigError(`${entry} has invalid format (expecting <databaseName>.<collectionName>.<fieldName>.<nestedFieldName>)`, setting);
  const expression = (text: string): string => text.replaceAll('*', '.*');
  return { namespace: new RegExp(`^(?:${expression(database)}\\.${expression(collection)})$`, 'i'), path, newName };
}

/** The document with the field at the path changed; arrays of documents on the way are looked into. */
function changed(fields: Fields, path: readonly string[], newName: string | undefined): Fields {
  const [first = '', ...rest] = path;
  const value = fields.get(first);
  if (!value) return fields;
  if (rest.length > 0) return new Map(fields).set(first, changedValue(value, rest, newName));
  const result = new Map(fields);
  result.delete(first);
  if (newName !== undefined) add(result, newName, value);
  return result;
}

function changedValue(value: Element, path: readonly string[], newName: string | undefined): Element {
  if (value.type === BsonType.document) return documentElement(changed(nestedFields(value), path, newName));
  if (value.type !== BsonType.array) return value;
  const items = Array.from(nestedFields(value), ([index, it]) => [index, it.type === BsonType.document ? changedValue(it, path, newName) : it] as const);
  return documentElement(new Map(items), BsonType.array);
}

function add(fields: Fields, name: string, value: Element): void {
  if (fields.has(name)) throw new ConnectError(`field.renames makes a field that the document already has: ${name}`);
  fields.set(name, value);
}

/** Changed paths: one may be the rule's field, be inside of it, or hold it. */
function changedPaths(fields: Fields, { path, newName }: Rule): Fields {
  const whole = path.join('.');
  const result = new Map(fields);
  const own = fields.get(whole);
  if (own) {
    result.delete(whole);
    if (newName !== undefined) add(result, [...path.slice(0, -1), newName].join('.'), own);
    return result;
  }
  const added: [string, Element][] = [];
  for (const [name, value] of fields) {
    const parts = name.split('.');
    const names = withoutIndexes(parts);
    if (names.length >= path.length) {
      if (!startsWith(path, names)) continue;
      result.delete(name);
      if (newName !== undefined) added.push([renamed(parts, path.length - 1, newName), value]);
    } else if (startsWith(names, path)) {
      result.set(name, changedValue(value, path.slice(names.length), newName));
      break;
    }
  }
  for (const [name, value] of added) add(result, name, value);
  return result;
}

const INDEX = /^\d+$/;

/** The names of a path, without positions in arrays; two positions in a row are left as they are. */
function withoutIndexes(parts: readonly string[]): readonly string[] {
  if (parts.length < 2 || parts.some((it, index) => index > 0 && INDEX.test(it) && INDEX.test(parts[index - 1]!))) return parts;
  return parts.filter((it) => !INDEX.test(it));
}

function startsWith(begin: readonly string[], path: readonly string[]): boolean {
  return begin.length <= path.length && begin.every((it, index) => path[index] === it);
}

function renamed(parts: readonly string[], position: number, newName: string): string {
  let named = -1;
  return parts
    .map((it) => {
      if (INDEX.test(it)) return it;
      named += 1;
      return named === position ? newName : it;
    })
    .join('.');
}
