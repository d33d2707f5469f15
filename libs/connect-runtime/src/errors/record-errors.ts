import { ConnectError, type ConnectLogger } from '@millrace/connect-api';
import { errorMessage, hasCode } from '@millrace/foundation';
import type { DeadLetters } from './dead-letters.js';
import type { ErrorSettings } from './error-settings.js';
import { noErrors, type ErrorTotals } from './error-totals.js';
import type { FailedStep } from './failed-step.js';
import type { OriginalRecord } from './original-record.js';

const RETRY_DELAY_MIN_MS = 300;

/** How often one record was tried. */
export class Attempts {
  failed = 0;
  private startedMs = 0;

  /** The time to wait before the next try; undefined when there is none any more. */
  next(settings: Pick<ErrorSettings, 'retryTimeoutMs' | 'retryDelayMaxMs'>, nowMs: number): number | undefined {
    if (this.failed === 0) this.startedMs = nowMs;
    const leftMs = settings.retryTimeoutMs < 0 ? Infinity : this.startedMs + settings.retryTimeoutMs - nowMs;
    if (leftMs <= 0) return undefined;
    const delayMs = RETRY_DELAY_MIN_MS * 2 ** this.failed;
    this.failed += 1;
    return Math.min(delayMs > settings.retryDelayMaxMs ? Math.random() * settings.retryDelayMaxMs : delayMs, leftMs);
  }
}

/** What was being processed: for messages and the log, and for the dead-letter topic where there is one. */
export interface Culprit {
  readonly where: () => string;
  readonly fields: () => Readonly<Record<string, unknown>>;
  readonly original: () => OriginalRecord | undefined;
}

/** Decides what becomes of records that fail, by the connector's `errors.*`: counts, logs, writes dead letters. */
export class RecordErrors {
  readonly totals: ErrorTotals = noErrors();
  /** Set before the first record when the connector has a dead-letter topic. */
  deadLetters: DeadLetters | undefined;

  constructor(
    readonly settings: ErrorSettings,
    private readonly logger: ConnectLogger,
  ) {}

  /** Whether records must be known to be readable before the task gets them: only then can one be told from the others. */
  get isStrict(): boolean {
    return this.settings.isTolerant || this.settings.deadLetters !== null;
  }

  /**
   * A step failed: how long to wait before the same record is tried again, or undefined when it is skipped. Throws ConnectError when
   * errors are not tolerated; the record is in the log and the dead-letter topic then as well.
   */
  decide(step: FailedStep, culprit: Culprit, attempts: Attempts): number | undefined {
    const { totals, settings } = this;
    totals.totalRecordFailures += 1;
    if (hasCode(step.error, 'CONNECT_RETRIABLE')) {
      const delayMs = attempts.next(settings, Date.now());
      if (delayMs !== undefined) {
        totals.totalRetries += 1;
        return delayMs;
      }
    }
    totals.lastErrorTimestampMs = Date.now();
    totals.totalRecordErrors += 1;
    void this.report(step, culprit);
    if (!settings.isTolerant) throw intolerable(step, culprit);
    totals.totalRecordsSkipped += 1;
    return undefined;
  }

  /** The task gives up a record by itself. Resolves when the dead letter, if there is to be one, is written. */
  async give(step: FailedStep, culprit: Culprit): Promise<void> {
    const { totals } = this;
    totals.totalRecordFailures += 1;
    totals.lastErrorTimestampMs = Date.now();
    const reported = this.report(step, culprit);
    if (!this.settings.isTolerant) {
      totals.totalRecordErrors += 1;
      throw intolerable(step, culprit);
    }
    await reported;
  }

  private report(step: FailedStep, culprit: Culprit): Promise<void> {
    const { settings, totals, deadLetters } = this;
    if (settings.logsErrors) {
      totals.totalErrorsLogged += 1;
      this.logger.error({ stage: step.stage, class: step.className, error: errorMessage(step.error), ...(settings.logsRecords ? culprit.fields() : {}) }, 'error encountered in a task');
    }
    const original = deadLetters && culprit.original();
    return deadLetters && original ? deadLetters.report(original, step) : Promise.resolve();
  }
}

function intolerable({ stage, error }: FailedStep, culprit: Culprit): ConnectError {
  return Object.assign(new ConnectError(`Tolerance exceeded in error handler (${stage} of ${culprit.where()})`), { cause: error });
}
