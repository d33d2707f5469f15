import { OperationalError } from '@millrace/foundation';

/** What went wrong, as Connect's REST clients tell it apart: by status and text. */
export type RestErrorCode = 'NOT_FOUND' | 'ALREADY_EXISTS' | 'BAD_REQUEST' | 'CONFLICT' | 'FORBIDDEN' | 'REBALANCE' | 'TIMEOUT' | 'UNAVAILABLE' | 'FORWARDED' | 'INTERNAL';

/** A refusal of a request: `{"error_code": status, "message": message}` on the wire. */
export class ConnectRestError extends OperationalError {
  override readonly name = 'ConnectRestError';
  declare readonly code: RestErrorCode;

  constructor(
    code: RestErrorCode,
    readonly status: number,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(code, message, options);
  }
}

export function notFound(message: string): ConnectRestError {
  return new ConnectRestError('NOT_FOUND', 404, message);
}

export function badRequest(message: string): ConnectRestError {
  return new ConnectRestError('BAD_REQUEST', 400, message);
}

export function conflict(message: string): ConnectRestError {
  return new ConnectRestError('CONFLICT', 409, message);
}
