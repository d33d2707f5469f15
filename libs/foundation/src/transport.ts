export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * One ordered byte stream between two processes. Callbacks are set once, right after the connection is handed over and before
 * any event is delivered.
 */
export interface Connection {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /**
   * Queues bytes in order. False: more than the high-water mark is queued, wait for `onDrain` before writing more. The chunk must not change before `onTaken` is called: once,
   * when the system has taken it or the connection is gone.
   */
  write(chunk: Uint8Array, onTaken?: () => void): boolean;
  /** Until `uncork`, writes are gathered and leave together. */
  cork(): void;
  uncork(): void;
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes, whatever the peer sends meanwhile. A peer that does not read holds that up until `destroy`. */
  end(): void;
  /** Closes at once; what is queued is dropped. */
  destroy(): void;
  /** The chunk is lent: its memory may be used again once the callback has returned. */
  onData: (chunk: Uint8Array) => void;
  onDrain: () => void;
  /** Exactly once, also after `end` and `destroy`; with the error that ended it, if any. */
  onClose: (error: Error | undefined) => void;
}

export interface Listening {
  /** The port that was really bound (asked for 0: the system's choice). */
  readonly endpoint: Endpoint;
  /** Stops accepting; open connections live on. */
  close(): Promise<void>;
}

/** The network as a port: sockets in a process, seeded links in the simulator. */
export interface Transport {
  /** Rejects with code `ADDRESS_IN_USE` or `ADDRESS_UNAVAILABLE`, naming host and port. */
  listen(endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listening>;
  connect(endpoint: Endpoint, options: { timeoutMs: number }): Promise<Connection>;
}
