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
  readonly topic: string;
  /** Null for a source's record whose partition is not chosen yet. */
  readonly partition: number | null;
  readonly keySchema: Schema | null;
  readonly key: Value;
  readonly valueSchema: Schema | null;
  readonly value: Value;
  readonly timestampMs: number | null;
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

  close(): void {}
}

/** Decides for which records a transformation runs (`transforms.<alias>.predicate`, `.negate`). */
export abstract class Predicate {
  abstract config(): AnyConfigDef;
  abstract configure(config: ConnectorConfig): void;
  abstract test(record: ConnectRecord): boolean;
  close(): void {}
}

export interface TransformationPlugin {
  readonly transformation: () => Transformation;
}

export interface PredicatePlugin {
  readonly predicate: () => Predicate;
}
