import type { AnyConfigDef } from '../config/config-def.js';
import type { ConnectorConfig } from '../connector.js';
import type { Headers } from '../data/headers.js';
import type { Schema } from '../data/schema.js';
import type { Value } from '../data/value.js';

/**
 * What a transformation or predicate sees of a record, a source's or a sink's alike. Never changed in place: a transformation returns the
 * same object, or a new one with the members that differ (`{ ...record, topic }`). What else the runtime needs of the record (offsets,
 * source partition) it keeps by itself.
 */
export interface ConnectRecord {
  /** May be replaced: that is how records are routed. */
  readonly topic: string;
  /** Null for a source's record whose partition is not chosen yet. */
  readonly partition: number | null;
  /** Null: the key has no schema, or is null itself. */
  readonly keySchema: Schema | null;
  /** See `Value`. */
  readonly key: Value;
  /** Null: the value has no schema, or is null itself. */
  readonly valueSchema: Schema | null;
  /** Null: a tombstone. May be a LazyStruct: `get` makes a Struct of it, and to pass it on as it is costs nothing. */
  readonly value: Value;
  /** Milliseconds since 1970; null: none yet. */
  readonly timestampMs: number | null;
  /** A new array if they change. */
  readonly headers: Headers;
}

/** A step between connector and converter. One instance per task and place in the chain; synchronous; never called concurrently. */
export abstract class Transformation {
  /** The settings behind `transforms.<alias>.`, for validation and documentation. */
  abstract config(): AnyConfigDef;

  /** Called once, with the settings without their prefix. Throw ConfigError for what `config()` alone cannot check. */
  abstract configure(config: ConnectorConfig): void;

  /** Null drops the record (its offset still counts as done). Throw DataError for a record that cannot be transformed. */
  abstract apply(record: ConnectRecord): ConnectRecord | null;

  /** Called once, with the end of the task; frees what `configure` has made. */
  close(): void {}
}

/** Decides for which records a transformation runs (`transforms.<alias>.predicate`, `.negate`). */
export abstract class Predicate {
  /** The settings behind `predicates.<alias>.`, for validation and documentation. */
  abstract config(): AnyConfigDef;
  /** Called once, with the settings without their prefix. */
  abstract configure(config: ConnectorConfig): void;
  /** True: the transformation runs for this record (with `negate`: it does not). Synchronous; never changes the record. */
  abstract test(record: ConnectRecord): boolean;
  /** Called once, with the end of the task. */
  close(): void {}
}

/** What the export of a transformation's entry module is. */
export interface TransformationPlugin {
  /** Makes one instance for one task and place in the chain. */
  readonly transformation: () => Transformation;
}

/** What the export of a predicate's entry module is. */
export interface PredicatePlugin {
  /** Makes one instance for one task and place in the chain. */
  readonly predicate: () => Predicate;
}
