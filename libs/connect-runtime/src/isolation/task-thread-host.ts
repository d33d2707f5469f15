import { Worker } from 'node:worker_threads';
import { errorMessage, OperationalError } from '@millrace/foundation';
import { compiledEntry } from './compiled-entry.js';
import type { CarrierOptions, TaskCarrier } from './task-carrier.js';
import type { FromThread, ToThread } from './thread-protocol.js';

interface Slot {
  readonly carrier: TaskCarrier;
  readonly task: string;
}

/**
 * A worker thread with a heap limit of its own, and the tasks in it: running out of heap, an endless loop or an exit ends the thread and its tasks, never the worker. It ends with its last task.
 */
export class TaskThreadHost {
  private readonly thread: Worker;
  private readonly slots = new Map<number, Slot>();
  private nextSlot = 0;
  private isEnding = false;
  private failure: Error | undefined;
  /** The task for whose sake the thread is ended. */
  private terminatedFor: string | undefined;
  private readonly exited: Promise<void>;

  /** `onGone`: no further task may start in it; with the tasks that may be to blame: the one that did not stop, or all that shared it when nobody had asked it to end. */
  constructor(
    options: CarrierOptions,
    private readonly onGone: (suspects: readonly string[]) => void,
  ) {
    this.thread = new Worker(compiledEntry('task-thread.js'), { resourceLimits: { maxOldGenerationSizeMb: options.heapMaxMb }, name: options.name });
    this.thread.on('message', (message: FromThread) => this.take(message));
    this.thread.on('error', (error: unknown) => {
      this.failure = error instanceof Error ? error : new Error(String(error));
    });
    this.exited = new Promise((resolve) => {
      this.thread.on('exit', (code) => {
        this.hasExited(code);
        resolve();
      });
    });
  }

  get taskCount(): number {
    return this.slots.size;
  }

  start(task: string): TaskCarrier {
    const slot = this.nextSlot++;
    const carrier: TaskCarrier = {
      send: (message) => this.thread.postMessage({ slot, message } satisfies ToThread),
      onMessage: () => undefined,
      onExit: () => undefined,
      onDisplaced: () => undefined,
      terminate: () => this.terminate(slot, task),
    };
    this.slots.set(slot, { carrier, task });
    return carrier;
  }

  private take(message: FromThread): void {
    const { slot } = message;
    const carrier = this.slots.get(slot)?.carrier;
    if ('message' in message) return carrier?.onMessage(message.message);
    // The last one waits for the thread: whatever the task left open is closed then.
    if (this.slots.size === 1) {
      this.end();
      return;
    }
    this.slots.delete(slot);
    carrier?.onExit(undefined);
  }

  private async terminate(slot: number, task: string): Promise<void> {
    if (!this.slots.has(slot)) return;
    this.terminatedFor ??= task;
    this.end();
    await this.exited;
  }

  private end(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    this.onGone(this.terminatedFor === undefined ? [] : [this.terminatedFor]);
    void this.thread.terminate();
  }

  private hasExited(code: number): void {
    const slots = [...this.slots.values()];
    this.slots.clear();
    if (!this.isEnding) this.onGone(slots.length > 1 ? slots.map((it) => it.task) : []);
    for (const { carrier, task } of slots) {
      if (this.terminatedFor !== undefined && this.terminatedFor !== task) carrier.onDisplaced();
      else carrier.onExit(this.isEnding && this.failure === undefined ? undefined : this.reason(code, slots.length));
    }
  }

  private reason(code: number, tasks: number): Error {
    if (tasks === 1) return this.failure ?? new OperationalError('CONNECT_TASK_EXITED', `The task's thread ended with exit code ${code}`);
    const why = this.failure === undefined ? `exit code ${code}` : errorMessage(this.failure);
    return new OperationalError('CONNECT_TASK_EXITED', `The thread that the task shared with ${tasks - 1} others ended: ${why}`, { cause: this.failure });
  }
}
