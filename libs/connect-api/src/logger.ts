/** How a plugin logs: a constant message and fields. Lines carry the connector's name and task id by themselves. Never log secrets or record contents above trace. */
export interface ConnectLogger {
  trace(fields: Readonly<Record<string, unknown>>, message: string): void;
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}
