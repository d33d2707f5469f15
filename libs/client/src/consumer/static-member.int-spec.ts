import { startBroker, type BrokerUnderTest } from '../../test/broker-under-test.js';
import { Admin } from '../admin/admin.js';
import { KafkaClient } from '../cluster/kafka-client.js';
import { Consumer } from './consumer.js';

const run = `${process.pid}-${Date.now()}`;
let broker: BrokerUnderTest;
let client: KafkaClient;
const open: Consumer[] = [];

beforeAll(async () => {
  broker = await startBroker();
  client = new KafkaClient({ bootstrapServers: broker.bootstrapServers });
  await new Admin({ client }).createTopics([{ name: `static-${run}`, partitions: 4 }]);
});
afterAll(async () => {
  for (const it of open) await it.close();
  client.close();
  await broker.stop();
});

interface Member {
  readonly consumer: Consumer;
  readonly calls: string[];
}

function member(groupId: string, groupInstanceId: string): Member {
  const consumer = new Consumer({ bootstrapServers: broker.bootstrapServers, groupId, groupInstanceId, sessionTimeoutMs: 30_000, heartbeatIntervalMs: 50 });
  open.push(consumer);
  const calls: string[] = [];
  consumer.subscribe([`static-${run}`], {
    onAssigned: (partitions) => void calls.push(`assigned ${partitions.map((it) => it.partition).join()}`),
    onRevoked: (partitions) => void calls.push(`revoked ${partitions.map((it) => it.partition).join()}`),
  });
  return { consumer, calls };
}

async function pollUntil(members: readonly Member[], isTrue: () => boolean): Promise<void> {
  for (const deadlineMs = performance.now() + 20_000; !isTrue(); ) {
    if (performance.now() > deadlineMs) throw new Error(`not in time; calls so far ${JSON.stringify(members.map((it) => it.calls))}`);
    for (const it of members) await it.consumer.poll(20);
  }
}

describe('static members (group.instance.id)', () => {
  it('come back to their partitions after a restart, and the others notice nothing', async () => {
    const group = `restart-${run}`;
    const a = member(group, 'a');
    const b = member(group, 'b');
    await pollUntil([a, b], () => a.consumer.assignment.length === 2 && b.consumer.assignment.length === 2);
    const [callsOfA, ofB] = [a.calls.length, b.consumer.assignment.map((it) => it.partition)];
    await b.consumer.close();
    const again = member(group, 'b');
    await pollUntil([a, again], () => again.consumer.assignment.length > 0);
    expect(again.consumer.assignment.map((it) => it.partition)).toEqual(ofB);
    // Some heartbeats more: a rebalance would have reached the other member by now.
    const quietUntilMs = performance.now() + 500;
    await pollUntil([a, again], () => performance.now() > quietUntilMs);
    expect(a.calls.length).toBe(callsOfA);
  }, 60_000);

  it('a second member of the same name takes the place, and the first one’s poll says so', async () => {
    const group = `fenced-${run}`;
    const first = member(group, 'one');
    await pollUntil([first], () => first.consumer.assignment.length === 4);
    const second = member(group, 'one');
    await pollUntil([second], () => second.consumer.assignment.length === 4);
    await expect(pollUntil([first], () => false)).rejects.toMatchObject({ code: 'KAFKA_FENCED_INSTANCE_ID' });
  }, 60_000);
});
