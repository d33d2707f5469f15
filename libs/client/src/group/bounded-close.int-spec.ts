import type { Connection, Endpoint, Transport } from '@millrace/foundation';
import { NodeTransport } from '@millrace/network';
import { Admin } from '../admin/admin.js';
import { KafkaClient } from '../cluster/kafka-client.js';
import { Consumer } from '../consumer/consumer.js';
import { startBroker, type BrokerUnderTest } from '../../test/broker-under-test.js';
import { GroupMember } from './group-member.js';

/** Once it is mute, every connection is gone, and new ones are taken by somebody who never says a word: a process that stands still. */
class MutableTransport extends NodeTransport implements Transport {
  private readonly connections = new Set<Connection>();
  private isMute = false;

  override async connect(endpoint: Endpoint, options: { timeoutMs: number }): Promise<Connection> {
    const connection = await super.connect(endpoint, options);
    if (this.isMute) connection.write = () => true;
    this.connections.add(connection);
    return connection;
  }

  goMute(): void {
    this.isMute = true;
    for (const it of this.connections) it.destroy();
  }
}

async function until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const deadlineMs = performance.now() + 10_000; !(await isTrue()); ) {
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

let broker: BrokerUnderTest;
beforeAll(async () => {
  broker = await startBroker();
});
afterAll(() => broker.stop());

describe('what a close waits for', () => {
  it('a coordinator that stands still is told of the leave for a few seconds, also where no connection to it is up', async () => {
    const transport = new MutableTransport();
    const client = new KafkaClient({ bootstrapServers: broker.bootstrapServers, transport });
    let isAssigned = false;
    const member = new GroupMember({
      client,
      groupId: `mute-${process.pid}-${Date.now()}`,
      protocolType: 'connect',
      sessionTimeoutMs: 30_000,
      heartbeatMs: 60_000,
      protocols: () => [{ name: 'one', metadata: Buffer.from('m') }],
      performAssignment: () => new Map(),
      onAssigned: () => void (isAssigned = true),
      onFailed: (error) => expect(error).toBeUndefined(),
    });
    member.start();
    await until(() => isAssigned, 'joined');
    transport.goMute();
    const begunMs = performance.now();
    await member.close();
    expect(performance.now() - begunMs).toBeLessThan(8000);
    client.close();
  }, 20_000);

  it('a listener that does not come to an end holds a close up to its time, and no partition of the group afterwards, whoever owns the client', async () => {
    const client = new KafkaClient({ bootstrapServers: broker.bootstrapServers });
    const [topic, groupId] = [`held-${process.pid}-${Date.now()}`, `holders-${process.pid}-${Date.now()}`];
    await new Admin({ client }).createTopics([{ name: topic, partitions: 1, replicationFactor: 1 }]);
    const settings = { groupId, sessionTimeoutMs: 30_000, heartbeatIntervalMs: 100 };
    const [held, next] = [new Consumer({ ...settings, client }), new Consumer({ ...settings, bootstrapServers: broker.bootstrapServers })];
    held.subscribe([topic], { onRevoked: () => new Promise(() => undefined) });
    await until(async () => {
      await held.poll(20);
      return held.assignment.length === 1;
    }, 'joined');
    await held.close({ timeoutMs: 100 });
    next.subscribe([topic]);
    await until(async () => {
      await next.poll(20);
      return next.assignment.length === 1;
    }, 'the next one has it');
    await next.close();
    client.close();
  }, 20_000);
});
