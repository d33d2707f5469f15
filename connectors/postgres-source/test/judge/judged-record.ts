import type { SourceRecord } from '@millrace/connect-api';
import { JsonConverter } from '@millrace/connect-runtime';

/** A record as the JSON converter wrote it: texts without schemas, and (`…Full`) with them. */
export interface JudgedRecord {
  readonly profile: string;
  readonly topic: string;
  readonly key: string | null;
  readonly keyFull: string | null;
  readonly value: string | null;
  readonly valueFull: string | null;
  readonly headers: Readonly<Record<string, string | null>>;
  readonly offset: Readonly<Record<string, unknown>>;
}

function converter(hasSchemas: boolean, isKey: boolean): JsonConverter {
  const it = new JsonConverter();
  it.configure({ 'schemas.enable': String(hasSchemas), 'schemas.cache.size': '10000' }, isKey);
  return it;
}

const CONVERTERS = { key: converter(false, true), keyFull: converter(true, true), value: converter(false, false), valueFull: converter(true, false) };

/** A record that cannot be written is a difference, not the end of the comparison. */
function text(write: () => Uint8Array | null): string | null {
  try {
    const bytes = write();
    return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  } catch (error) {
    return JSON.stringify(`not written: ${String(error)}`);
  }
}

export function judged(profile: string, record: SourceRecord): JudgedRecord {
  const { topic, keySchema, key, valueSchema, value } = record;
  return {
    profile,
    topic,
    key: text(() => CONVERTERS.key.fromConnectData(topic, keySchema, key)),
    keyFull: text(() => CONVERTERS.keyFull.fromConnectData(topic, keySchema, key)),
    value: text(() => CONVERTERS.value.fromConnectData(topic, valueSchema, value)),
    valueFull: text(() => CONVERTERS.valueFull.fromConnectData(topic, valueSchema, value)),
    headers: Object.fromEntries((record.headers ?? []).map((it) => [it.key, text(() => CONVERTERS.value.fromConnectData(topic, it.schema, it.value))])),
    offset: { ...record.sourceOffset },
  };
}
