/** How a plugin logs: a constant message and fields. Lines carry the connector's name and task id by themselves. Never log secrets or record contents above trace. */
export interface ConnectLogger {
  /** Every step; may hold contents of records. */
  trace(fields: Readonly<Record<string, unknown>>, message: string): void;
  /** For whoever looks into a problem. */
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  /** What an operator wants to know once: a phase begins, a position is found. */
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  /** Something is not as it should be, and the task goes on. */
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  /** Something was lost or given up. A failure that is thrown need not be logged: the runtime does it. */
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}
