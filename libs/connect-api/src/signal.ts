/** A request to a running source task; for Debezium's connectors `type` and `data` are those of its signal table (`execute-snapshot`, …). */
export interface TaskSignal {
  /** Chosen by the sender; comes back in notifications. */
  readonly id: string;
  /** What is asked for. */
  readonly type: string;
  /** Parsed JSON; null when the signal carries none. */
  readonly data: unknown;
}

/** How far a source task is behind. Leave out what the source cannot tell. */
export interface SourceLag {
  /** Age of the last change that was handed over, when it was handed over: now minus the time at the source. */
  readonly milliseconds?: number;
  /** Bytes of the source's log (or files) that are not read yet. */
  readonly bytes?: number;
}
