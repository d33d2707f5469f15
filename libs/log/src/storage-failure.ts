import { errorMessage, hasCode, type LogFields, type Logger } from '@millrace/foundation';
import type { ErrorName } from '@millrace/protocol';

/** The disk refused (full) or can no longer be trusted: answered KAFKA_STORAGE_ERROR. Any other error of the log is a fault of ours. */
export function isStorageFailure(error: unknown): boolean {
  return hasCode(error, 'KAFKA_STORAGE_ERROR') || hasCode(error, 'STORAGE_FULL') || hasCode(error, 'STORAGE_FAILED') || hasCode(error, 'FILE_NOT_FOUND');
}

/** What a partition is answered whose log cannot be read or cut: one of several in a request, so nothing is thrown. What is not a failure of the log is a fault of ours and goes on up. */
export function logErrorName(error: unknown): ErrorName {
  if (isStorageFailure(error)) return 'KAFKA_STORAGE_ERROR';
  if (hasCode(error, 'OFFSET_OUT_OF_RANGE')) return 'OFFSET_OUT_OF_RANGE';
  if (hasCode(error, 'CORRUPT_MESSAGE')) return 'CORRUPT_MESSAGE';
  throw error;
}

/** Periodic work on one of many logs or directories: what its disk refuses is logged with `fields` (a disk that failed has told so itself), and the others go on. Faults of ours are thrown. */
export function unlessDiskRefuses(logger: Logger, fields: LogFields, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!isStorageFailure(error)) throw error;
    logger.error({ ...fields, error: errorMessage(error) }, 'periodic work was refused by the disk');
  }
}
