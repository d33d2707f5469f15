import type { ClientConfig } from 'pg';

/** A PostgreSQL server as a flow needs it; the embedded one is such a server. */
export interface DatabaseServer {
  /** Where connectors find it: within a network of containers not where we do. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** How we connect to it. */
  connection(database?: string): ClientConfig;
  restart(): Promise<void>;
}
