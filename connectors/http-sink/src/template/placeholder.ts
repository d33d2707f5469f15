import { ConfigError, DataError, LazyStruct, type Schema, type SinkRecord, Struct, type Value } from '@millrace/connect-api';

const ROOTS = ['key', 'value', 'header', 'topic', 'partition', 'offset', 'timestamp', 'id'] as const;
type Root = (typeof ROOTS)[number];

/** `${value.order.id}`: where a piece of a request comes from. */
export interface Placeholder {
  readonly root: Root;
  readonly path: readonly string[];
  /** As it was written, for messages. */
  readonly text: string;
}

export type TemplatePiece = string | Placeholder;

/** Made only where it is asked for. */
export interface RecordId {
  toString(): string;
}

export interface Found {
  readonly schema: Schema | null;
  readonly value: Value;
}

/**
 * Text with placeholders: `${key}`, `${value.a.b}`, `${value['a.b'].0}`, `${header.name}`, `${topic}`, `${partition}`, `${offset}`,
 * `${timestamp}` (milliseconds), `${id}` (of a message of this record alone). `$${` stands for `${`.
 */
export function parseTemplate(text: string, setting: string): TemplatePiece[] {
  const pieces: TemplatePiece[] = [];
  let literal = '';
  for (let i = 0; i < text.length; ) {
    if (text.startsWith('$${', i)) {
      literal += '${';
      i += 3;
    } else if (text.startsWith('${', i)) {
      const end = text.indexOf('}', i);
      if (end < 0) throw new ConfigError(`Invalid value for configuration ${setting}: a placeholder is not closed by }`, setting);
      if (literal !== '') pieces.push(literal);
      literal = '';
      pieces.push(parsePlaceholder(text.slice(i + 2, end), setting));
      i = end + 1;
    } else {
      literal += text[i++];
    }
  }
  if (literal !== '') pieces.push(literal);
  return pieces;
}

function parsePlaceholder(inner: string, setting: string): Placeholder {
  const text = `\${${inner}}`;
  const refuse = (why: string): ConfigError => new ConfigError(`Invalid value for configuration ${setting}: ${text} ${why}`, setting);
  const name = /^[a-z]+/.exec(inner)?.[0] ?? '';
  const root = ROOTS.find((it) => it === name || (it === 'header' && name === 'headers'));
  if (!root) throw refuse(`is none of ${ROOTS.map((it) => `\${${it}}`).join(', ')}`);
  const rest = inner.slice(name.length);
  if (root === 'header' && rest.startsWith('.')) return { root, path: [rest.slice(1)], text };
  const path = [...rest.matchAll(/\.([^.['\]]+)|\['([^']*)'\]/g)];
  if (path.map((it) => it[0]).join('') !== rest) throw refuse('is not a path of fields: write .name, or [\'name\'] for a name with dots');
  const takesPath = root === 'key' || root === 'value' || root === 'header';
  if (!takesPath && path.length > 0) throw refuse('has no fields');
  if (root === 'header' && path.length !== 1) throw refuse('must name a header');
  return { root, path: path.map((it) => it[1] ?? it[2] ?? ''), text };
}

/** The value that a placeholder stands for. DataError where a field is missing, or stands below a null. */
export function find(placeholder: Placeholder, record: SinkRecord, id: RecordId): Found {
  switch (placeholder.root) {
    case 'key':
      return descend({ schema: record.keySchema, value: record.key }, placeholder);
    case 'value':
      return descend({ schema: record.valueSchema, value: record.value }, placeholder);
    case 'header': {
      const header = record.headers.findLast((it) => it.key === placeholder.path[0]);
      if (!header) throw new DataError(`${placeholder.text}: the record has no such header`);
      return header;
    }
    case 'topic':
      return { schema: null, value: record.topic };
    case 'partition':
      return { schema: null, value: BigInt(record.partition) };
    case 'offset':
      return { schema: null, value: BigInt(record.kafkaOffset) };
    case 'timestamp':
      return { schema: null, value: BigInt(record.timestampMs) };
    case 'id':
      return { schema: null, value: id.toString() };
  }
}

function descend(from: Found, { path, text }: Placeholder): Found {
  let found = from;
  for (const name of path) {
    const next = child(found, name);
    if (next === 'null') throw new DataError(`${text}: what holds the field ${name} is null`);
    if (!next) throw new DataError(`${text}: the record has no field ${name}`);
    found = next;
  }
  return found;
}

function child({ schema, value }: Found, name: string): Found | 'null' | undefined {
  if (value === null) return 'null';
  if (value instanceof Struct || value instanceof LazyStruct) {
    const field = value.schema.field(name);
    return field && { schema: field.schema, value: value.get(name) };
  }
  if (value instanceof Map) return value.has(name) ? { schema: schema?.valueSchema ?? null, value: value.get(name) ?? null } : undefined;
  if (Array.isArray(value) && /^\d+$/.test(name)) {
    const item = value[Number(name)];
    return item === undefined ? undefined : { schema: schema?.valueSchema ?? null, value: item };
  }
  return undefined;
}
