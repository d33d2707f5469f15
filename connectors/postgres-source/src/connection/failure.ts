import { ConnectError, RetriableError } from '@millrace/connect-api';
import { ConnectionLost } from './connection-lost.js';
import { driverComplaint } from './driver-complaint.js';

const RETRIABLE_SQLSTATES = /^(?:08...|57P0[1234]|53300|40001|40P01|55P03|25006)$/;
const RETRIABLE_CODES = new Set([ConnectionLost.CODE, 'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'ENETRESET', 'EADDRNOTAVAIL']);

function codeOf(error: unknown): string {
  const { code, errors } = (error ?? {}) as { code?: unknown; errors?: readonly unknown[] };
  if (typeof code === 'string') return code;
  return errors?.[0] === undefined ? '' : codeOf(errors[0]);
}

/** What the driver or the server said, on one line. Neither puts a secret into its messages. */
export function reasonOf(error: unknown): string {
  const { message, errors } = error as { message?: string; errors?: readonly unknown[] };
  if (message) return message.replace(/\s+/g, ' ');
  return errors?.[0] === undefined ? String(error) : reasonOf(errors[0]);
}

/** Whether trying again may help: the connection was lost, or the server is starting or has no room. */
export function isRetriable(error: unknown): boolean {
  const code = codeOf(error);
  return error instanceof RetriableError || RETRIABLE_CODES.has(code) || RETRIABLE_SQLSTATES.test(code) || driverComplaint(error) === 'connection';
}

/** The server and this side did not agree on TLS: the other way, with or without it, may do. The server refuses a way that its rules forbid with 28000. */
export function isTlsRefusal(error: unknown): boolean {
  const code = codeOf(error);
  return code === '28000' || code.startsWith('ERR_SSL') || driverComplaint(error) === 'tls';
}

const OBJECT_IN_USE = '55006';

/** The slot is held by another session. */
export function isSlotBusy(error: unknown): boolean {
  return codeOf(error) === OBJECT_IN_USE;
}

export function slotBusy(message: string): Error {
  return Object.assign(new Error(message), { code: OBJECT_IN_USE });
}

/** A failure that the runtime must not try again, with what to do about it. */
export function fatal(message: string, cause?: unknown): ConnectError {
  return new ConnectError(cause === undefined ? message : `${message}: ${reasonOf(cause)}`, cause === undefined ? undefined : { cause });
}
