import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Broker } from '@millrace/log';
import { Admin } from './admin/admin.js';
import { Consumer } from './consumer/consumer.js';
import { Producer } from './producer/producer.js';

describe('a broker that goes away and comes back', () => {
  it('costs neither a record nor its order, and a consumer keeps its place', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-restart-'));
    const start = async (port: number): Promise<Broker> => {
      const broker = new Broker({ properties: { 'node.id': '1', listeners: `PLAINTEXT://127.0.0.1:${port}`, 'log.dirs': folder, 'group.initial.rebalance.delay.ms': '0', 'offsets.topic.num.partitions': '1' } });
      await broker.start();
      return broker;
    };
    let broker = await start(0);
    const port = broker.endpoints[0]?.port ?? 0;
    const bootstrapServers = `127.0.0.1:${port}`;
    const admin = new Admin({ bootstrapServers });
    await admin.createTopics([{ name: 't', partitions: 2, replicationFactor: 1 }]);
    const producer = new Producer({ bootstrapServers, lingerMs: 1, batchSize: 500, retryBackoffMs: 20 });
    const events: string[] = [];
    const consumer = new Consumer({ bootstrapServers, groupId: 'g', autoOffsetReset: 'earliest', heartbeatIntervalMs: 100, retryBackoffMs: 20, autoCommitIntervalMs: 50 });
    consumer.subscribe(['t'], { onAssigned: () => void events.push('assigned'), onLost: () => void events.push('lost') });
    const seen: number[][] = [[], []];
    const sends: Promise<unknown>[] = [];
    try {
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 200; i++) {
          sends.push(producer.send({ topic: 't', partition: i % 2, value: `${round * 200 + i}` }));
          if (i % 50 === 49) for (const record of await consumer.poll(20)) seen[record.partition]?.push(Number(record.value));
          if (i === 100 && round < 2) {
            await broker.stop();
            broker = await start(port);
          }
        }
      }
      await Promise.all(sends);
      for (const deadline = Date.now() + 15_000; seen.flat().length < 600 && Date.now() < deadline; ) for (const record of await consumer.poll(100)) seen[record.partition]?.push(Number(record.value));
      expect(seen).toEqual([0, 1].map((partition) => Array.from({ length: 300 }, (_, i) => 2 * i + partition)));
      expect(events).not.toContain('lost');
    } finally {
      await Promise.all([consumer.close({ timeoutMs: 3000 }), producer.close({ timeoutMs: 3000 }), admin.close()]);
      await broker.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
