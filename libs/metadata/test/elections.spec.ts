import { errorName } from '@millrace/protocol';
import { batchesOf, type PartitionRegistration } from '../src/index.js';
import { TestCluster } from './test-cluster.js';

const OTHER = 'otherAAAAAAAAAAAAAAAAA';

function three(settings: readonly (readonly [string, string])[] = [['min.insync.replicas', '2']]): TestCluster {
  const cluster = new TestCluster();
  cluster.start(1, 2, 3);
  cluster.create({ name: 't', assignments: [{ partitionIndex: 0, brokerIds: [1, 2, 3] }], configs: settings.map(([name, value]) => ({ name, value })) });
  return cluster;
}

function propose(cluster: TestCluster, isr: readonly number[]): string {
  const topic = cluster.controller.image.topic('t');
  const it = topic?.partitions[0];
  if (topic === undefined || it === undefined) throw new Error('no partition');
  const response = cluster.run(
    cluster.controller.alterPartition({
      brokerId: it.leader,
      brokerEpoch: cluster.controller.image.broker(it.leader)?.epoch ?? -1,
      topics: [{ topicId: topic.topicId, partitions: [{ partitionIndex: 0, leaderEpoch: it.leaderEpoch, partitionEpoch: it.partitionEpoch, newIsr: [...isr], newIsrWithEpochs: [], leaderRecoveryState: 0 }] }],
    }),
  );
  return errorName(response.topics[0]?.partitions[0]?.errorCode ?? response.errorCode ?? 0);
}

const only = (cluster: TestCluster): PartitionRegistration => {
  const it = cluster.controller.image.topic('t')?.partitions[0];
  if (it === undefined) throw new Error('no partition');
  return it;
};

describe('eligible leader replicas (KIP-966)', () => {
  it('keep who left an in-sync set that was too small, until it is large enough again', () => {
    const cluster = three();
    expect(propose(cluster, [1, 2])).toBe('NONE');
    expect(cluster.partitions('t')).toEqual(['1,2,3/1,2 1@0 v1']);
    expect(propose(cluster, [1])).toBe('NONE');
    expect(cluster.partitions('t')).toEqual(['1,2,3/1 2? 1@0 v2']);
    expect(propose(cluster, [1, 3])).toBe('NONE');
    expect(cluster.partitions('t')).toEqual(['1,2,3/1,3 1@0 v3']);
  });

  it('lead in the order in sync, eligible, last known leader; unclean only where the topic says so', () => {
    const cluster = three();
    propose(cluster, [1]);
    cluster.heartbeat(1, { wantFence: true });
    // 2 and 3 are eligible: the first of them leads.
    expect(cluster.partitions('t')).toEqual(['1,2,3/2 1? 3? 2@1 v2']);
    cluster.heartbeat(3, { wantFence: true });
    cluster.heartbeat(2, { wantFence: true });
    expect(cluster.partitions('t')).toEqual(['1,2,3/ 1? 2? 3? -1@2 v3']);
    expect(only(cluster).lastKnownElr).toEqual([2]);
    cluster.heartbeat(3);
    expect(cluster.partitions('t')).toEqual(['1,2,3/3 1? 2? 3@3 v4']);
    expect(only(cluster)).toMatchObject({ isRecovering: false, lastKnownElr: [] });
  });

  it('forget whose process ended without an orderly stop; the last known leader is what is left then', () => {
    const cluster = three();
    propose(cluster, [1]);
    cluster.nowMs += 10_000;
    for (const id of [2, 3]) cluster.register(id, { incarnationId: `${OTHER.slice(0, -1)}${id}` });
    expect(cluster.partitions('t')).toEqual(['1,2,3/1 1@0 v3']);
    cluster.register(1, { incarnationId: OTHER });
    expect(cluster.partitions('t')).toEqual(['1,2,3/ -1@1 v4']);
    expect(only(cluster).lastKnownElr).toEqual([1]);
    cluster.heartbeat(2);
    expect(cluster.partitions('t')).toEqual(['1,2,3/ -1@1 v4']);
    cluster.heartbeat(1);
    expect(cluster.partitions('t')).toEqual(['1,2,3/1 1@2 v5']);
    expect(only(cluster)).toMatchObject({ isRecovering: true, lastKnownElr: [] });
    expect(propose(cluster, [1, 2])).toBe('NONE');
    expect(only(cluster).isRecovering).toBe(false);
  });

  it('stay through an orderly stop, which the next registration proves by the epoch before', () => {
    const cluster = three();
    propose(cluster, [1]);
    const epoch = cluster.controller.image.broker(2)?.epoch ?? -1;
    cluster.nowMs += 10_000;
    cluster.register(2, { incarnationId: OTHER, previousBrokerEpoch: epoch });
    expect(only(cluster).eligibleLeaderReplicas).toEqual([2, 3]);
    cluster.nowMs += 10_000;
    cluster.register(2, { incarnationId: 'thirdAAAAAAAAAAAAAAAAA', previousBrokerEpoch: epoch });
    expect(only(cluster).eligibleLeaderReplicas).toEqual([3]);
  });

  it('leave a leader that lost power before anybody knew to be led by whoever stopped in order, and by itself only when nobody did', () => {
    const led = (epochs: { readonly firstsEpoch: 'proved' | 'lost' }): TestCluster => {
      const cluster = three();
      propose(cluster, [1, 2, 3]);
      const epochOf = (id: number): number => cluster.controller.image.broker(id)?.epoch ?? -1;
      const [firsts, thirds] = [epochOf(1), epochOf(3)];
      // 1 leads and loses power; its session lasts, so it still counts. 3 stops in order, 2 is killed.
      cluster.heartbeat(3, { wantShutDown: true });
      expect(cluster.partitions('t')).toEqual(['1,2,3/1,2 1@0 v1']);
      cluster.nowMs += 10_000;
      cluster.register(2, { incarnationId: OTHER });
      expect(cluster.partitions('t')).toEqual(['1,2,3/1 1@0 v2']);
      cluster.register(1, { incarnationId: 'otherBAAAAAAAAAAAAAAAA', ...(epochs.firstsEpoch === 'proved' ? { previousBrokerEpoch: firsts } : {}) });
      cluster.register(3, { incarnationId: 'otherCAAAAAAAAAAAAAAAA', previousBrokerEpoch: thirds });
      for (const id of [2, 3]) cluster.heartbeat(id);
      return cluster;
    };
    // 3 left while two were in sync: it may lack what they acknowledged later, so it does not lead, though in this story it has everything.
    const lost = led({ firstsEpoch: 'lost' });
    expect(lost.partitions('t')).toEqual(['1,2,3/ -1@1 v3']);
    lost.heartbeat(1);
    expect(lost.partitions('t')).toEqual(['1,2,3/1 1@2 v4']);
    expect(only(lost).isRecovering).toBe(true);
    const proved = led({ firstsEpoch: 'proved' });
    expect(proved.partitions('t')).toEqual(['1,2,3/ 1? -1@1 v3']);
    proved.heartbeat(1);
    expect(proved.partitions('t')).toEqual(['1,2,3/1 1@2 v4']);
    expect(only(proved).isRecovering).toBe(false);
  });

  it('do not include a leader that lost power: another that is only fenced leads when it is back', () => {
    const cluster = three();
    propose(cluster, [1, 2]);
    cluster.heartbeat(2, { wantFence: true });
    cluster.nowMs += 10_000;
    cluster.register(1, { incarnationId: OTHER });
    expect(cluster.partitions('t')).toEqual(['1,2,3/ 2? -1@1 v3']);
    cluster.heartbeat(1);
    expect(cluster.partitions('t')).toEqual(['1,2,3/ 2? -1@1 v3']);
    cluster.heartbeat(2);
    expect(cluster.partitions('t')).toEqual(['1,2,3/2 2@2 v4']);
    expect(only(cluster).isRecovering).toBe(false);
  });

  it('are nobody once min.insync.replicas is another, of the topic or of all', () => {
    const cluster = three();
    const alter = (resourceType: number, resourceName: string, value: string | null): string =>
      cluster
        .run(cluster.controller.incrementalAlterConfigs({ resources: [{ resourceType, resourceName, configs: [{ name: 'min.insync.replicas', configOperation: value === null ? 1 : 0, value }] }], validateOnly: false }))
        .responses.map((it) => it.errorMessage ?? 'NONE')
        .join();
    propose(cluster, [1]);
    expect(only(cluster).eligibleLeaderReplicas).toEqual([2, 3]);
    expect(alter(2, 't', '3')).toBe('NONE');
    expect(cluster.partitions('t')).toEqual(['1,2,3/1 1@0 v2']);
    expect(cluster.delta.localChanges(cluster.follower, 1).leading.map((it) => it.before?.eligibleLeaderReplicas)).toEqual([[2, 3]]);
    expect(alter(4, '1', '2')).toBe('Broker-level min.insync.replicas cannot be altered while ELR is enabled.');
    expect(alter(4, '', null)).toBe('Cluster-level min.insync.replicas cannot be removed while ELR is enabled.');
    propose(cluster, [1, 2]);
    propose(cluster, [1]);
    expect(only(cluster).eligibleLeaderReplicas).toEqual([2]);
    expect(alter(4, '', '2')).toBe('NONE');
    expect(only(cluster).eligibleLeaderReplicas).toEqual([]);
  });

  it('are there when the feature is, and go with it', () => {
    const cluster = three();
    const update = (maxVersionLevel: number, upgradeType: number): string =>
      cluster.run(cluster.controller.updateFeatures({ timeoutMs: 1, featureUpdates: [{ feature: 'eligible.leader.replicas.version', maxVersionLevel, allowDowngrade: false, upgradeType }], validateOnly: false })).errorMessage ?? 'NONE';
    expect(update(0, 1)).toMatch(/Can't downgrade the version of this feature without/);
    expect(update(0, 2)).toBe('NONE');
    propose(cluster, [1]);
    expect(cluster.partitions('t')).toEqual(['1,2,3/1 1@0 v1']);
    cluster.heartbeat(1, { wantFence: true });
    expect(cluster.partitions('t')).toEqual(['1,2,3/1 -1@1 v2']);
    expect(update(1, 1)).toBe('NONE');
    expect(update(2, 1)).toMatch(/Local controller only supports versions 0-1/);
  });
});

describe('the active controller by itself', () => {
  const tickAll = (cluster: TestCluster): void => {
    for (let records = cluster.controller.tick(cluster.nowMs); records.length > 0; records = cluster.controller.tick(cluster.nowMs)) cluster.append(records);
  };
  const hearFromAll = (cluster: TestCluster, forMs: number): void => {
    for (let i = 0; i < forMs; i += 5000) {
      cluster.nowMs += 5000;
      for (const it of cluster.controller.image.brokers.values()) cluster.heartbeat(it.brokerId);
      tickAll(cluster);
    }
  };

  it('gives leadership back to preferred replicas every five minutes', () => {
    const cluster = three();
    cluster.heartbeat(1, { wantFence: true });
    cluster.heartbeat(1);
    propose(cluster, [2, 3, 1]);
    expect(cluster.partitions('t')).toEqual(['1,2,3/2,3,1 2@1 v2']);
    hearFromAll(cluster, 295_000);
    expect(only(cluster).leader).toBe(2);
    hearFromAll(cluster, 10_000);
    expect(cluster.partitions('t')).toEqual(['1,2,3/2,3,1 1@2 v3']);
  });

  it('does not when it was told not to', () => {
    const cluster = new TestCluster({ leaderImbalanceCheckIntervalMs: null });
    cluster.start(1, 2);
    cluster.create({ name: 't', assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }] });
    cluster.heartbeat(1, { wantFence: true });
    cluster.heartbeat(1);
    propose(cluster, [2, 1]);
    hearFromAll(cluster, 700_000);
    expect(only(cluster).leader).toBe(2);
  });

  it('elects anyone as soon as a topic would rather lose records', () => {
    const cluster = three();
    propose(cluster, [1, 2]);
    propose(cluster, [1]);
    for (const id of [2, 1]) cluster.heartbeat(id, { wantFence: true });
    expect(cluster.partitions('t')).toEqual(['1,2,3/ 1? 2? -1@1 v3']);
    cluster.run(cluster.controller.incrementalAlterConfigs({ resources: [{ resourceType: 2, resourceName: 't', configs: [{ name: 'unclean.leader.election.enable', configOperation: 0, value: 'true' }] }], validateOnly: false }));
    tickAll(cluster);
    expect(cluster.partitions('t')).toEqual(['1,2,3/3 3@2 v4']);
    expect(only(cluster).isRecovering).toBe(true);
  });

  it('gives each broker a whole session when it has just become active', () => {
    const cluster = three();
    cluster.nowMs += 100_000;
    cluster.controller.activate(cluster.nowMs);
    expect(errorName(cluster.register(1, { incarnationId: OTHER }).errorCode ?? 0)).toBe('DUPLICATE_BROKER_REGISTRATION');
    cluster.nowMs += 8999;
    tickAll(cluster);
    expect([...cluster.controller.image.brokers.values()].some((it) => it.isFenced)).toBe(false);
    cluster.nowMs += 1;
    tickAll(cluster);
    expect([...cluster.controller.image.brokers.values()].every((it) => it.isFenced)).toBe(true);
    expect(errorName(cluster.register(1, { incarnationId: OTHER }).errorCode ?? 0)).toBe('NONE');
  });

  it('says when the next session ends: of whoever it has not heard of for the longest time', () => {
    const cluster = three();
    cluster.nowMs += 100_000;
    cluster.controller.activate(cluster.nowMs);
    const activeMs = cluster.nowMs;
    cluster.nowMs += 1000;
    for (const id of [1, 2]) cluster.heartbeat(id);
    expect(cluster.controller.nextSessionEndMs).toBe(activeMs + 9000);
    cluster.nowMs = activeMs + 9000;
    tickAll(cluster);
    expect([1, 2, 3].map((id) => cluster.controller.image.broker(id)?.isFenced)).toEqual([false, false, true]);
    expect(cluster.controller.nextSessionEndMs).toBe(activeMs + 10_000);
    cluster.nowMs += 1000;
    tickAll(cluster);
    expect(cluster.controller.nextSessionEndMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('counts the session of the node that led before it from when that was last heard of; half of it is left in any case', () => {
    const fencedAfterMs = (lastHeardAgoMs: number): number => {
      const cluster = three();
      cluster.nowMs += 100_000;
      const activeMs = cluster.nowMs;
      cluster.controller.activate(activeMs, { nodeId: 2, lastHeardMs: activeMs - lastHeardAgoMs });
      for (; cluster.controller.image.broker(2)?.isFenced === false; cluster.nowMs += 100) {
        for (const id of [1, 3]) cluster.heartbeat(id);
        tickAll(cluster);
      }
      expect([1, 3].map((id) => cluster.controller.image.broker(id)?.isFenced)).toEqual([false, false]);
      return cluster.nowMs - 100 - activeMs;
    };
    expect([0, 3000, 60_000].map(fencedAfterMs)).toEqual([9000, 6000, 4500]);
  });

  it('lets the broker of its own node register at once', () => {
    const cluster = new TestCluster({ nodeId: 1 });
    cluster.start(1, 2);
    cluster.controller.activate(cluster.nowMs);
    expect([1, 2].map((id) => errorName(cluster.register(id, { incarnationId: OTHER }).errorCode ?? 0))).toEqual(['NONE', 'DUPLICATE_BROKER_REGISTRATION']);
  });
});

describe('a broker with ten thousand partitions', () => {
  it('is fenced in batches of at most ten thousand records, in time that grows with its partitions, not with all', () => {
    const cluster = new TestCluster();
    cluster.start(1, 2, 3, 4);
    const size = 2000;
    const create = (name: string, brokerIds: number[]): void => void cluster.create({ name, assignments: Array.from({ length: size }, (_, partitionIndex) => ({ partitionIndex, brokerIds })) });
    for (let i = 0; i < 5; i++) create(`t${i}`, [1, 2]);
    create('t5', [1, 3]);
    create('other', [3, 4]);
    cluster.nowMs += 9000;
    for (const id of [2, 3, 4]) cluster.heartbeat(id);
    const records = cluster.controller.tick(cluster.nowMs);
    // The registration changes last: what is lost with this controller is found and done again by the next.
    expect(records).toHaveLength(6 * size + 1);
    expect(records.at(-1)).toMatchObject({ type: 'BrokerRegistrationChangeRecord', record: { brokerId: 1, fenced: 1 } });
    expect(batchesOf({ records }).map((it) => it.length)).toEqual([10_000, 2001]);
    for (const batch of batchesOf({ records })) cluster.append(batch);
    expect(cluster.partitions('t0')[0]).toBe('1,2/2 2@1 v1');
    expect(cluster.controller.image.broker(1)?.isFenced).toBe(true);
    expect(cluster.controller.tick(cluster.nowMs)).toEqual([]);
  });

  it('cannot be made by one request that does not fit into one batch', () => {
    const cluster = new TestCluster();
    cluster.start(1);
    expect(cluster.create({ name: 'a', numPartitions: 10_000 }).errorMessage).toBe('Unable to perform excessively large batch operation.');
    expect(cluster.controller.image.topics.size).toBe(0);
  });
});
