import type { Offset } from '@millrace/foundation';

export const LOG_SUFFIX = '.log';
export const OFFSET_INDEX_SUFFIX = '.index';
export const TIME_INDEX_SUFFIX = '.timeindex';
export const TRANSACTION_INDEX_SUFFIX = '.txnindex';
export const SNAPSHOT_SUFFIX = '.snapshot';
/** Appended to a file's name when it no longer belongs to the log and waits for `file.delete.delay.ms`. */
export const DELETED_SUFFIX = '.deleted';
/** A segment that the cleaner is writing. */
export const CLEANED_SUFFIX = '.cleaned';
/** A cleaned segment that is whole and about to take the place of those it was made from. */
export const SWAP_SUFFIX = '.swap';

export const SEGMENT_SUFFIXES = [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX] as const;

const NAME = /^(\d{20})(\.[a-z]+)$/;

export function offsetFileName(offset: Offset, suffix: string): string {
  return String(offset).padStart(20, '0') + suffix;
}

/** `00000000000000000042.log` → 42 and `.log`; undefined for any other file. */
export function parseOffsetFileName(name: string): { readonly offset: Offset; readonly suffix: string } | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : { offset: Number(match[1]), suffix: match[2] ?? '' };
}
