import { ERROR_ROWS, ErrorCode, type ErrorName } from './generated/errors.js';

const ROW_BY_CODE = new Map(ERROR_ROWS.map((row) => [row[0], row]));

function row(code: number): (typeof ERROR_ROWS)[number] {
  return ROW_BY_CODE.get(code) ?? [ErrorCode.UNKNOWN_SERVER_ERROR, 'UNKNOWN_SERVER_ERROR', false, `Error code ${code}, which this version does not know.`];
}

/** Kafka's name of the code; UNKNOWN_SERVER_ERROR for a code from a newer broker. */
export function errorName(code: number): ErrorName {
  return row(code)[1];
}

/** Whether the same request may succeed when it is sent again. */
export function isRetriableError(code: number): boolean {
  return row(code)[2];
}

/** A sentence for people. */
export function errorText(code: number): string {
  return row(code)[3];
}

/** A failure that has a code in the protocol: it goes on the wire, or came from there. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly errorCode: number;
  readonly errorName: ErrorName;
  readonly isRetriable: boolean;
  /** Its identity across threads: `KAFKA_` and Kafka's name. */
  readonly code: `KAFKA_${ErrorName}`;

  constructor(errorCode: number, message?: string | null, options?: { cause?: unknown }) {
    super(message ?? errorText(errorCode), options);
    this.errorCode = errorCode;
    this.errorName = errorName(errorCode);
    this.isRetriable = isRetriableError(errorCode);
    this.code = `KAFKA_${this.errorName}`;
  }
}
