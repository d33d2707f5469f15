import type { AckJournal } from '../ack-journal.js';

export interface ChaosClientOptions {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly recordsPerSecond: number;
  readonly journal: AckJournal;
  readonly folder: string;
}

/** An idempotent producer with acks=all that we did not write. */
export interface ChaosClient {
  start(): Promise<void>;
  /** Hands over no more and resolves when everything handed over is acknowledged, or `timeoutMs` is over. */
  stop(timeoutMs: number): Promise<void>;
}

/** The same for all: a request to a broker that hangs is given up after so long. */
export const REQUEST_TIMEOUT_MS = 4000;
