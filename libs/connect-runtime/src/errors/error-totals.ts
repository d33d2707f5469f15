/** Kafka Connect's task-error-metrics, since the task started. */
export interface ErrorTotals {
  /** Failed operations, each retry that failed included. */
  totalRecordFailures: number;
  /** Records that failed for good. */
  totalRecordErrors: number;
  totalRecordsSkipped: number;
  totalRetries: number;
  totalErrorsLogged: number;
  deadLetterQueueProduceRequests: number;
  deadLetterQueueProduceFailures: number;
  /** 0: there was none. */
  lastErrorTimestampMs: number;
}

export function noErrors(): ErrorTotals {
  return {
    totalRecordFailures: 0,
    totalRecordErrors: 0,
    totalRecordsSkipped: 0,
    totalRetries: 0,
    totalErrorsLogged: 0,
    deadLetterQueueProduceRequests: 0,
    deadLetterQueueProduceFailures: 0,
    lastErrorTimestampMs: 0,
  };
}
