/**
 * The failures that a plugin may throw. Anything else counts as fatal for its task. Identity is `code`, which survives thread
 * boundaries; `instanceof` does not.
 */
export class ConnectError extends Error {
  override readonly name: string = 'ConnectError';
  /** What kind of failure it is: the runtime asks for this and never for the class. */
  readonly code: string = 'CONNECT_ERROR';
}

/** It may work if tried again: the runtime calls the same operation again (a sink gets the same batch), after `retryAfterMs` if given. */
export class RetriableError extends ConnectError {
  override readonly name = 'RetriableError';
  override readonly code = 'CONNECT_RETRIABLE';
  /** How long to wait before the next attempt, in milliseconds; undefined: the runtime's backoff, 100 ms (a sink: 250 ms) doubling to 10 s. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The settings are wrong; `key` names the first one at fault. */
export class ConfigError extends ConnectError {
  override readonly name = 'ConfigError';
  override readonly code = 'CONNECT_CONFIG';
  /** The setting at fault; undefined when no single one is. */
  readonly key: string | undefined;

  constructor(message: string, key?: string) {
    super(message);
    this.key = key;
  }
}

/** A record's data is wrong: subject to `errors.tolerance` and the dead-letter topic. */
export class DataError extends ConnectError {
  override readonly name = 'DataError';
  override readonly code = 'CONNECT_DATA';
}
