import type { SchemaAndValue } from './value.js';

/** A record's headers: ordered, keys may repeat. */
export interface Header extends SchemaAndValue {
  readonly key: string;
}
export type Headers = readonly Header[];
