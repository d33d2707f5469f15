import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { OperationalError } from '@millrace/foundation';
import type { CarrierOptions, TaskCarrier } from './task-carrier.js';
import type { TaskMessage } from './task-protocol.js';

/** The compiled entry file, whether this runs from sources or compiled. */
export function entryFile(name: string): string {
  return path.resolve(__dirname, '../../dist/isolation', name);
}

/** A worker thread with a heap limit of its own: running out of heap, an endless loop or an exit ends the task, never the worker. */
export function startThreadCarrier(options: CarrierOptions): TaskCarrier {
  const thread = new Worker(entryFile('task-thread.js'), { resourceLimits: { maxOldGenerationSizeMb: options.heapMaxMb }, name: options.name });
  let isTerminated = false;
  let failure: Error | undefined;
  const carrier: TaskCarrier = {
    send: (message) => thread.postMessage(message),
    onMessage: () => undefined,
    onExit: () => undefined,
    terminate: async () => {
      isTerminated = true;
      await thread.terminate();
    },
  };
  thread.on('message', (message: TaskMessage) => carrier.onMessage(message));
  thread.on('error', (error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  thread.on('exit', (code) => {
    const unasked = failure ?? new OperationalError('CONNECT_TASK_EXITED', `The task's thread ended with exit code ${code}`);
    carrier.onExit(isTerminated ? undefined : unasked);
  });
  return carrier;
}
