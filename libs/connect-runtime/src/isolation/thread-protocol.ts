import type { HostMessage, TaskMessage } from './task-protocol.js';

/** To a thread: for the task in this slot. `start` opens the slot. */
export interface ToThread {
  readonly slot: number;
  readonly message: HostMessage;
}

/** From a thread: what the task in this slot says, or that it has ended, which is the last of it. */
export type FromThread = { readonly slot: number; readonly message: TaskMessage } | { readonly slot: number; readonly hasEnded: true };
