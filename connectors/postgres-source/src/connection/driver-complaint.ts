const CONNECTION_ENDED = /^(?:Connection terminated(?: unexpectedly)?|Client has encountered a connection error and is not queryable|Client was closed and is not queryable|timeout expired)$/;
const TLS_REFUSED = /^(?:The server does not support SSL connections|There was an error establishing an SSL connection)$/;

/** What the driver `pg` says in words only: its own errors have no code. Undefined for any error that has one. */
export function driverComplaint(error: unknown): 'connection' | 'tls' | undefined {
  if (!(error instanceof Error) || 'code' in error) return undefined;
  if (CONNECTION_ENDED.test(error.message)) return 'connection';
  return TLS_REFUSED.test(error.message) ? 'tls' : undefined;
}
