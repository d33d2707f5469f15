import { Admin } from '../admin/admin.js';
import { KafkaClient } from '../cluster/kafka-client.js';
import { startBroker, type BrokerUnderTest } from '../../test/broker-under-test.js';
import { GroupMember, type GroupMemberOptions } from './group-member.js';

let broker: BrokerUnderTest;
const run = `${process.pid}-${Date.now()}`;
const closing: (() => void | Promise<void>)[] = [];
beforeAll(async () => {
  broker = await startBroker();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(() => broker.stop());

interface Watched {
  readonly member: GroupMember;
  readonly events: string[];
  readonly client: KafkaClient;
}

/** A member that gets `<its own metadata>@<generation>` from whoever leads. */
function join(groupId: string, name: string, more: Partial<GroupMemberOptions> = {}): Watched {
  const client = new KafkaClient({ bootstrapServers: broker.bootstrapServers, retryBackoffMs: 20 });
  const events: string[] = [];
  const member = new GroupMember({
    client,
    groupId,
    protocolType: 'connect',
    sessionTimeoutMs: 6000,
    rebalanceTimeoutMs: 5000,
    heartbeatMs: 50,
    protocols: () => [{ name: 'sessioned', metadata: Buffer.from(name) }, { name: 'compatible', metadata: Buffer.from(name) }],
    performAssignment: ({ members, generationId }) => new Map(members.map((it) => [it.memberId, Buffer.from(`${Buffer.from(it.metadata).toString()}@${generationId}/${members.length}`)])),
    onAssigned: ({ bytes, protocol, generationId, memberId, isLeader, leaderId }) => {
      expect({ protocol, isMine: memberId === member.memberId && generationId === member.generationId, isLeader }).toEqual({ protocol: 'sessioned', isMine: true, isLeader: leaderId === memberId });
      events.push(`assigned ${Buffer.from(bytes).toString()}`);
    },
    onRevoked: () => void events.push('revoked'),
    onLost: () => void events.push('lost'),
    onFailed: (error) => void events.push(`failed ${(error as { code?: string }).code}`),
    ...more,
  });
  closing.unshift(() => client.close());
  closing.unshift(() => member.close());
  member.start();
  return { member, events, client };
}

async function until(isTrue: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 15_000; !isTrue(); ) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
const last = (it: Watched): string | undefined => it.events.at(-1);

describe('GroupMember of another protocol type', () => {
  it('joins, leads, is revoked before each new round, and leaves', async () => {
    const groupId = `connect-${run}-1`;
    const a = join(groupId, 'a');
    await until(() => last(a)?.endsWith('/1') === true, 'a alone');
    const b = join(groupId, 'b');
    await until(() => last(a)?.endsWith('/2') === true && last(b)?.endsWith('/2') === true, 'both');
    expect(a.events).toEqual([expect.stringMatching(/^assigned a@\d+\/1$/), 'revoked', expect.stringMatching(/^assigned a@\d+\/2$/)]);
    expect(b.events).toEqual([expect.stringMatching(/^assigned b@\d+\/2$/)]);
    const admin = new Admin({ client: a.client });
    const [described] = await admin.describeGroups([groupId]);
    expect(described).toMatchObject({ state: 'Stable', protocolType: 'connect', protocol: 'sessioned', error: undefined });
    expect(described?.members.map((it) => Buffer.from(it.metadata).toString()).sort()).toEqual(['a', 'b']);
    await b.member.close();
    await until(() => last(a)?.endsWith('/1') === true, 'a alone again');
    expect(b.events).toHaveLength(1);
  });

  it('joins again when it is asked to, with the metadata of then', async () => {
    let name = 'old';
    const a = join(`connect-${run}-2`, '', { protocols: () => [{ name: 'sessioned', metadata: Buffer.from(name) }] });
    await until(() => last(a)?.startsWith('assigned old@') === true, 'first');
    name = 'new';
    a.member.requestRejoin('test');
    await until(() => last(a)?.startsWith('assigned new@') === true, 'second');
    expect(a.events[1]).toBe('revoked');
  });

  it('leaves, rests, and comes back under another id', async () => {
    const a = join(`connect-${run}-3`, 'a');
    await until(() => a.events.length === 1, 'joined');
    const { memberId } = a.member;
    await a.member.leave('test');
    expect(a.member).toMatchObject({ state: 'idle', memberId: '' });
    a.member.requestRejoin('test');
    await until(() => a.events.length === 2, 'joined again');
    expect(a.member.memberId).not.toBe(memberId);
    expect(a.events[1]).toMatch(/^assigned a@\d+\/1$/);
  });

  it('is told when the coordinator forgot it, and joins anew', async () => {
    const groupId = `connect-${run}-4`;
    const a = join(groupId, 'a');
    await until(() => a.events.length === 1, 'joined');
    // Somebody else removes the member by its id.
    const thief = join(groupId, 'thief', { protocols: () => [] });
    await thief.member.close();
    thief.member.memberId = a.member.memberId;
    await removeMember(a.client, groupId, a.member.memberId);
    await until(() => a.events.length === 3, 'joined anew');
    expect(a.events.slice(1)).toEqual(['lost', expect.stringMatching(/^assigned a@/)]);
  });

  it('keeps the place of a static member over a restart', async () => {
    const groupId = `connect-${run}-5`;
    const a = join(groupId, 'a');
    await until(() => a.events.length === 1, 'a joined');
    const fixed = { groupInstanceId: 'worker-7' };
    const first = join(groupId, 's', fixed);
    await until(() => last(a)?.endsWith('/2') === true && first.events.length === 1, 'both joined');
    await first.member.close();
    const second = join(groupId, 's', fixed);
    await until(() => second.events.length === 1, 'came back');
    expect(last(a)).toMatch(/\/2$/);
    expect(second.events[0]).toMatch(/^assigned s@/);
  });

  it('stops with the reason when the group speaks another protocol type', async () => {
    const groupId = `connect-${run}-6`;
    const a = join(groupId, 'a');
    await until(() => a.events.length === 1, 'a joined');
    const stranger = join(groupId, 'b', { protocolType: 'consumer' });
    await until(() => stranger.events.length === 1, 'refused');
    expect(stranger.events).toEqual(['failed KAFKA_INCONSISTENT_GROUP_PROTOCOL']);
    expect(stranger.member.state).toBe('closed');
  });
});

async function removeMember(client: KafkaClient, groupId: string, memberId: string): Promise<void> {
  const { LeaveGroup } = await import('@millrace/protocol');
  await client.request(await client.coordinator(groupId), LeaveGroup, () => ({ groupId, members: [{ memberId }] }));
}
