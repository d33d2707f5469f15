import { fork } from 'node:child_process';
import { OperationalError } from '@millrace/foundation';
import type { CarrierOptions, TaskCarrier } from './task-carrier.js';
import type { TaskMessage } from './task-protocol.js';
import { compiledEntry } from './compiled-entry.js';

/** A process of its own: also memory outside the heap and native code cannot take the worker down. */
export function startProcessCarrier(options: CarrierOptions): TaskCarrier {
  const child = fork(compiledEntry('task-process.js'), [options.name], { serialization: 'advanced', execArgv: [`--max-old-space-size=${options.heapMaxMb}`] });
  let isTerminated = false;
  let end: () => void = () => undefined;
  const exited = new Promise<void>((resolve) => (end = resolve));
  const carrier: TaskCarrier = {
    send: (message) => {
      if (child.connected) child.send(message, () => undefined);
    },
    onMessage: () => undefined,
    onExit: () => undefined,
    onDisplaced: () => undefined,
    terminate: async () => {
      isTerminated = true;
      child.kill('SIGKILL');
      await exited;
    },
  };
  child.on('message', (message) => carrier.onMessage(message as TaskMessage));
  child.on('error', (error) => {
    // A child that was never there does not exit; other errors (a message or a signal that could not be sent) are followed by its exit.
    if (child.pid !== undefined) return;
    end();
    carrier.onExit(isTerminated ? undefined : error);
  });
  child.on('exit', (code, signal) => {
    end();
    const unasked = new OperationalError('CONNECT_TASK_EXITED', `The task's process ended with ${signal === null ? `exit code ${code}` : `signal ${signal}`}`);
    carrier.onExit(isTerminated ? undefined : unasked);
  });
  return carrier;
}
