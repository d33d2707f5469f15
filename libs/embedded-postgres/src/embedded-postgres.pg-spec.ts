import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { EmbeddedPostgres } from './embedded-postgres.js';

async function query(server: EmbeddedPostgres, sql: string, password?: string): Promise<unknown[]> {
  const client = new Client({ ...server.connection(), ...(password === undefined ? {} : { password }) });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>({ text: sql })).rows;
  } finally {
    await client.end();
  }
}

describe('EmbeddedPostgres', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-pg-'));
  fs.chmodSync(folder, 0o755);
  let server: EmbeddedPostgres;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start({ folder: path.join(folder, 'a'), auth: 'scram-sha-256', password: 'right' });
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('decodes logically and refuses a wrong password', async () => {
    expect(await query(server, 'show wal_level')).toEqual([{ wal_level: 'logical' }]);
    await expect(query(server, 'select 1', 'wrong')).rejects.toThrow(/password authentication failed/);
  });

  it('keeps what was committed over a kill, and starts again on the same port', async () => {
    await query(server, 'create table kept (id int primary key)');
    await query(server, 'insert into kept values (1)');
    const { port } = server;
    await server.kill();
    await server.restart();
    expect(server.port).toBe(port);
    expect(await query(server, 'select id from kept')).toEqual([{ id: 1 }]);
  });

  it('ends a server that an earlier owner left behind', async () => {
    const left = server.pid!;
    const again = await EmbeddedPostgres.start({ folder: path.join(folder, 'a'), password: 'right' });
    expect(() => process.kill(left, 0)).toThrow();
    expect(await query(again, 'select id from kept')).toEqual([{ id: 1 }]);
    server = again;
  });
});
