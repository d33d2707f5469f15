import { DescribeGroups, ErrorCode, FindCoordinator, ListGroups, OffsetCommit, OffsetDelete, OffsetFetch } from '@millrace/protocol';
import { waitFor } from '@millrace/testkit';
import type { RawClient } from './local-broker.js';
import { ReplicatedBrokers } from './replicated-brokers.js';

const GROUP = 'readers';
const TOPIC = 'orders';

let cluster: ReplicatedBrokers | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

async function start(properties: Readonly<Record<string, string>> = {}): Promise<ReplicatedBrokers> {
  cluster = await ReplicatedBrokers.start(3, { 'replica.lag.time.max.ms': '30000', ...properties });
  await cluster.createTopic(TOPIC);
  return cluster;
}

/** Asks a broker that is up until it knows a coordinator that is up. */
async function coordinator(brokers: ReplicatedBrokers, not?: number): Promise<number> {
  let found = -1;
  await waitFor('there is a coordinator', 10_000, async () => {
    const asked = [...brokers.brokers.values()].find((it) => it.isUp && it.id !== not);
    const answer = await (await brokers.client(asked?.id ?? -1)).ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: [GROUP] });
    found = answer.coordinators[0]?.nodeId ?? -1;
    return found >= 0 && found !== not;
  });
  return found;
}

async function commit(client: RawClient, offset: number, groupId = GROUP): Promise<number> {
  const topics = [{ name: TOPIC, partitions: [{ partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: '' }] }];
  const answer = await client.ask(OffsetCommit, 8, { groupId, generationIdOrMemberEpoch: -1, memberId: '', topics });
  return answer.topics[0]?.partitions[0]?.errorCode ?? -1;
}

async function committed(client: RawClient, requireStable = false): Promise<{ errorCode: number; offset: number | undefined }> {
  const answer = await client.ask(OffsetFetch, 8, { groups: [{ groupId: GROUP, topics: [{ name: TOPIC, partitionIndexes: [0] }] }], requireStable });
  return { errorCode: answer.groups[0]?.errorCode ?? -1, offset: answer.groups[0]?.topics[0]?.partitions[0]?.committedOffset };
}

/** Of the coordinator's partition something is in its log that the others have not. */
async function untilUnderWay(brokers: ReplicatedBrokers, id: number): Promise<void> {
  await waitFor('it is appended', 5000, () => Promise.resolve(brokers.broker(id).server.metrics().partitions.some((it) => it.topic === '__consumer_offsets' && it.isLeader && it.logEndOffset > it.highWatermark)));
}

/** The coordinator has loaded, and says so. */
async function untilServing(client: RawClient): Promise<void> {
  await waitFor('the coordinator serves', 10_000, async () => (await committed(client)).errorCode === 0);
}

describe('the coordinator of a group', () => {
  it('crashes: the next one goes on from what was committed', async () => {
    const brokers = await start();
    const first = await coordinator(brokers);
    const client = await brokers.client(first);
    await untilServing(client);
    for (let offset = 1; offset <= 20; offset++) expect(await commit(client, offset)).toBe(0);
    await brokers.crash(first);
    const second = await coordinator(brokers, first);
    const next = await brokers.client(second);
    await untilServing(next);
    expect(await committed(next)).toEqual({ errorCode: 0, offset: 20 });
    expect(await commit(next, 21)).toBe(0);
    await brokers.startBroker(first);
    expect((await committed(await brokers.client(first))).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
  });

  it('moves with a commit under way: it is not answered as done, and forgotten by all', async () => {
    const brokers = await start();
    const first = await coordinator(brokers);
    const client = await brokers.client(first);
    await untilServing(client);
    expect(await commit(client, 7)).toBe(0);
    for (const it of brokers.brokers.values()) if (it.id !== first) it.transport.cut();
    const underWay = commit(client, 8);
    await untilUnderWay(brokers, first);
    brokers.fence(first);
    expect(await underWay).toBe(ErrorCode.NOT_COORDINATOR);
    for (const it of brokers.brokers.values()) it.transport.isCut = false;
    const second = await coordinator(brokers, first);
    const next = await brokers.client(second);
    await untilServing(next);
    expect(await committed(next)).toEqual({ errorCode: 0, offset: 7 });
    expect(await commit(next, 9)).toBe(0);
    // Back to where it was: that one knows what the other did.
    const partition = brokers.controller.image.topic('__consumer_offsets')?.partitions.find((it) => it.replicas[0] === first)?.partitionId ?? -1;
    await brokers.untilIsr('__consumer_offsets', [1, 2, 3], partition);
    brokers.electPreferred('__consumer_offsets', partition);
    await brokers.settled();
    expect(await coordinator(brokers)).toBe(first);
    await untilServing(client);
    expect(await committed(client)).toEqual({ errorCode: 0, offset: 9 });
  });

  it('shows nobody a commit that could still be lost: who must know waits for it, everyone else is told of the one before', async () => {
    const brokers = await start();
    const first = await coordinator(brokers);
    const client = await brokers.client(first);
    await untilServing(client);
    expect(await commit(client, 50)).toBe(0);
    for (const it of brokers.brokers.values()) if (it.id !== first) it.transport.cut();
    const underWay = commit(client, 100);
    await untilUnderWay(brokers, first);
    const reader = await brokers.client(first);
    expect(await committed(reader)).toEqual({ errorCode: 0, offset: 50 });
    const allTopics = await reader.ask(OffsetFetch, 7, { groupId: GROUP, topics: null, requireStable: false });
    expect(allTopics.topics.map((it) => it.partitions.map((partition) => partition.committedOffset))).toEqual([[50]]);
    const stable = committed(await brokers.client(first), true);
    // Another one of that partition, whose first commit is under way.
    const [stranger = ''] = Array.from({ length: 100 }, (_, i) => `stranger-${i}`).filter((it) => brokers.broker(first).server['groups'].partitionFor(it) === brokers.broker(first).server['groups'].partitionFor(GROUP));
    const strangers = commit(await brokers.client(first), 1, stranger);
    await waitFor('it is there', 5000, () => Promise.resolve([...brokers.broker(first).server['groups'].active()].some((it) => it.query((shard) => shard.group(stranger) !== undefined))));
    expect((await reader.ask(ListGroups, 5, {})).groups.map((it) => it.groupId)).toEqual([GROUP]);
    expect((await reader.ask(DescribeGroups, 5, { groups: [stranger, GROUP] })).groups.map((it) => it.groupState)).toEqual(['Dead', 'Empty']);
    for (const it of brokers.brokers.values()) it.transport.isCut = false;
    expect(await underWay).toBe(0);
    expect(await stable).toEqual({ errorCode: 0, offset: 100 });
    expect(await strangers).toBe(0);
    expect(await committed(reader)).toEqual({ errorCode: 0, offset: 100 });
    expect((await reader.ask(ListGroups, 5, {})).groups.map((it) => it.groupId).sort()).toEqual([GROUP, stranger]);
  });

  it('is cut off from those that hold the log with it: what waits is told in time, and sent to look for another', async () => {
    const brokers = await start({ 'offsets.commit.timeout.ms': '300' });
    const first = await coordinator(brokers);
    const client = await brokers.client(first);
    await untilServing(client);
    expect(await commit(client, 50)).toBe(0);
    for (const it of brokers.brokers.values()) if (it.id !== first) it.transport.cut();
    // Nobody takes the leadership from it: without a limit both would wait for as long as that lasts.
    expect(await commit(client, 100)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(await committed(client, true)).toEqual({ errorCode: ErrorCode.NOT_COORDINATOR, offset: undefined });
    const deleted = await client.ask(OffsetDelete, 0, { groupId: GROUP, topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0 }] }] });
    expect(deleted.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(await committed(client)).toEqual({ errorCode: 0, offset: 50 });
    // Given up is not undone: the log has it, and it is committed once the others have it.
    for (const it of brokers.brokers.values()) it.transport.isCut = false;
    await waitFor('both are committed', 10_000, async () => (await committed(client)).offset === -1);
  });
});
