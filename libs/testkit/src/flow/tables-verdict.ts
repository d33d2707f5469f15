import { Client } from 'pg';
import type { DatabaseServer } from './database-server.js';

/** Row count and checksum of a table, column by column in a fixed text form, independent of the order of rows. */
export async function tableChecksum(postgres: DatabaseServer, database: string, table: string): Promise<{ rows: number; checksum: string }> {
  const client = new Client(postgres.connection(database));
  await client.connect();
  try {
    const sql = `select count(*)::int as rows, coalesce(sum(('x' || substr(md5(concat_ws('|', id, version, writer, amount, note, extract(epoch from at::timestamptz))), 1, 15))::bit(60)::bigint), 0)::text as checksum from ${table}`;
    const { rows } = await client.query<{ rows: number; checksum: string }>(sql);
    return rows[0]!;
  } finally {
    await client.end();
  }
}
