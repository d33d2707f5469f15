import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Broker } from '@millrace/log';

export interface BrokerUnderTest {
  readonly bootstrapServers: string;
  stop(): Promise<void>;
}

/** A broker of our own in a folder of its own; with MILLRACE_TEST_BOOTSTRAP the same tests run against any Kafka. */
export async function startBroker(more: Readonly<Record<string, string>> = {}): Promise<BrokerUnderTest> {
  const other = process.env.MILLRACE_TEST_BOOTSTRAP;
  if (other !== undefined) return { bootstrapServers: other, stop: () => Promise.resolve() };
  const folder = await mkdtemp(join(tmpdir(), 'millrace-client-'));
  const properties = { 'node.id': '1', listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': folder, 'group.initial.rebalance.delay.ms': '0', 'offsets.topic.num.partitions': '3', 'num.partitions': '1', ...more };
  const broker = new Broker({ properties });
  await broker.start();
  const endpoint = broker.endpoints[0];
  if (endpoint === undefined) throw new Error('the broker has no endpoint');
  return {
    bootstrapServers: `${endpoint.host}:${endpoint.port}`,
    stop: async () => {
      await broker.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
