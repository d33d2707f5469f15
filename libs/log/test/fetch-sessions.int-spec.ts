import { ErrorCode, Fetch, type FetchRequestInput, type FetchResponse } from '@millrace/protocol';
import { batchOf, valuesIn, type RawClient } from './local-broker.js';
import { ReplicatedBrokers } from './replicated-brokers.js';

const VERSION = 17;
const LAG_MS = 500;

/** A follower made by hand: broker 2 is cut off, and this speaks for it. */
class HandmadeFollower {
  sessionId = 0;
  sessionEpoch = 0;

  constructor(
    private readonly client: RawClient,
    private readonly topicId: string,
    private readonly replicaEpoch: number,
  ) {}

  partition(partition: number, fetchOffset: number, more: Partial<FetchRequestInput.Partition> = {}): FetchRequestInput.Partition {
    return { partition, fetchOffset, currentLeaderEpoch: 0, lastFetchedEpoch: fetchOffset === 0 ? -1 : 0, logStartOffset: 0, partitionMaxBytes: 1e6, ...more };
  }

  async fetch(partitions: readonly FetchRequestInput.Partition[], options: { maxWaitMs?: number; forgotten?: number[] } = {}): Promise<FetchResponse> {
    const response = await this.client.ask(Fetch, VERSION, {
      replicaState: { replicaId: 2, replicaEpoch: this.replicaEpoch },
      maxWaitMs: options.maxWaitMs ?? 0,
      minBytes: 1,
      maxBytes: 1e7,
      sessionId: this.sessionId,
      sessionEpoch: this.sessionEpoch,
      topics: partitions.length === 0 ? [] : [{ topicId: this.topicId, partitions: [...partitions] }],
      forgottenTopicsData: options.forgotten === undefined ? [] : [{ topicId: this.topicId, partitions: options.forgotten }],
    });
    if (response.errorCode === 0) {
      this.sessionId = response.sessionId;
      this.sessionEpoch += 1;
    }
    return response;
  }
}

function told(response: FetchResponse): { partition: number; errorCode: number; highWatermark: number; values: (string | null)[] }[] {
  return response.responses.flatMap((topic) => topic.partitions.map((it) => ({ partition: it.partitionIndex, errorCode: it.errorCode, highWatermark: it.highWatermark, values: valuesIn(it.records) })));
}

describe('a session of a follower', () => {
  let brokers: ReplicatedBrokers;
  let leader: RawClient;
  let follower: HandmadeFollower;
  beforeEach(async () => {
    brokers = await ReplicatedBrokers.start(2, { 'replica.lag.time.max.ms': String(LAG_MS) });
    brokers.broker(2).transport.cut();
    await brokers.createTopic('t', { replicas: [[1, 2], [1, 2], [1, 2]] });
    leader = await brokers.client(1);
    follower = new HandmadeFollower(await brokers.client(1), brokers.controller.image.topic('t')?.topicId ?? '', brokers.broker(2).epoch);
  });
  afterEach(() => brokers.stop());

  const append = (partition: number, value: string) => leader.produce('t', batchOf([{ value }]), { acks: 1, partition });

  it('is told of everything once, and then of what is new', async () => {
    await append(1, 'a');
    const all = await follower.fetch([0, 1, 2].map((it) => follower.partition(it, 0)));
    expect(told(all)).toEqual([{ partition: 0, errorCode: 0, highWatermark: 0, values: [] }, { partition: 1, errorCode: 0, highWatermark: 0, values: ['a'] }, { partition: 2, errorCode: 0, highWatermark: 0, values: [] }]);
    expect(all.sessionId).toBeGreaterThan(0);
    // What it acknowledges moves the high watermark, which it is told at once.
    expect(told(await follower.fetch([follower.partition(1, 1)]))).toEqual([{ partition: 1, errorCode: 0, highWatermark: 1, values: [] }]);
    expect(told(await follower.fetch([]))).toEqual([]);
    await append(2, 'b');
    await append(0, 'c');
    expect(told(await follower.fetch([]))).toEqual([{ partition: 2, errorCode: 0, highWatermark: 0, values: ['b'] }, { partition: 0, errorCode: 0, highWatermark: 0, values: ['c'] }]);
    // Forgotten is forgotten; named anew it is asked for anew.
    await append(1, 'd');
    expect(told(await follower.fetch([follower.partition(2, 1), follower.partition(0, 1)], { forgotten: [1] }))).toEqual([{ partition: 2, errorCode: 0, highWatermark: 1, values: [] }, { partition: 0, errorCode: 0, highWatermark: 1, values: [] }]);
    expect(told(await follower.fetch([follower.partition(1, 1)]))).toEqual([{ partition: 1, errorCode: 0, highWatermark: 1, values: ['d'] }]);
  });

  it('waits, and is woken by any of its partitions', async () => {
    await follower.fetch([0, 1, 2].map((it) => follower.partition(it, 0)));
    const started = performance.now();
    const waiting = follower.fetch([], { maxWaitMs: 10_000 });
    await append(2, 'x');
    expect(told(await waiting)).toEqual([{ partition: 2, errorCode: 0, highWatermark: 0, values: ['x'] }]);
    expect(performance.now() - started).toBeLessThan(5000);
    expect(told(await follower.fetch([follower.partition(2, 1)], { maxWaitMs: 50 }))).toEqual([{ partition: 2, errorCode: 0, highWatermark: 1, values: [] }]);
    // A new epoch of the leader is told at once, and until it is asked for by it.
    const interrupted = follower.fetch([], { maxWaitMs: 10_000 });
    brokers.fence(1);
    expect(told(await interrupted).map((it) => it.errorCode)).toEqual([ErrorCode.FENCED_LEADER_EPOCH, ErrorCode.FENCED_LEADER_EPOCH, ErrorCode.FENCED_LEADER_EPOCH]);
  });

  it('counts for partitions that it does not name: their followers stay in sync', async () => {
    await follower.fetch([0, 1, 2].map((it) => follower.partition(it, 0)));
    for (const until = performance.now() + 3 * LAG_MS; performance.now() < until; ) await follower.fetch([], { maxWaitMs: 100 });
    await append(0, 'x');
    // The leader looks twice meanwhile, and finds it behind for less than the limit.
    await new Promise((resolve) => setTimeout(resolve, LAG_MS * 0.7));
    expect(brokers.isrOf('t', 0)).toEqual([1, 2]);
    await new Promise((resolve) => setTimeout(resolve, LAG_MS * 1.2));
    expect([brokers.isrOf('t', 0), brokers.isrOf('t', 1)]).toEqual([[1], [1, 2]]);
    // It comes back into the in-sync replicas of a partition in which nothing happens any more.
    await follower.fetch([]);
    await follower.fetch([follower.partition(0, 1)]);
    await follower.fetch([]);
    await brokers.untilIsr('t', [1, 2]);
  });

  it('begins anew when it is not known, or not at this request', async () => {
    await follower.fetch([follower.partition(0, 0)]);
    follower.sessionEpoch += 1;
    expect((await follower.fetch([])).errorCode).toBe(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    const { sessionId } = follower;
    follower.sessionEpoch = 0;
    expect((await follower.fetch([follower.partition(0, 0)])).sessionId).not.toBe(sessionId);
    follower.sessionId = sessionId;
    expect((await follower.fetch([])).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    follower.sessionEpoch = -1;
    expect(await follower.fetch([follower.partition(0, 0)])).toMatchObject({ errorCode: 0, sessionId: 0 });
  });
});
