import { types, type Client } from 'pg';
import { ConnectionLost } from './connection-lost.js';

/** Numbers for int4, int2, oid and booleans as usual; text for all else. int8 as a number: positions and counters stay below 2^53. */
const PARSERS = { getTypeParser: ((oid: number, format?: 'text' | 'binary') => (oid === 20 ? Number : types.getTypeParser(oid, format))) as typeof types.getTypeParser };

/** One ordinary connection for queries. */
export class SqlSession {
  private lost: Error | undefined;

  constructor(readonly client: Client) {
    client.on('error', (error: Error) => (this.lost = error));
    client.on('end', () => (this.lost ??= new ConnectionLost('the connection to the server was closed')));
  }

  get isLost(): boolean {
    return this.lost !== undefined;
  }

  async query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]> {
    if (this.lost) throw this.lost;
    const result = await this.client.query<Row>({ text, types: PARSERS, ...(values === undefined ? {} : { values: [...values] }) });
    return result.rows;
  }

  /** Statements without a result; several may be given in one text. */
  async run(text: string): Promise<void> {
    if (this.lost) throw this.lost;
    await this.client.query(text);
  }

  async end(): Promise<void> {
    if (this.lost) return;
    await this.client.end();
  }
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
