import { createDatabase, openClient, sourceConfig, startServer } from '../test/database.js';
import { TaskDriver } from '../test/task-driver.js';

it('does not hold up a server that shuts down, although a record is not stored yet, and goes on afterwards', async () => {
  const { server, end } = await startServer();
  const client = await createDatabase(server, 'shutdown');
  client.on('error', () => undefined);
  await client.query('create table t (id int primary key)');
  const driver = await new TaskDriver({ config: sourceConfig(server, 'shutdown', { 'snapshot.mode': 'no_data' }) }).start();
  try {
    await driver.poll();
    await client.query('insert into t values (1)');
    await driver.take(1);
    await client.end();
    const polling = driver.until(() => driver.retried.length > 0);
    await server.stop();
    // A server that waits for its receiver in vain is killed by its owner in the end.
    expect(server.wasKilled).toBe(false);
    await polling;
    await server.restart();
    const later = await openClient(server, 'shutdown');
    await later.query('insert into t values (2)');
    await later.end();
    const [next] = await driver.take(1);
    expect((next?.key as { get(name: string): unknown } | undefined)?.get('id')).toBe(2);
  } finally {
    await driver.stop();
    await end();
  }
}, 60_000);
