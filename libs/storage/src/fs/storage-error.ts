import { errorMessage, OperationalError } from '@millrace/foundation';

const CODES: Readonly<Record<string, string>> = { ENOENT: 'FILE_NOT_FOUND', EEXIST: 'FILE_EXISTS', ENOSPC: 'STORAGE_FULL', EDQUOT: 'STORAGE_FULL' };

/** A failure of the operating system as the error that the FileSystem port promises. `STORAGE_FULL` is retriable: space may return. */
export function storageError(cause: unknown, action: string, path: string): OperationalError {
  const errno = typeof cause === 'object' && cause !== null ? (cause as { code?: unknown }).code : undefined;
  const code = (typeof errno === 'string' ? CODES[errno] : undefined) ?? 'STORAGE_FAILED';
  return new OperationalError(code, `cannot ${action} ${path}: ${errorMessage(cause)}`, { cause, isRetriable: code === 'STORAGE_FULL' });
}
