import { ErrorCode, ProtocolError } from '@millrace/protocol';

/** What became of one of several things that were asked for at once: some may fail while others succeed. */
export interface Outcome {
  /** Undefined: it worked. */
  readonly error: ProtocolError | undefined;
}

export function errorOf(errorCode: number, message?: string | null): ProtocolError | undefined {
  return errorCode === ErrorCode.NONE ? undefined : new ProtocolError(errorCode, message);
}

/** Throws the first failure. */
export function throwFailures(outcomes: readonly Outcome[]): void {
  for (const { error } of outcomes) if (error !== undefined) throw error;
}
