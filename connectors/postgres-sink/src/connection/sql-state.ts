import { driverComplaint } from './driver-complaint.js';
import { errorCode } from './error-code.js';

/**
 * What to do about an error: `connection` is broken and may come back; `transient`: the same transaction may succeed on the same connection;
 * `stale`: what is known of a table no longer holds; `data`: a record is at fault; `fatal`: none of these.
 */
export type FailureKind = 'connection' | 'transient' | 'stale' | 'data' | 'fatal';

const NETWORK_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'ENETRESET', 'EADDRNOTAVAIL']);
/** admin shutdown, crash shutdown, cannot connect now, database dropped; a server that has become read-only; an idle session ended. */
const LOST_STATES = new Set(['57P01', '57P02', '57P03', '57P04', '57P05', '25006', '26000', '25P02', '25P03']);
/** serialization failure, deadlock, statement completion unknown, lock not available, object in use, cancelled by a timeout, I/O error. */
const TRANSIENT_STATES = new Set(['40001', '40P01', '40003', '55P03', '55006', '57014', '58030']);
/** undefined table, column, schema; datatype mismatch; a cached plan that must change; could not open a relation that was dropped meanwhile. */
const STALE_STATES = new Set(['42P01', '42703', '3F000', '42804', '0A000', 'XX000']);

export function failureKind(error: unknown): FailureKind {
  const code = errorCode(error);
  if (code === undefined) return driverComplaint(error) === 'connection' ? 'connection' : 'fatal';
  if (NETWORK_CODES.has(code)) return 'connection';
  if (LOST_STATES.has(code) || code.startsWith('08')) return 'connection';
  if (TRANSIENT_STATES.has(code) || code.startsWith('53')) return 'transient';
  if (STALE_STATES.has(code)) return 'stale';
  // 22 data exception, 23 integrity constraint, 21 cardinality (the same key in two notations), 44 check option, P0 raised by a trigger.
  return /^(22|23|21|44|P0)/.test(code) ? 'data' : 'fatal';
}

/** The server and this side did not agree on TLS: the other way, with or without it, may do. The server refuses a way that its rules forbid with 28000. */
export function isTlsRefusal(error: unknown): boolean {
  const code = errorCode(error);
  return code === '28000' || code?.startsWith('ERR_SSL') === true || driverComplaint(error) === 'tls';
}
