import type { SchemaAndValue } from './value.js';

/** A record's headers: ordered, keys may repeat. */
export interface Header extends SchemaAndValue {
  /** Need not be unique among a record's headers. */
  readonly key: string;
}
/** A record's headers, in their order. */
export type Headers = readonly Header[];
