/** The SQLSTATE of a server's error or the code of a system call's; undefined for another error. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The fields of a server's error that say where it is. */
export function errorDetail(error: unknown): { readonly column?: string; readonly where?: string; readonly constraint?: string } {
  return typeof error === 'object' && error !== null ? error : {};
}
