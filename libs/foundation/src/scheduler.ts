export interface Scheduled {
  /** No effect once the callback has run. */
  cancel(): void;
}

/** Delayed calls as a port: real timers in a process, the virtual clock in a simulation. */
export interface Scheduler {
  /** Calls `callback` once, `delayMs` from now (however long that is), on the caller's event loop. Timers never keep the process alive by themselves. */
  after(delayMs: number, callback: () => void): Scheduled;
}
