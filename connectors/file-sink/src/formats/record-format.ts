import type { SinkRecord } from '@millrace/connect-api';

/** A record in the form in which it stands in a file. */
export interface EncodedRecord {
  readonly content: string | Uint8Array;
  /** Records of different shapes cannot share a file (the columns of CSV). */
  readonly shape: string;
}

/** How records become the content of files. */
export interface RecordFormat {
  /** With the dot. */
  readonly extension: string;
  /** Throws DataError for a record that this format cannot hold. */
  encode(record: SinkRecord): EncodedRecord;
  /** What a file of this shape begins with. */
  head(shape: string): string;
}

/** The parts of a record that a file may show. */
export const OUTPUT_FIELDS = ['key', 'value', 'offset', 'partition', 'topic', 'timestamp', 'headers'] as const;
export type OutputField = (typeof OUTPUT_FIELDS)[number];
