import { errorName } from '@millrace/protocol';
import { TestCluster } from './test-cluster.js';

function five(): TestCluster {
  const cluster = new TestCluster();
  cluster.start(1, 2, 3, 4, 5);
  cluster.create({ name: 't', assignments: [{ partitionIndex: 0, brokerIds: [1, 2, 3] }, { partitionIndex: 1, brokerIds: [2, 3, 1] }] });
  return cluster;
}

function reassign(cluster: TestCluster, replicas: number[] | null, options: { partition?: number; topic?: string; allowReplicationFactorChange?: boolean } = {}): string {
  const { partition = 0, topic = 't', allowReplicationFactorChange = true } = options;
  const response = cluster.run(cluster.controller.alterPartitionReassignments({ timeoutMs: 1, allowReplicationFactorChange, topics: [{ name: topic, partitions: [{ partitionIndex: partition, replicas }] }] }));
  const [answer] = response.responses[0]?.partitions ?? [];
  return `${errorName(answer?.errorCode ?? 0)}${answer?.errorMessage === null ? '' : `: ${answer?.errorMessage ?? ''}`}`;
}

/** The leader of the first partition proposes this set. */
function propose(cluster: TestCluster, isr: number[]): string {
  const topic = cluster.controller.image.topic('t');
  const it = topic?.partitions[0];
  if (topic === undefined || it === undefined) throw new Error('no partition');
  const partition = { partitionIndex: 0, leaderEpoch: it.leaderEpoch, partitionEpoch: it.partitionEpoch, newIsr: isr, newIsrWithEpochs: [], leaderRecoveryState: 0 };
  const response = cluster.run(cluster.controller.alterPartition({ brokerId: it.leader, brokerEpoch: cluster.controller.image.broker(it.leader)?.epoch ?? -1, topics: [{ topicId: topic.topicId, partitions: [partition] }] }));
  return errorName(response.topics[0]?.partitions[0]?.errorCode ?? 0);
}

const list = (cluster: TestCluster, topics: { name: string; partitionIndexes: number[] }[] | null = null): unknown => cluster.controller.listPartitionReassignments({ timeoutMs: 1, topics }).topics;
const first = (cluster: TestCluster): string => cluster.partitions('t')[0] ?? '';

describe('a reassignment', () => {
  it('holds old and new replicas until the new ones are in sync; then the old ones go, and the leader with them', () => {
    const cluster = five();
    expect(reassign(cluster, [4, 5, 3])).toBe('NONE');
    expect(first(cluster)).toBe('4,5,3,1,2/1,2,3 1@0 v1');
    expect(list(cluster)).toEqual([{ name: 't', partitions: [{ partitionIndex: 0, replicas: [4, 5, 3, 1, 2], addingReplicas: [4, 5], removingReplicas: [1, 2] }] }]);
    expect(propose(cluster, [1, 2, 3, 4])).toBe('NONE');
    expect(first(cluster)).toBe('4,5,3,1,2/1,2,3,4 1@0 v2');
    expect(propose(cluster, [1, 2, 3, 4, 5])).toBe('NEW_LEADER_ELECTED');
    expect(first(cluster)).toBe('4,5,3/3,4,5 4@1 v3');
    expect(list(cluster)).toEqual([]);
    // Who follows is told what moved away, and what it was.
    expect(cluster.delta.localChanges(cluster.follower, 1)).toMatchObject({ removed: [{ partition: { partitionId: 0 }, before: { leader: 1 } }], leading: [], following: [] });
    expect(cluster.delta.localChanges(cluster.follower, 5)).toMatchObject({ removed: [], following: [{ partition: { leader: 4, leaderEpoch: 1 }, before: { leaderEpoch: 0 } }] });
  });

  it('that only changes the order, or only removes, is done at once; a new leader epoch says that a replica is gone', () => {
    const cluster = five();
    expect(reassign(cluster, [3, 2, 1])).toBe('NONE');
    expect(first(cluster)).toBe('3,2,1/1,2,3 1@0 v1');
    expect(reassign(cluster, [3, 1])).toBe('NONE');
    expect(first(cluster)).toBe('3,1/1,3 1@1 v2');
    expect(list(cluster)).toEqual([]);
  });

  it('waits for what stays when more go than come', () => {
    const cluster = five();
    propose(cluster, [1]);
    expect(reassign(cluster, [1, 4])).toBe('NONE');
    expect(first(cluster)).toBe('1,4,2,3/1 1@0 v2');
    expect(propose(cluster, [1, 4])).toBe('NONE');
    expect(first(cluster)).toBe('1,4/1,4 1@1 v3');
  });

  it('can be cancelled', () => {
    const cluster = five();
    expect(reassign(cluster, null)).toMatch(/^NO_REASSIGNMENT_IN_PROGRESS/);
    reassign(cluster, [4, 5, 3]);
    propose(cluster, [1, 2, 3, 4]);
    expect(reassign(cluster, null)).toBe('NONE');
    expect(first(cluster)).toBe('3,1,2/1,2,3 1@1 v3');
    expect(list(cluster)).toEqual([]);
  });

  it('is not cancelled when only new replicas are in sync, save where records may be lost', () => {
    const cluster = five();
    reassign(cluster, [4, 5]);
    propose(cluster, [1, 4]);
    cluster.heartbeat(1, { wantFence: true });
    expect(first(cluster)).toBe('4,5,1,2,3/4 4@1 v3');
    expect(reassign(cluster, null)).toBe('INVALID_REPLICA_ASSIGNMENT: Unable to revert partition assignment for t:0 because it would require an unclean leader election.');
  });

  it('is replaced by the next one', () => {
    const cluster = five();
    reassign(cluster, [4, 2, 3]);
    expect(reassign(cluster, [5, 2, 3])).toBe('NONE');
    expect(cluster.controller.image.topic('t')?.partitions[0]).toMatchObject({ replicas: [5, 2, 3, 1, 4], addingReplicas: [5], removingReplicas: [1, 4] });
  });

  it('is refused with the reason', () => {
    const cluster = five();
    expect(reassign(cluster, [1], { topic: 'x' })).toBe('UNKNOWN_TOPIC_OR_PARTITION: Unable to find a topic named x.');
    expect(reassign(cluster, [1], { partition: 7 })).toBe('UNKNOWN_TOPIC_OR_PARTITION: Unable to find partition t:7.');
    expect(reassign(cluster, [])).toBe('INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes an empty replica list.');
    expect(reassign(cluster, [1, 1, 2])).toBe('INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes the broker 1 more than once.');
    expect(reassign(cluster, [1, 9])).toBe('INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 9, but no such broker is registered.');
    expect(reassign(cluster, [4, 5], { allowReplicationFactorChange: false })).toBe('INVALID_REPLICATION_FACTOR: The replication factor is changed from 3 to 2');
    expect(reassign(cluster, [4, 5, 3], { allowReplicationFactorChange: false })).toBe('NONE');
    // Under way, what counts is how many there will be.
    expect(reassign(cluster, [4, 5, 1], { allowReplicationFactorChange: false })).toBe('NONE');
  });

  it('is listed by its name, and only while it lasts', () => {
    const cluster = five();
    reassign(cluster, [4, 2, 3], { partition: 1 });
    expect(list(cluster, [{ name: 't', partitionIndexes: [0, 1, 9] }, { name: 'x', partitionIndexes: [0] }])).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 1 }] }]);
    expect(list(cluster, [{ name: 't', partitionIndexes: [0] }])).toEqual([]);
    cluster.run(cluster.controller.deleteTopics({ topics: [], topicNames: ['t'], timeoutMs: 1 }));
    expect(list(cluster)).toEqual([]);
  });
});
