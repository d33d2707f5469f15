import { ErrorCode, FindCoordinator, OffsetCommit, OffsetFetch } from '@millrace/protocol';
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

async function start(): Promise<ReplicatedBrokers> {
  cluster = await ReplicatedBrokers.start(3, { 'replica.lag.time.max.ms': '30000' });
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

async function commit(client: RawClient, offset: number): Promise<number> {
  const topics = [{ name: TOPIC, partitions: [{ partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: '' }] }];
  const answer = await client.ask(OffsetCommit, 8, { groupId: GROUP, generationIdOrMemberEpoch: -1, memberId: '', topics });
  return answer.topics[0]?.partitions[0]?.errorCode ?? -1;
}

async function committed(client: RawClient): Promise<{ errorCode: number; offset: number | undefined }> {
  const answer = await client.ask(OffsetFetch, 8, { groups: [{ groupId: GROUP, topics: [{ name: TOPIC, partitionIndexes: [0] }] }], requireStable: false });
  return { errorCode: answer.groups[0]?.errorCode ?? -1, offset: answer.groups[0]?.topics[0]?.partitions[0]?.committedOffset };
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
    await waitFor('it is appended', 5000, () => Promise.resolve(brokers.broker(first).server.metrics().partitions.some((it) => it.topic === '__consumer_offsets' && it.isLeader && it.logEndOffset > it.highWatermark)));
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
});
