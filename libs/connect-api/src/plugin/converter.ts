import type { AnyConfigDef } from '../config/config-def.js';
import type { Headers } from '../data/headers.js';
import type { Schema } from '../data/schema.js';
import type { SchemaAndValue, Value } from '../data/value.js';

/** Bytes ↔ data. One instance per task and per key or value; never called concurrently. */
export interface Converter {
  /** Called once and first, with the settings behind `key.converter.` or `value.converter.`, prefix removed. Throws ConfigError. */
  configure(config: Readonly<Record<string, string>>, isKey: boolean): void;
  /** The bytes are valid until the next call (the caller copies them). Null: a null record part. Throws DataError. */
  fromConnectData(topic: string, schema: Schema | null, value: Value, headers?: Headers): Uint8Array | null;
  /** May return a LazyStruct that still points into `bytes`. Throws DataError. */
  toConnectData(topic: string, bytes: Uint8Array | null, headers?: Headers): SchemaAndValue;
}

/** What the export of a converter's entry module is. */
export interface ConverterPlugin {
  /** Makes one instance for the key or the value of one task. */
  readonly converter: () => Converter;
  /** What validation and documentation show of its settings; absent: nothing. */
  readonly config?: AnyConfigDef;
}

/** The same for header values. One instance per task; never called concurrently. */
export interface HeaderConverter {
  /** Called once and first, with the settings behind `header.converter.`, prefix removed. Throws ConfigError. */
  configure(config: Readonly<Record<string, string>>): void;
  /** The bytes are valid until the next call. Throws DataError. */
  fromConnectHeader(topic: string, headerKey: string, schema: Schema | null, value: Value): Uint8Array | null;
  /** The value must not point into `bytes`. Throws DataError. */
  toConnectHeader(topic: string, headerKey: string, bytes: Uint8Array | null): SchemaAndValue;
}

/** What the export of a header converter's entry module is. */
export interface HeaderConverterPlugin {
  /** Makes one instance for one task. */
  readonly headerConverter: () => HeaderConverter;
  /** What validation and documentation show of its settings; absent: nothing. */
  readonly config?: AnyConfigDef;
}
