import type { Channel, HostMessage, TaskMessage } from './task-protocol.js';

/** What a task runs in. One carrier per start of a task; it ends once, by `onExit` or by `onDisplaced`. */
export interface TaskCarrier extends Channel<HostMessage, TaskMessage> {
  /** The carrier has ended; with the reason if nobody asked for it. */
  onExit: (error: Error | undefined) => void;
  /** The carrier was ended for the sake of another task in it: this one has done nothing wrong, and needs a new carrier. */
  onDisplaced: () => void;
  /** Ends it at once, whatever it does. */
  terminate(): Promise<void>;
}

export type Isolation = 'thread' | 'process' | 'inline';

export interface CarrierOptions {
  /** For names of threads and messages: `orders-0`. */
  readonly name: string;
  readonly heapMaxMb: number;
  /** The code that the task runs: tasks of one plugin may come to share a thread. */
  readonly pluginFile: string;
}
