import { OperationalError } from '@millrace/foundation';

/** Bytes that a codec cannot read. */
export function corruptCompression(codec: string, cause: unknown): OperationalError {
  return new OperationalError('CORRUPT_COMPRESSION', `${codec} data cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}

/** Bytes that would become more than the caller allows. */
export function decompressionLimit(codec: string, outputBytesMax: number): OperationalError {
  return new OperationalError('DECOMPRESSION_LIMIT', `${codec} data decompresses to more than ${outputBytesMax} bytes`);
}
