import type { TaskSignal } from '@millrace/connect-api';
import type { TaskCounters } from '../isolation/task-protocol.js';

/** A running task. `run` resolves after an orderly stop and rejects with what made the task fail. */
export interface TaskLoop {
  run(): Promise<void>;
  pause(): void;
  resume(): void;
  requestStop(): void;
  counters(): TaskCounters;
  /** Resolves when the task has taken the signal; rejects with what it refused it with. */
  signal(signal: TaskSignal): Promise<void>;
}
