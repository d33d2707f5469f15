/** A record of an internal topic. */
export interface LogRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  readonly partition: number;
  readonly offset: number;
}

export interface LogEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** A compacted topic that is read from its beginning and followed: how each worker keeps its own copy of the cluster's state. */
export interface TopicLog {
  /** Makes the topic if it is missing, refuses it if it is not compacted, reads it to its end and goes on reading. */
  start(onRecord: (record: LogRecord) => void): Promise<void>;
  /** Resolves when all that was in the topic at the time of the call has been handed to `onRecord`. */
  readToEnd(): Promise<void>;
  /** Appends in order, as one batch where it fits; resolves when it is durable. */
  append(entries: readonly LogEntry[]): Promise<void>;
  stop(): Promise<void>;
}
