import type { Channel, HostMessage, TaskMessage } from './task-protocol.js';

/** What a task runs in. One carrier per start of a task. */
export interface TaskCarrier extends Channel<HostMessage, TaskMessage> {
  /** Once, when the carrier has ended; with the reason if nobody asked for it. */
  onExit: (error: Error | undefined) => void;
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
