import { compareValues } from '../bson/order.js';
import { build, BsonType, parseDocument, toRaw, type Plain, type RawDocument, type RawValue } from '../bson/raw-value.js';

/** What `updateDescription` of a change event says, as a document. */
export function describeUpdate(before: RawDocument, after: RawDocument): Buffer {
  const description: Description = { updated: new Map(), removed: [], truncated: [] };
  compareDocuments('', before, after, description);
  return build({ updatedFields: description.updated, removedFields: description.removed, truncatedArrays: description.truncated });
}

interface Description {
  readonly updated: RawDocument;
  readonly removed: string[];
  readonly truncated: Plain[];
}

function isSame(a: RawValue, b: RawValue): boolean {
  return a.type === b.type && a.bytes.equals(b.bytes);
}

function compareDocuments(prefix: string, before: RawDocument, after: RawDocument, into: Description): void {
  for (const name of before.keys()) if (!after.has(name)) into.removed.push(prefix + name);
  for (const [name, value] of after) {
    const old = before.get(name);
    const path = prefix + name;
    if (old && isSame(old, value)) continue;
    if (old?.type === BsonType.document && value.type === BsonType.document) compareDocuments(`${path}.`, parseDocument(old.bytes), parseDocument(value.bytes), into);
    else if (old?.type === BsonType.array && value.type === BsonType.array) compareArrays(path, parseDocument(old.bytes), parseDocument(value.bytes), into);
    else into.updated.set(path, value);
  }
}

function compareArrays(path: string, before: RawDocument, after: RawDocument, into: Description): void {
  if (after.size < before.size) into.truncated.push({ field: path, newSize: after.size });
  for (const [index, value] of after) {
    const old = before.get(index);
    if (old && isSame(old, value)) continue;
    if (old?.type === BsonType.document && value.type === BsonType.document) compareDocuments(`${path}.${index}.`, parseDocument(old.bytes), parseDocument(value.bytes), into);
    else into.updated.set(`${path}.${index}`, value);
  }
}

/** Whether two documents are the same byte for byte in all fields. */
export function areSame(a: RawDocument, b: RawDocument): boolean {
  return compareValues(toRaw(a), toRaw(b)) === 0 && toRaw(a).bytes.equals(toRaw(b).bytes);
}
