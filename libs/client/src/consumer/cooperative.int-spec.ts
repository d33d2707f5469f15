import { LeaveGroup } from '@millrace/protocol';
import { topicPartitionName, type TopicPartition } from '@millrace/foundation';
import { waitFor } from '@millrace/testkit';
import { Admin } from '../admin/admin.js';
import type { KafkaClientOptions } from '../cluster/client-options.js';
import { KafkaClient } from '../cluster/kafka-client.js';
import { Producer } from '../producer/producer.js';
import { stringSerializer } from '../serializers.js';
import { startBroker, type BrokerUnderTest } from '../../test/broker-under-test.js';
import { rangeAssignor, type Assignor } from './assignors.js';
import { Consumer } from './consumer.js';
import type { ConsumerSettings } from './consumer-options.js';
import { cooperativeStickyAssignor, stickyAssignor } from './sticky-assignors.js';

let broker: BrokerUnderTest;
let client: KafkaClient;
let admin: Admin;
let producer: Producer;
const closing: (() => Promise<void>)[] = [];
const run = `${process.pid}-${Date.now()}`;
let made = 0;

beforeAll(async () => {
  broker = await startBroker();
  client = new KafkaClient({ bootstrapServers: broker.bootstrapServers, clientId: 'cooperative-spec', retryBackoffMs: 20 });
  admin = new Admin({ client });
  producer = new Producer({ client, lingerMs: 1 });
});
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});
afterAll(async () => {
  await producer.close();
  client.close();
  await broker.stop();
});

async function topic(partitions: number): Promise<string> {
  const name = `cooperative-${run}-${made++}`;
  const [outcome] = await admin.createTopics([{ name, partitions, replicationFactor: 1 }]);
  expect(outcome?.error).toBeUndefined();
  return name;
}

const numbers = (partitions: readonly TopicPartition[]): string => partitions.map((it) => it.partition).sort().join('');

/** A member that notes what it is told, and that nothing of it is another's. */
class Member {
  readonly events: string[] = [];
  readonly consumer: Consumer<string, string>;
  readonly seen: string[] = [];

  constructor(
    readonly groupId: string,
    private readonly topics: readonly string[],
    private readonly owners: Map<string, Member>,
    assignors: readonly Assignor[],
    more: ConsumerSettings & Partial<KafkaClientOptions> = {},
  ) {
    this.consumer = new Consumer<string, string>({ bootstrapServers: broker.bootstrapServers, groupId, assignors, autoOffsetReset: 'earliest', heartbeatIntervalMs: 100, sessionTimeoutMs: 6000, retryBackoffMs: 20, valueDeserializer: stringSerializer, ...more });
    closing.push(() => this.consumer.close({ timeoutMs: 5000 }));
  }

  join(): this {
    const told = (sign: string) => (partitions: readonly TopicPartition[]): void => {
      this.events.push(`${sign}${numbers(partitions)}`);
      for (const name of partitions.map(topicPartitionName)) {
        if (sign === '+') {
          if (this.owners.has(name)) this.events.push(`${name} has another owner`);
          this.owners.set(name, this);
        } else if (this.owners.get(name) === this) this.owners.delete(name);
      }
    };
    this.consumer.subscribe(this.topics, { onAssigned: told('+'), onRevoked: told('-'), onLost: told('lost ') });
    return this;
  }

  get share(): string {
    return numbers(this.consumer.assignment);
  }

  async poll(): Promise<void> {
    for (const it of await this.consumer.poll(50)) this.seen.push(`${it.partition}:${it.value}`);
  }
}

async function pollUntil(members: readonly Member[], isDone: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 25_000; !isDone(); ) {
    if (Date.now() > deadline) throw new Error(`not in time: ${JSON.stringify(members.map((it) => [it.share, it.events]))}`);
    await Promise.all(members.map((it) => it.poll()));
  }
}

const loads = (members: readonly Member[]): number[] => members.map((it) => it.share.length).sort();
const isBalanced = (members: readonly Member[], partitions: number) => (): boolean => loads(members).join() === members.map((_, i) => Math.floor((partitions + i) / members.length)).sort().join();

describe('cooperative rebalancing', () => {
  it('takes only what goes to another member, and only after that is let go', async () => {
    const [name, owners, groupId] = [await topic(4), new Map<string, Member>(), `group-${run}-${made++}`];
    const a = new Member(groupId, [name], owners, [cooperativeStickyAssignor]).join();
    await pollUntil([a], () => a.share === '0123');
    const b = new Member(groupId, [name], owners, [cooperativeStickyAssignor]).join();
    await pollUntil([a, b], () => isBalanced([a, b], 4)() && a.events.length >= 4);
    expect(a.share + b.share).toMatch(/^(?!.*(.).*\1).{4}$/);
    // Joined twice more: to let two go, and once these are free.
    expect(a.events).toEqual(['+0123', `-${b.share}`, '+', '+']);
    expect(b.events).toEqual(['+', `+${b.share}`]);
    const [before, left] = [a.share, b.share];
    await b.consumer.close();
    await pollUntil([a], () => a.share.length === 4);
    expect(a.share).toBe('0123');
    expect(a.events.slice(4)).toEqual([`+${left}`]);
    expect(before).toHaveLength(2);
  });

  it('reads on, and commits, what it keeps while the others join and leave', async () => {
    const [name, owners, groupId] = [await topic(6), new Map<string, Member>(), `group-${run}-${made++}`];
    const a = new Member(groupId, [name], owners, [cooperativeStickyAssignor], { enableAutoCommit: false }).join();
    await pollUntil([a], () => a.share.length === 6);
    let isOver = false;
    let commits = 0;
    const committing = (async () => {
      for (; !isOver; commits++) {
        const [kept] = a.consumer.assignment;
        if (kept !== undefined) await a.consumer.commit([{ ...kept, offset: 0 }]);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const kept = new Set('012345');
    for (let round = 0; round < 5; round++) {
      const others = [1, 2].map(() => new Member(groupId, [name], owners, [cooperativeStickyAssignor]).join());
      await pollUntil([a, ...others], isBalanced([a, ...others], 6));
      for (const it of [...kept]) if (!a.share.includes(it)) kept.delete(it);
      await Promise.all(others.map((it) => it.consumer.close()));
      await pollUntil([a], () => a.share.length === 6);
      expect(others.flatMap((it) => it.events).filter((it) => it.includes('owner'))).toEqual([]);
    }
    isOver = true;
    await committing;
    expect(commits).toBeGreaterThan(5);
    // The two that were never revoked are those of the first rebalance.
    expect(kept.size).toBe(2);
    expect(a.events.filter((it) => /owner|lost/.test(it))).toEqual([]);
  }, 60_000);

  it('each record goes to one member, in order, also from partitions that move', async () => {
    const [name, owners, groupId] = [await topic(6), new Map<string, Member>(), `group-${run}-${made++}`];
    let value = 0;
    const fill = async (): Promise<void> => {
      await Promise.all(Array.from({ length: 300 }, () => producer.send({ topic: name, partition: value % 6, value: `${value++}` })));
    };
    const members = [new Member(groupId, [name], owners, [cooperativeStickyAssignor]).join()];
    for (let i = 0; i < 3; i++) {
      await fill();
      await pollUntil(members, isBalanced(members, 6));
      members.push(new Member(groupId, [name], owners, [cooperativeStickyAssignor]).join());
    }
    await fill();
    await pollUntil(members, () => isBalanced(members, 6)() && members.reduce((sum, it) => sum + it.seen.length, 0) >= value);
    const seen = members.flatMap((it) => it.seen);
    expect([...seen].sort()).toEqual(Array.from({ length: value }, (_, i) => `${i % 6}:${i}`).sort());
  }, 60_000);

  it('is told as lost what it holds when the group does not know it any more', async () => {
    const [name, owners, groupId] = [await topic(2), new Map<string, Member>(), `group-${run}-${made++}`];
    const a = new Member(groupId, [name], owners, [cooperativeStickyAssignor]).join();
    await pollUntil([a], () => a.share === '01');
    const nodeId = await client.coordinator(groupId);
    await client.request(nodeId, LeaveGroup, () => ({ groupId, members: [{ memberId: a.consumer.memberId }] }));
    await pollUntil([a], () => a.events.length >= 3);
    expect(a.events).toEqual(['+01', 'lost 01', '+01']);
  });

  it('learns of that by a commit as well', async () => {
    const [name, owners, groupId] = [await topic(2), new Map<string, Member>(), `group-${run}-${made++}`];
    const a = new Member(groupId, [name], owners, [cooperativeStickyAssignor], { enableAutoCommit: false, heartbeatIntervalMs: 5000 }).join();
    await pollUntil([a], () => a.share === '01');
    await client.request(await client.coordinator(groupId), LeaveGroup, () => ({ groupId, members: [{ memberId: a.consumer.memberId }] }));
    const sinceMs = Date.now();
    await expect(a.consumer.commit([{ topic: name, partition: 0, offset: 0 }])).rejects.toMatchObject({ code: 'COMMIT_FAILED' });
    await pollUntil([a], () => a.events.length >= 3);
    expect(a.events).toEqual(['+01', 'lost 01', '+01']);
    expect(Date.now() - sinceMs).toBeLessThan(4000);
  });

  it('tells it as lost also when it is closed before the next poll', async () => {
    const [name, owners, groupId] = [await topic(2), new Map<string, Member>(), `group-${run}-${made++}`];
    const a = new Member(groupId, [name], owners, [cooperativeStickyAssignor]).join();
    await pollUntil([a], () => a.share === '01');
    await client.request(await client.coordinator(groupId), LeaveGroup, () => ({ groupId, members: [{ memberId: a.consumer.memberId }] }));
    await waitFor('the heartbeat has found out', 5000, () => Promise.resolve(a.consumer.memberId === ''));
    await a.consumer.close();
    expect(a.events).toEqual(['+01', 'lost 01']);
  });

  it('revokes only the topics that are not subscribed to any more', async () => {
    const [one, two, owners, groupId] = [await topic(1), await topic(1), new Map<string, Member>(), `group-${run}-${made++}`];
    const a = new Member(groupId, [one, two], owners, [cooperativeStickyAssignor]);
    const events: string[] = [];
    const listener = { onAssigned: (list: readonly TopicPartition[]) => void events.push(`+${list.map((it) => it.topic).sort().join()}`), onRevoked: (list: readonly TopicPartition[]) => void events.push(`-${list.map((it) => it.topic).join()}`) };
    a.consumer.subscribe([one, two], listener);
    await pollUntil([a], () => a.share.length === 2);
    a.consumer.subscribe([two], listener);
    await pollUntil([a], () => events.length >= 3);
    expect(events).toEqual([`+${[one, two].sort().join()}`, `-${one}`, '+']);
    expect(a.consumer.assignment).toEqual([{ topic: two, partition: 0 }]);
  });

  it('finds a topic that is made later without waiting for old metadata', async () => {
    const [name, owners, groupId] = [`cooperative-late-${run}`, new Map<string, Member>(), `group-${run}-${made++}`];
    const a = new Member(groupId, [name], owners, [cooperativeStickyAssignor], { allowAutoCreateTopics: false }).join();
    await pollUntil([a], () => a.events.length >= 1);
    await admin.createTopics([{ name, partitions: 2, replicationFactor: 1 }]);
    await pollUntil([a], () => a.share === '01');
    expect(a.events).toEqual(['+', '+01']);
  });
});

describe('the protocol of a group', () => {
  it.each([
    ['range, cooperative-sticky', [rangeAssignor, cooperativeStickyAssignor]],
    ['sticky', [stickyAssignor]],
  ] as const)('is eager with %s', async (...[, assignors]) => {
    const [name, owners, groupId] = [await topic(4), new Map<string, Member>(), `group-${run}-${made++}`];
    const a = new Member(groupId, [name], owners, assignors).join();
    await pollUntil([a], () => a.share === '0123');
    const b = new Member(groupId, [name], owners, assignors).join();
    await pollUntil([a, b], isBalanced([a, b], 4));
    expect(a.events).toEqual(['+0123', '-0123', `+${a.share}`]);
    expect(b.events).toEqual([`+${b.share}`]);
  });

  it('sticky: gives a member back what it had', async () => {
    const [name, owners, groupId] = [await topic(6), new Map<string, Member>(), `group-${run}-${made++}`];
    const members = [0, 1, 2].map(() => new Member(groupId, [name], owners, [stickyAssignor]).join());
    await pollUntil(members, isBalanced(members, 6));
    const [a, b, c] = members as [Member, Member, Member];
    const before = [a.share, b.share];
    await c.consumer.close();
    await pollUntil([a, b], isBalanced([a, b], 6));
    for (const [i, it] of [a, b].entries()) for (const partition of before[i]!) expect(it.share).toContain(partition);
  });
});
