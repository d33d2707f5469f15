import type { ConfigOf } from '@millrace/connect-api';
import type { CONNECTOR_CONFIG } from '../config/connector-config.js';
import type { StringMap } from '../rest/shapes.js';

/** A sink's dead-letter topic. */
export interface DeadLetterSettings {
  readonly topic: string;
  readonly replicationFactor: number;
  readonly hasContextHeaders: boolean;
  readonly producerConfig: StringMap;
  readonly adminConfig: StringMap;
}

/** A connector's `errors.*`. */
export interface ErrorSettings {
  /** -1: without end. */
  readonly retryTimeoutMs: number;
  readonly retryDelayMaxMs: number;
  readonly isTolerant: boolean;
  readonly logsErrors: boolean;
  /** With where the record stands (sink), or what it is (source). */
  readonly logsRecords: boolean;
  readonly deadLetters: DeadLetterSettings | null;
}

export function errorSettings(config: ConfigOf<typeof CONNECTOR_CONFIG>, deadLetters: DeadLetterSettings | null): ErrorSettings {
  return {
    retryTimeoutMs: config['errors.retry.timeout'],
    retryDelayMaxMs: config['errors.retry.delay.max.ms'],
    isTolerant: config['errors.tolerance'] === 'all',
    logsErrors: config['errors.log.enable'],
    logsRecords: config['errors.log.include.messages'],
    deadLetters,
  };
}

export const NO_ERROR_HANDLING: ErrorSettings = { retryTimeoutMs: 0, retryDelayMaxMs: 60_000, isTolerant: false, logsErrors: false, logsRecords: false, deadLetters: null };
