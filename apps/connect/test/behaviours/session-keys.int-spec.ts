import { createHmac } from 'node:crypto';
import { Consumer } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

const TTL_MS = 1500;
let cluster: Cluster | undefined;
afterAll(() => cluster?.stop(), 60_000);

/** The keys that sign requests between workers, in the order in which they were written. */
async function keys(of: Cluster): Promise<string[]> {
  const consumer = new Consumer({ bootstrapServers: of.bootstrap, enableAutoCommit: false });
  const partition = { topic: `${of.run}-configs`, partition: 0 };
  consumer.assign([partition]);
  consumer.seekToBeginning([partition]);
  const [end] = await consumer.endOffsets([partition]);
  const found: string[] = [];
  for (let position = 0; position < Number(end?.offset ?? 0); ) {
    for (const record of await consumer.poll(500)) {
      position = Number(record.offset) + 1;
      if (Buffer.from(record.key ?? []).toString() === 'session-key') found.push((JSON.parse(Buffer.from(record.value ?? []).toString()) as { key: string }).key);
    }
  }
  await consumer.close({ timeoutMs: 500 });
  return found;
}

const signed = (key: string): Record<string, string> => ({ 'X-Connect-Authorization': createHmac('sha256', Buffer.from(key, 'base64')).update('[]').digest('base64'), 'X-Connect-Request-Signature-Algorithm': 'HmacSHA256' });

describe('the key of requests between workers', () => {
  ownIt('is changed after inter.worker.key.ttl.ms: the old one is refused, and task configs still come from workers that do not lead', async () => {
    const workers = await Cluster.start({ workers: 2, settings: { 'inter.worker.key.ttl.ms': String(TTL_MS) } });
    cluster = workers;
    const names: string[] = [];
    for (const word of ['k1', 'k2']) names.push(await workers.create(word, { 'connector.class': 'test.TroubleSourceConnector', 'tasks.max': '1', topic: workers.name(word) }));
    await waitFor('each worker has a connector', 60_000, async () => new Set(await Promise.all(names.map(async (it) => (await workers.status(it)).connector?.worker_id))).size === 2);

    const [oldest = ''] = await keys(workers);
    for (let tasks = 2; tasks <= 4; tasks++) {
      const before = (await keys(workers)).length;
      await waitFor('there is a new key', 30_000, async () => (await keys(workers)).length > before);
      for (const name of names) {
        await workers.settled('PUT', `/connectors/${name}/config`, { body: { name, 'connector.class': 'test.TroubleSourceConnector', 'tasks.max': String(tasks), topic: name } });
        await workers.untilStates(name, 'RUNNING', Array.from({ length: tasks }, () => 'RUNNING'));
      }
    }
    const all = await keys(workers);
    expect(new Set(all).size).toBe(all.length);
    const path = `/connectors/${names[0]}/tasks`;
    for (const worker of workers.workers) expect((await workers.settled('POST', path, { worker, body: [], headers: signed(oldest) })).body).toEqual({ error_code: 403, message: 'Internal request contained invalid signature.' });
    // The newest is taken; one that is just being replaced may be refused once.
    await waitFor('the key of now is taken', 30_000, async () => (await workers.settled('POST', `/connectors/${workers.name('nobody')}/tasks`, { body: [], headers: signed((await keys(workers)).at(-1) ?? '') })).status === 404);
    for (const it of names) await workers.remove_(it);
  }, 150_000);
});
