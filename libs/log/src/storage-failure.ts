import { hasCode } from '@millrace/foundation';

/** The disk refused (full) or can no longer be trusted: answered KAFKA_STORAGE_ERROR. Any other error of the log is a fault of ours. */
export function isStorageFailure(error: unknown): boolean {
  return hasCode(error, 'KAFKA_STORAGE_ERROR') || hasCode(error, 'STORAGE_FULL') || hasCode(error, 'STORAGE_FAILED') || hasCode(error, 'FILE_NOT_FOUND');
}
