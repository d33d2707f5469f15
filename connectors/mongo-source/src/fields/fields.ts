import { BsonType, documentBytes, valueLength, type Element } from '../bson/elements.js';

/** A document's fields in their order; for the few documents whose fields are changed. */
export type Fields = Map<string, Element>;

export function fieldsOf(bytes: Buffer, at: number): Fields {
  const end = at + bytes.readInt32LE(at) - 1;
  const fields: Fields = new Map();
  let next = at + 4;
  while (next < end) {
    const type = bytes[next]!;
    const nameEnd = bytes.indexOf(0, next + 1);
    fields.set(bytes.toString('utf8', next + 1, nameEnd), { type, bytes, at: nameEnd + 1 });
    next = nameEnd + 1 + valueLength(bytes, type, nameEnd + 1);
  }
  return fields;
}

export function documentOf(fields: Fields): Buffer {
  const parts: Buffer[] = [Buffer.alloc(4)];
  let size = 5;
  for (const [name, { type, bytes, at }] of fields) {
    const head = Buffer.from(`\0${name}\0`, 'utf8');
    head[0] = type;
    const value = bytes.subarray(at, at + valueLength(bytes, type, at));
    parts.push(head, value);
    size += head.length + value.length;
  }
  parts.push(Buffer.alloc(1));
  const bytes = Buffer.concat(parts, size);
  bytes.writeInt32LE(size, 0);
  return bytes;
}

export function documentElement(fields: Fields, type: number = BsonType.document): Element {
  return { type, bytes: documentOf(fields), at: 0 };
}

export function nestedFields(element: Element): Fields {
  return fieldsOf(documentBytes(element), 0);
}
