import { BsonType, parseDocument, type RawDocument, type RawValue } from '../bson/raw-value.js';

/** The value at a dotted path through documents (and array positions, when a part is a number). */
export function valueAt(fields: RawDocument, path: string): RawValue | undefined {
  let value: RawValue | undefined;
  let current: RawDocument | undefined = fields;
  for (const part of path.split('.')) {
    value = current?.get(part);
    current = value && (value.type === BsonType.document || value.type === BsonType.array) ? parseDocument(value.bytes) : undefined;
  }
  return value;
}

/** All values that a query on the path looks at: arrays on the way are looked into. */
export function valuesAt(fields: RawDocument, path: string): (RawValue | undefined)[] {
  const [first = '', ...rest] = path.split('.');
  const value = fields.get(first);
  if (rest.length === 0) return [value];
  const tail = rest.join('.');
  if (value?.type === BsonType.document) return valuesAt(parseDocument(value.bytes), tail);
  if (value?.type === BsonType.array) {
    const items = parseDocument(value.bytes);
    const inside = [...items.values()].filter((it) => it.type === BsonType.document).flatMap((it) => valuesAt(parseDocument(it.bytes), tail));
    return /^\d+$/.test(rest[0]!) ? [...valuesAt(items, tail), ...inside] : inside;
  }
  return [undefined];
}
