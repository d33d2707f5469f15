import type { WireHeader } from '../tasks/task-converters.js';

/** A sink's record as it stands in Kafka. Its bytes are views of the fetched batch. */
export interface OriginalRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly WireHeader[];
}

/** Where a sink record keeps its original; copies of the record keep it too. */
export const ORIGINAL: unique symbol = Symbol('original record');

export function originalOf(record: object): OriginalRecord | undefined {
  return (record as { readonly [ORIGINAL]?: OriginalRecord })[ORIGINAL];
}
