import type { Headers } from '../data/headers.js';
import type { Schema } from '../data/schema.js';
import type { SchemaAndValue, Value } from '../data/value.js';

/** Bytes ↔ data. One instance per task and per key or value; never called concurrently. */
export interface Converter {
  configure(config: Readonly<Record<string, string>>, isKey: boolean): void;
  /** The bytes are valid until the next call (the caller copies them). Null: a null record part. Throws DataError. */
  fromConnectData(topic: string, schema: Schema | null, value: Value, headers?: Headers): Uint8Array | null;
  /** May return a LazyStruct that still points into `bytes`. Throws DataError. */
  toConnectData(topic: string, bytes: Uint8Array | null, headers?: Headers): SchemaAndValue;
}

export interface ConverterPlugin {
  readonly converter: () => Converter;
}
