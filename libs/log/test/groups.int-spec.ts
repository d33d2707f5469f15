import type { Clock } from '@millrace/foundation';
import { systemClock } from '@millrace/platform';
import { DescribeGroups, ErrorCode, FindCoordinator, Heartbeat, JoinGroup, LeaveGroup, ListGroups, OffsetCommit, OffsetFetch, SyncGroup, type JoinGroupResponse } from '@millrace/protocol';
import { waitFor } from '@millrace/testkit';
import { LocalBroker, RawClient } from './local-broker.js';

const OLDER_COORDINATOR_STATES: readonly number[] = [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR];

describe('groups of raw members', () => {
  let local: LocalBroker;
  const clients: RawClient[] = [];
  beforeAll(async () => {
    local = await LocalBroker.start({ 'group.min.session.timeout.ms': '100', 'group.initial.rebalance.delay.ms': '200' });
    const client = await connect();
    await client.createTopic('t', { partitions: 2 });
    await client.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['any'] });
    for (;;) if (!OLDER_COORDINATOR_STATES.includes((await client.ask(ListGroups, 4, { statesFilter: [] })).errorCode)) break;
  });
  afterAll(async () => {
    for (const it of clients) it.close();
    await local.stop();
  });

  async function connect(): Promise<RawClient> {
    const client = await RawClient.connect(local.port);
    clients.push(client);
    return client;
  }

  async function join(client: RawClient, groupId: string, memberId = '', options: { protocolType?: string; metadata?: Uint8Array; sessionTimeoutMs?: number; groupInstanceId?: string } = {}): Promise<JoinGroupResponse> {
    const answer = await client.ask(JoinGroup, 9, {
      groupId,
      sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
      rebalanceTimeoutMs: 5000,
      memberId,
      groupInstanceId: options.groupInstanceId ?? null,
      protocolType: options.protocolType ?? 'connect',
      protocols: [{ name: 'sessioned', metadata: options.metadata ?? Uint8Array.of(1, 2, 3) }],
    });
    return answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED ? join(client, groupId, answer.memberId, options) : answer;
  }

  const sync = (client: RawClient, groupId: string, joined: JoinGroupResponse, assignments: { memberId: string; assignment: Uint8Array }[] = []) =>
    client.ask(SyncGroup, 5, { groupId, generationId: joined.generationId, memberId: joined.memberId, protocolType: 'connect', protocolName: 'sessioned', assignments });

  it('brings ten members that join at once into one generation, and large assignments to each', async () => {
    const members = await Promise.all(Array.from({ length: 10 }, () => connect()));
    const joined = await Promise.all(members.map((it, i) => join(it, 'crowd', '', { metadata: Uint8Array.of(i) })));
    expect(new Set(joined.map((it) => `${it.errorCode} ${it.generationId} ${it.leader}`)).size).toBe(1);
    expect(joined[0]).toMatchObject({ errorCode: 0, protocolName: 'sessioned', protocolType: 'connect' });
    const leader = joined.findIndex((it) => it.memberId === it.leader);
    expect(joined[leader]?.members.map((it) => it.memberId).sort()).toEqual(joined.map((it) => it.memberId).sort());
    expect(joined.filter((it) => it.memberId !== it.leader).every((it) => it.members.length === 0)).toBe(true);
    const assignmentOf = (i: number): Buffer => Buffer.alloc(90_000, i + 1);
    const assignments = joined.map((it, i) => ({ memberId: it.memberId, assignment: assignmentOf(i) }));
    const synced = await Promise.all(joined.map((it, i) => sync(members[i]!, 'crowd', it, i === leader ? assignments : [])));
    synced.forEach((it, i) => expect({ errorCode: it.errorCode, isWhole: assignmentOf(i).equals(it.assignment) }).toEqual({ errorCode: 0, isWhole: true }));
    const described = await members[0]!.ask(DescribeGroups, 5, { groups: ['crowd'] });
    expect(described.groups[0]).toMatchObject({ errorCode: 0, groupState: 'Stable', protocolType: 'connect', protocolData: 'sessioned' });
    expect(described.groups[0]?.members.map((it) => it.memberAssignment.length)).toEqual(Array.from({ length: 10 }, () => 90_000));
    expect(described.groups[0]?.members[0]).toMatchObject({ clientId: 'raw', clientHost: '/127.0.0.1' });

    // One leaves: the others hear of it by their heartbeats and come together again.
    const beat = (i: number) => members[i]!.ask(Heartbeat, 4, { groupId: 'crowd', generationId: joined[i]!.generationId, memberId: joined[i]!.memberId });
    expect((await beat(3)).errorCode).toBe(0);
    const left = await members[9]!.ask(LeaveGroup, 4, { groupId: 'crowd', members: [{ memberId: joined[9]!.memberId, groupInstanceId: null }] });
    expect(left).toMatchObject({ errorCode: 0, members: [{ memberId: joined[9]!.memberId, errorCode: 0 }] });
    expect((await beat(3)).errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect((await beat(9)).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    const again = await Promise.all(joined.slice(0, 9).map((it, i) => join(members[i]!, 'crowd', it.memberId)));
    expect(again.map((it) => [it.errorCode, it.generationId])).toEqual(again.map(() => [0, joined[0]!.generationId + 1]));
  });

  it('refuses commits of an old generation, and keeps those of this one', async () => {
    const member = await connect();
    const joined = await join(member, 'committers', '', { protocolType: 'consumer' });
    await member.ask(SyncGroup, 5, { groupId: 'committers', generationId: joined.generationId, memberId: joined.memberId, protocolType: 'consumer', protocolName: 'sessioned', assignments: [] });
    const commit = async (generation: number, partition: number, version = 9) =>
      (
        await member.ask(OffsetCommit, version, {
          groupId: 'committers',
          generationIdOrMemberEpoch: generation,
          memberId: joined.memberId,
          topics: [{ name: 't', partitions: [{ partitionIndex: partition, committedOffset: 5, committedLeaderEpoch: 0, committedMetadata: 'm' }] }],
        })
      ).topics[0]?.partitions[0]?.errorCode;
    expect(await commit(joined.generationId - 1, 0)).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(await commit(joined.generationId, 0)).toBe(0);
    expect(await commit(joined.generationId, 9)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const topicId = await member.topicId('t');
    const byId = await member.ask(OffsetFetch, 10, { groups: [{ groupId: 'committers', memberId: null, memberEpoch: -1, topics: [{ topicId, partitionIndexes: [0, 1] }] }], requireStable: true });
    expect(byId.groups[0]?.topics).toMatchObject([{ topicId, partitions: [{ partitionIndex: 0, committedOffset: 5, committedLeaderEpoch: 0, metadata: 'm' }, { partitionIndex: 1, committedOffset: -1 }] }]);
    const all = await member.ask(OffsetFetch, 5, { groupId: 'committers', topics: null });
    expect(all.topics).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 5 }] }]);
    expect((await member.ask(OffsetFetch, 8, { groups: [{ groupId: 'nobody', topics: null }] })).groups[0]).toMatchObject({ groupId: 'nobody', errorCode: 0, topics: [] });
  });

  it('drops a member that is silent for its session', async () => {
    const [silent, living] = [await connect(), await connect()];
    const first = await join(silent, 'sessions', '', { sessionTimeoutMs: 300 });
    await sync(silent, 'sessions', first, [{ memberId: first.memberId, assignment: Uint8Array.of(1) }]);
    const second = await join(living, 'sessions');
    expect(second.errorCode).toBe(0);
    expect(second.members.map((it) => it.memberId)).toEqual([second.memberId]);
  });

  it('lets a static member come back as itself and fences its former life', async () => {
    const [before, after] = [await connect(), await connect()];
    const first = await join(before, 'static', '', { groupInstanceId: 'i-1' });
    await sync(before, 'static', first, [{ memberId: first.memberId, assignment: Uint8Array.of(7) }]);
    const second = await join(after, 'static', '', { groupInstanceId: 'i-1' });
    expect(second).toMatchObject({ errorCode: 0, generationId: first.generationId, skipAssignment: true });
    expect(second.memberId).not.toBe(first.memberId);
    expect((await sync(after, 'static', second)).assignment).toEqual(Buffer.of(7));
    expect((await before.ask(Heartbeat, 4, { groupId: 'static', generationId: first.generationId, memberId: first.memberId, groupInstanceId: 'i-1' })).errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
  });

  it('answers parked members when it stops', async () => {
    const stopping = await LocalBroker.start();
    const [one, two] = [await RawClient.connect(stopping.port), await RawClient.connect(stopping.port)];
    await one.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] });
    for (;;) if ((await one.ask(ListGroups, 4, { statesFilter: [] })).errorCode === 0) break;
    const joined = await join(one, 'g');
    const parked = join(two, 'g').then((it) => it.errorCode, (error: { code?: string }) => error.code);
    while ((await one.ask(Heartbeat, 4, { groupId: 'g', generationId: joined.generationId, memberId: joined.memberId })).errorCode !== ErrorCode.REBALANCE_IN_PROGRESS) await new Promise(setImmediate);
    const startedMs = performance.now();
    await stopping.stop();
    expect(performance.now() - startedMs).toBeLessThan(3000);
    expect([ErrorCode.NOT_COORDINATOR, 'CONNECTION_CLOSED']).toContain(await parked);
  });
});

/** A machine whose clock is set, as by an operator or NTP; timers and the steady clock know nothing of it. */
class SettableClock implements Clock {
  aheadMs = 0;

  nowMs(): number {
    return systemClock.nowMs() + this.aheadMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }
}

describe('groups, when somebody sets the clock', () => {
  const HOUR_MS = 3_600_000;

  async function joins(client: RawClient, memberId = ''): Promise<JoinGroupResponse> {
    const protocols = [{ name: 'range', metadata: Uint8Array.of(1) }];
    for (;;) {
      const answer = await client.ask(JoinGroup, 3, { groupId: 'set', sessionTimeoutMs: 6000, rebalanceTimeoutMs: 2000, memberId, protocolType: 'connect', protocols });
      if (!OLDER_COORDINATOR_STATES.includes(answer.errorCode)) return answer;
    }
  }

  it('back by an hour, end their rebalances as before; on by an hour, keep their members', async () => {
    const clock = new SettableClock();
    const local = await LocalBroker.start({ 'group.initial.rebalance.delay.ms': '400' }, { clock });
    const [first, second] = [await RawClient.connect(local.port), await RawClient.connect(local.port)];
    try {
      await first.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['set'] });
      const joining = joins(first);
      await waitFor('the group waits for more members', 5000, async () => (await second.ask(DescribeGroups, 5, { groups: ['set'] })).groups[0]?.groupState === 'PreparingRebalance');
      clock.aheadMs -= HOUR_MS;
      const { memberId, generationId, errorCode } = await joining;
      expect([errorCode, generationId]).toEqual([0, 1]);
      await first.ask(SyncGroup, 3, { groupId: 'set', generationId, memberId, assignments: [{ memberId, assignment: Uint8Array.of(9) }] });
      clock.aheadMs += 2 * HOUR_MS;
      expect((await first.ask(Heartbeat, 3, { groupId: 'set', generationId, memberId })).errorCode).toBe(0);
      expect((await second.ask(DescribeGroups, 5, { groups: ['set'] })).groups[0]).toMatchObject({ groupState: 'Stable', members: [{ memberId }] });
    } finally {
      first.close();
      second.close();
      await local.stop();
    }
  }, 15_000);
});
