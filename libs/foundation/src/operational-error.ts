/**
 * A failure of the world, not of our code: a disk, a peer, a setting. It is retried or reported; `code` is its identity
 * (never `instanceof`, which does not survive a thread boundary).
 */
export class OperationalError extends Error {
  override readonly name: string = 'OperationalError';
  readonly code: string;
  readonly isRetriable: boolean;

  constructor(code: string, message: string, options: { cause?: unknown; isRetriable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.isRetriable = options.isRetriable ?? false;
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === code;
}

export function isRetriable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { isRetriable?: unknown }).isRetriable === true;
}

/** The text of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
