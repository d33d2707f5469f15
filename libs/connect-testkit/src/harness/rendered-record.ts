import { Decimal, type Schema, type SourceRecord, type Value } from '@millrace/connect-api';

/** A value as Java's JsonConverter shows it, as a plain object: bytes in base64, decimals as the bytes of their unscaled value. */
export function renderValue(schema: Schema | null, value: Value | undefined): unknown {
  const it = value ?? schema?.default ?? null;
  if (it === null) return null;
  if (typeof it === 'bigint') return Number(it);
  if (typeof it === 'number') return Number.isFinite(it) ? it : String(it);
  if (it instanceof Uint8Array) return Buffer.from(it).toString('base64');
  if (it instanceof Decimal) return Buffer.from(it.toBytes()).toString('base64');
  if (it instanceof Date) return schema?.name?.endsWith('.Date') ? it.getTime() / 86_400_000 : it.getTime();
  if (Array.isArray(it)) return it.map((item) => renderValue(schema?.valueSchema ?? null, item));
  if (it instanceof Map) return Object.fromEntries(Array.from(it, ([key, item]) => [String(key), renderValue(schema?.valueSchema ?? null, item)]));
  if (typeof it === 'object') {
    const struct = 'toStruct' in it ? it.toStruct() : it;
    return Object.fromEntries(struct.schema.fields.map((field) => [field.name, renderValue(field.schema, struct.at(field.index))]));
  }
  return it;
}

/** A schema as Java's JsonConverter shows it. */
export function renderSchema(schema: Schema, field?: string): unknown {
  const { type, optional, name, version, doc, parameters } = schema;
  return {
    type,
    ...(type === 'struct' ? { fields: schema.fields.map((it) => renderSchema(it.schema, it.name)) } : {}),
    ...(type === 'array' && schema.valueSchema ? { items: renderSchema(schema.valueSchema) } : {}),
    ...(type === 'map' && schema.keySchema && schema.valueSchema ? { keys: renderSchema(schema.keySchema), values: renderSchema(schema.valueSchema) } : {}),
    optional,
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    ...(doc === undefined ? {} : { doc }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(schema.default === undefined ? {} : { default: renderValue(schema, schema.default) }),
    ...(field === undefined ? {} : { field }),
  };
}

/** `{"schema": …, "payload": …}` of a key and a value; null where there is none. */
export interface RenderedRecord {
  readonly topic: string;
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** A record as Java's JsonConverter shows it: for comparing with records of another implementation. */
export function renderRecord(record: SourceRecord): RenderedRecord {
  return {
    topic: record.topic,
    key: record.keySchema && record.key !== null ? { schema: renderSchema(record.keySchema), payload: renderValue(record.keySchema, record.key) } : null,
    value: record.valueSchema && record.value !== null ? { schema: renderSchema(record.valueSchema), payload: renderValue(record.valueSchema, record.value) } : null,
    headers: Object.fromEntries((record.headers ?? []).map((it) => [it.key, renderValue(it.schema, it.value)])),
  };
}
