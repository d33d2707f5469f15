import { ConnectError, RetriableError } from '@millrace/connect-api';

/** Server errors after which the same may work again: elections, shut-downs, cursors that are gone, timeouts, no room. */
const RETRIABLE_CODES = new Set([6, 7, 43, 50, 63, 89, 91, 133, 134, 136, 150, 175, 189, 202, 222, 234, 237, 262, 317, 365, 9001, 10107, 11600, 11602, 13388, 13435, 13436]);
const RETRIABLE_NAMES = new Set([
  'MongoNetworkError',
  'MongoNetworkTimeoutError',
  'MongoServerSelectionError',
  'MongoNotConnectedError',
  'MongoServerClosedError',
  'MongoTopologyClosedError',
  'MongoClientClosedError',
  'MongoExpiredSessionError',
  'PoolClearedError',
  'MongoPoolClearedError',
  'PoolClearedOnNetworkError',
  'MongoPoolClosedError',
  'MongoOperationTimeoutError',
  'WaitQueueTimeoutError',
  'MongoWaitQueueTimeoutError',
]);
const RETRIABLE_SYSTEM_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

export const UNAUTHORIZED = 13;
export const AUTHENTICATION_FAILED = 18;
export const INVALID_RESUME_TOKEN = 260;
export const CHANGE_STREAM_FATAL = 280;
export const CHANGE_STREAM_HISTORY_LOST = 286;
const OBJECT_TOO_LARGE = 10334;
const NOT_A_REPLICA_SET = 40573;

/** The server's error code, or undefined. */
export function serverCode(error: unknown): number | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

/** What the driver or the server said, on one line, without what a connection string may hold. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error && error.message !== '' ? error.message : String(error);
  return text.replace(/\s+/g, ' ').replace(/\/\/[^@/\s]*@/g, '//***@');
}

/** Whether trying again may help. */
export function isRetriable(error: unknown): boolean {
  if (error instanceof RetriableError) return true;
  const { code, name } = (error ?? {}) as { code?: unknown; name?: string };
  if (typeof code === 'number') return RETRIABLE_CODES.has(code);
  return RETRIABLE_NAMES.has(name ?? '') || RETRIABLE_SYSTEM_CODES.has(String(code));
}

/** A failure that the runtime must not try again, with what to do about it. */
export function fatal(message: string, cause?: unknown): ConnectError {
  return new ConnectError(cause === undefined ? message : `${message}: ${reasonOf(cause)}`, cause === undefined ? undefined : { cause });
}

/** The failure of a change stream or a read, in words that say what to do. */
export function explained(error: unknown): Error {
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('CONNECT_')) return error;
  switch (serverCode(error)) {
    case OBJECT_TOO_LARGE:
      return fatal('A change event is larger than the server can send (16 MB). Set cursor.oversize.handling.mode to split (MongoDB 6.0.9 and later), or to skip with cursor.oversize.skip.threshold to leave such documents out', error);
    case UNAUTHORIZED:
      return fatal('The user may not read this: it needs read (with changeStream and find) on what capture.scope names, and listDatabases and listCollections', error);
    case AUTHENTICATION_FAILED:
      return fatal('The server did not accept the user: check mongodb.user, mongodb.password and mongodb.authsource, or the connection string', error);
    case NOT_A_REPLICA_SET:
      return fatal('Change streams need a replica set or a sharded cluster', error);
    default:
      return fatal('Reading MongoDB failed', error);
  }
}

/** The server does not have the changes any more that the connector is to go on with. */
export class PositionLost extends ConnectError {
  constructor(reason: string) {
    super(
      `The changes that the connector is to go on with are no longer in the server's log (${reason}), so some would be missing. ` +
        'Reconfigure the connector to take a new snapshot when needed (snapshot.mode=when_needed), or delete its offsets for a new snapshot; a longer oplog keeps this from happening again',
    );
  }
}
