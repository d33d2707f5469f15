/** A failure of the disk, not of ours. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  return typeof code === 'string' && typeof errno === 'number';
}
