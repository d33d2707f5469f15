import { ZERO_UUID } from '@millrace/foundation';
import { ErrorCode, errorName } from '@millrace/protocol';
import { imageRecords, MetadataImage, topicNameProblem } from '../src/index.js';
import { TestCluster } from './test-cluster.js';

const outcome = (it: { errorCode?: number; errorMessage?: string | null }): string => `${errorName(it.errorCode ?? 0)}${it.errorMessage === null || it.errorMessage === undefined ? '' : `: ${it.errorMessage}`}`;

function alter(cluster: TestCluster, resourceName: string, configs: [string, number, string | null][], resourceType = 2): string {
  const response = cluster.run(
    cluster.controller.incrementalAlterConfigs({ resources: [{ resourceType, resourceName, configs: configs.map(([name, configOperation, value]) => ({ name, configOperation, value })) }], validateOnly: false }),
  );
  return response.responses.map(outcome).join();
}

describe('brokers', () => {
  it('register, are fenced until they have read their registration, and get the log offset as epoch', () => {
    const cluster = new TestCluster();
    const { brokerEpoch } = cluster.register(1);
    expect(brokerEpoch).toBe(cluster.log.length - 1);
    expect(cluster.controller.image.broker(1)).toMatchObject({ isFenced: true, epoch: brokerEpoch });
    expect(cluster.heartbeat(1, { behind: 1 })).toMatchObject({ isCaughtUp: false, isFenced: true });
    expect(cluster.heartbeat(1)).toMatchObject({ errorCode: 0, isCaughtUp: true, isFenced: false });
    expect(cluster.controller.image.broker(1)?.isFenced).toBe(false);
    expect(errorName(cluster.heartbeat(1, { epoch: 77 }).errorCode ?? 0)).toBe('STALE_BROKER_EPOCH');
    expect(errorName(cluster.heartbeat(5).errorCode ?? 0)).toBe('STALE_BROKER_EPOCH');
  });

  it('keep their epoch when the same process asks again; another process with the id must wait for the session to end', () => {
    const cluster = new TestCluster();
    cluster.start(1);
    const epoch = cluster.controller.image.broker(1)?.epoch;
    expect(cluster.register(1).brokerEpoch).toBe(epoch);
    expect(cluster.controller.image.broker(1)?.isFenced).toBe(false);
    expect(errorName(cluster.register(1, { incarnationId: 'otherAAAAAAAAAAAAAAAAA' }).errorCode ?? 0)).toBe('DUPLICATE_BROKER_REGISTRATION');
    cluster.nowMs += 9000;
    expect(cluster.register(1, { incarnationId: 'otherAAAAAAAAAAAAAAAAA' })).toMatchObject({ errorCode: 0, brokerEpoch: cluster.log.length - 1 });
    expect(errorName(cluster.register(2, { clusterId: 'elsewhere' }).errorCode ?? 0)).toBe('INCONSISTENT_CLUSTER_ID');
    expect(errorName(cluster.register(2, { features: [] }).errorCode ?? 0)).toBe('UNSUPPORTED_VERSION');
  });

  it('that fall silent are fenced one by one: others lead, and the last in-sync replica is remembered', () => {
    const cluster = new TestCluster();
    cluster.start(1, 2, 3);
    cluster.create({ name: 't', assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }, { partitionIndex: 1, brokerIds: [1, 3] }] });
    expect(cluster.partitions('t')).toEqual(['1,2/1,2 1@0 v0', '1,3/1,3 1@0 v0']);
    cluster.nowMs += 5000;
    cluster.heartbeat(2);
    cluster.nowMs += 4000;
    for (let records = cluster.controller.tick(cluster.nowMs); records.length > 0; records = cluster.controller.tick(cluster.nowMs)) cluster.append(records);
    expect([...cluster.controller.image.brokers.values()].map((it) => `${it.brokerId}:${it.isFenced}`)).toEqual(['1:true', '2:false', '3:true']);
    expect(cluster.partitions('t')).toEqual(['1,2/2 2@1 v1', '1,3/ 3? -1@2 v2']);
    cluster.heartbeat(1);
    expect(cluster.partitions('t')).toEqual(['1,2/2 2@1 v1', '1,3/ 3? -1@2 v2']);
    cluster.heartbeat(3);
    expect(cluster.partitions('t')).toEqual(['1,2/2 2@1 v1', '1,3/3 3@3 v3']);
  });

  it('that shut down hand over first', () => {
    const cluster = new TestCluster();
    cluster.start(1, 2);
    cluster.create({ name: 't', assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }] });
    expect(cluster.heartbeat(1, { wantShutDown: true })).toMatchObject({ shouldShutDown: false, isFenced: false });
    expect(cluster.partitions('t')).toEqual(['1,2/2 2@1 v1']);
    expect(cluster.controller.image.broker(1)?.isShuttingDown).toBe(true);
    // The other one has not read yet that it leads.
    expect(cluster.heartbeat(1, { wantShutDown: true })).toMatchObject({ shouldShutDown: false });
    cluster.heartbeat(2, { behind: 1 });
    expect(cluster.heartbeat(1, { wantShutDown: true })).toMatchObject({ shouldShutDown: false });
    cluster.heartbeat(2);
    expect(cluster.heartbeat(1, { wantShutDown: true })).toMatchObject({ shouldShutDown: true, isFenced: true });
    // Alone: the partition waits without a leader for the only one that has its records.
    cluster.heartbeat(2, { wantShutDown: true });
    expect(cluster.partitions('t')).toEqual(['1,2/ 2? -1@2 v2']);
    expect(cluster.heartbeat(2, { wantShutDown: true })).toMatchObject({ shouldShutDown: true });
    // What was told to go has no session any more.
    expect(cluster.register(1, { incarnationId: 'otherAAAAAAAAAAAAAAAAA' })).toMatchObject({ errorCode: 0 });
  });

  it('restarted alone lead again what only they have, in a new leader epoch', () => {
    const cluster = new TestCluster();
    cluster.start(1);
    cluster.create({ name: 't', numPartitions: 2 });
    cluster.nowMs += 10_000;
    cluster.register(1, { incarnationId: 'secondAAAAAAAAAAAAAAAA' });
    expect(cluster.partitions('t')).toEqual(['1/ -1@1 v1', '1/ -1@1 v1']);
    cluster.heartbeat(1);
    expect(cluster.partitions('t')).toEqual(['1/1 1@2 v2', '1/1 1@2 v2']);
    expect(cluster.delta.localChanges(cluster.follower, 1).leading.map((it) => `${it.topic.name}-${it.partition.partitionId}`)).toEqual(['t-0', 't-1']);
  });

  it('prefer losing records to waiting only where the topic says so', () => {
    const cluster = new TestCluster();
    cluster.start(1, 2);
    const assignments = [{ partitionIndex: 0, brokerIds: [1, 2] }];
    cluster.create({ name: 'safe', assignments });
    cluster.create({ name: 'eager', assignments, configs: [{ name: 'unclean.leader.election.enable', value: 'true' }] });
    cluster.heartbeat(2, { wantFence: true });
    cluster.heartbeat(2);
    cluster.heartbeat(1, { wantFence: true });
    expect([cluster.partitions('safe'), cluster.partitions('eager')]).toEqual([['1,2/ 1? -1@1 v2'], ['1,2/2 2@1 v2']]);
    expect(cluster.controller.image.topic('eager')?.partitions[0]?.isRecovering).toBe(true);
  });
});

describe('creating topics', () => {
  const one = (): TestCluster => {
    const cluster = new TestCluster({ defaultPartitions: 3 });
    cluster.start(1);
    return cluster;
  };

  it('uses the defaults, gives an id, and tells the settings in force', () => {
    const cluster = one();
    const response = cluster.run(
      cluster.controller.createTopics(cluster.moment, {
        topics: [{ name: 'a', numPartitions: -1, replicationFactor: -1, assignments: [], configs: [{ name: 'retention.ms', value: '1000' }] }],
        timeoutMs: 1,
        validateOnly: false,
      }),
    ).topics[0];
    expect(response).toMatchObject({ errorCode: 0, numPartitions: 3, replicationFactor: 1 });
    expect(response?.configs?.filter((it) => it.configSource === 1)).toEqual([{ name: 'retention.ms', value: '1000', readOnly: false, configSource: 1, isSensitive: false }]);
    expect(cluster.partitions('a')).toEqual(['1/1 1@0 v0', '1/1 1@0 v0', '1/1 1@0 v0']);
    expect(cluster.follower.topicById(response?.topicId ?? '')?.name).toBe('a');
    expect(cluster.follower.configs('TOPIC', 'a')).toEqual(new Map([['retention.ms', '1000']]));
    expect(cluster.controller.image.topic('a')?.partitions[0]?.directories).toEqual(['directory1AAAAAAAAAAAA']);
    expect(cluster.delta.createdTopicIds.size).toBe(1);
  });

  it('changes nothing when it only validates', () => {
    const cluster = one();
    const before = cluster.log.length;
    expect(outcome(cluster.create({ name: 'a' }, true))).toBe('NONE');
    expect(cluster.log.length).toBe(before);
  });

  const refusals: [string, Parameters<TestCluster['create']>[0], string][] = [
    ['a name that is taken', { name: 'taken.name' }, "TOPIC_ALREADY_EXISTS: Topic 'taken.name' already exists."],
    ['a name that collides', { name: 'taken_name' }, "INVALID_TOPIC_EXCEPTION: Topic 'taken_name' collides with existing topic: taken.name"],
    ['a bad name', { name: 'a b' }, "INVALID_TOPIC_EXCEPTION: Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"],
    ['no partitions', { name: 'x', numPartitions: 0 }, 'INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.'],
    ['no replicas', { name: 'x', replicationFactor: 0 }, 'INVALID_REPLICATION_FACTOR: Replication factor was set to an invalid non-positive value.'],
    ['more replicas than brokers', { name: 'x', replicationFactor: 3 }, 'INVALID_REPLICATION_FACTOR: Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered or some brokers have all their log directories cordoned.'],
    ['far too many partitions', { name: 'x', numPartitions: 10_001 }, 'POLICY_VIOLATION: Excessively large number of partitions per request.'],
    ['an unknown setting', { name: 'x', configs: [{ name: 'no.such', value: '1' }] }, 'INVALID_CONFIG: Unknown topic config name: no.such'],
    ['a bad setting', { name: 'x', configs: [{ name: 'segment.ms', value: '0' }] }, 'INVALID_CONFIG: Invalid value 0 for configuration segment.ms: Value must be at least 1'],
    ['a null setting', { name: 'x', configs: [{ name: 'segment.ms', value: null }] }, 'INVALID_CONFIG: Null value not supported for topic configs: segment.ms'],
    ['an assignment and a count', { name: 'x', numPartitions: 2, assignments: [{ partitionIndex: 0, brokerIds: [1] }] }, 'INVALID_REQUEST: A manual partition assignment was specified, but numPartitions was not set to -1.'],
    ['an assignment to nobody', { name: 'x', assignments: [{ partitionIndex: 0, brokerIds: [9] }] }, 'INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 9, but no such broker is registered.'],
    ['an assignment with a gap', { name: 'x', assignments: [{ partitionIndex: 1, brokerIds: [1] }] }, 'INVALID_REPLICA_ASSIGNMENT: partitions should be a consecutive 0-based integer sequence'],
    ['an assignment twice to one', { name: 'x', assignments: [{ partitionIndex: 0, brokerIds: [1, 1] }] }, 'INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes the broker 1 more than once.'],
    ['an empty assignment', { name: 'x', assignments: [{ partitionIndex: 0, brokerIds: [] }] }, 'INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes an empty replica list.'],
  ];
  it.each(refusals)('refuses %s', (_, topic, expected) => {
    const cluster = one();
    cluster.create({ name: 'taken.name' });
    const before = cluster.log.length;
    expect(outcome(cluster.create(topic))).toBe(expected);
    expect(cluster.log.length).toBe(before);
  });

  it('refuses a name twice in one request, and names that collide within it, and goes on with the others', () => {
    const cluster = one();
    const topic = (name: string) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] });
    const response = cluster.run(cluster.controller.createTopics(cluster.moment, { topics: [topic('a.b'), topic('c'), topic('c'), topic('a_b')], timeoutMs: 1, validateOnly: false }));
    expect(response.topics.map((it) => `${it.name} ${outcome(it)}`)).toEqual(['a.b NONE', 'c INVALID_REQUEST: Duplicate topic name.', "a_b INVALID_TOPIC_EXCEPTION: Topic 'a_b' collides with existing topic: a.b"]);
    expect([...cluster.controller.image.topics.keys()]).toEqual(['a.b']);
  });

  it('refuses all of it while no broker is there', () => {
    const cluster = new TestCluster();
    cluster.register(1);
    expect(outcome(cluster.create({ name: 'x' }))).toBe('INVALID_REPLICATION_FACTOR: Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have all their log directories cordoned.');
    expect(outcome(cluster.create({ name: 'x', assignments: [{ partitionIndex: 0, brokerIds: [1] }] }))).toBe(
      'INVALID_REPLICA_ASSIGNMENT: All brokers specified in the manual partition assignment for partition 0 are fenced or in controlled shutdown.',
    );
  });

  it.each([
    ['', 'Topic name is invalid: the empty string is not allowed'],
    ['.', "Topic name is invalid: '.' is not allowed"],
    ['..', "Topic name is invalid: '..' is not allowed"],
    ['é', "Topic name is invalid: 'é' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"],
    ['a'.repeat(250), `Topic name is invalid: the length of '${'a'.repeat(250)}' is longer than the max allowed length 249`],
    ['a'.repeat(249), null],
    ['...', null],
  ])('the name %p', (name, problem) => expect(topicNameProblem(name)).toBe(problem));
});

describe('the life of topics', () => {
  it('deletes by name and by id, with their settings', () => {
    const cluster = new TestCluster();
    cluster.start(1);
    cluster.create({ name: 'a', configs: [{ name: 'retention.ms', value: '1' }] });
    cluster.create({ name: 'b' });
    const idOf = (name: string): string => cluster.controller.image.topic(name)?.topicId ?? '';
    const zero = ZERO_UUID;
    const [a, b] = [idOf('a'), idOf('b')];
    const response = cluster.run(
      cluster.controller.deleteTopics({
        topics: [{ name: 'a', topicId: zero }, { name: null, topicId: b }, { name: 'a', topicId: zero }, { name: null, topicId: 'unknownAAAAAAAAAAAAAAA' }, { name: 'nobody', topicId: zero }, { name: 'a', topicId: a }, { name: null, topicId: zero }],
        topicNames: [],
        timeoutMs: 1,
      }),
    );
    expect(response.responses.map((it) => `${it.name} ${errorName(it.errorCode ?? 0)}`)).toEqual([
      'a NONE', 'b NONE', 'a INVALID_REQUEST', 'null UNKNOWN_TOPIC_ID', 'nobody UNKNOWN_TOPIC_OR_PARTITION', 'a INVALID_REQUEST', 'null INVALID_REQUEST',
    ]);
    expect([...cluster.follower.topics.keys(), ...cluster.follower.configs('TOPIC', 'a').keys()]).toEqual([]);
    expect(cluster.delta.localChanges(cluster.follower, 1).deletedTopics.map((it) => it.name)).toEqual(['a', 'b']);
    expect(outcome(cluster.create({ name: 'a' }))).toBe('NONE');
    expect(idOf('a')).not.toBe(a);
  });

  it('grows, and only grows', () => {
    const cluster = new TestCluster();
    cluster.start(1, 2);
    cluster.create({ name: 'a', assignments: [{ partitionIndex: 0, brokerIds: [1] }] });
    const grow = (count: number, assignments: { brokerIds: number[] }[] | null = null, name = 'a'): string =>
      cluster.run(cluster.controller.createPartitions(cluster.moment, { topics: [{ name, count, assignments }], timeoutMs: 1, validateOnly: false })).results.map(outcome).join();
    expect(grow(3)).toBe('NONE');
    expect(cluster.partitions('a')).toHaveLength(3);
    expect(grow(3)).toBe('INVALID_PARTITIONS: Topic already has 3 partition(s).');
    expect(grow(2)).toBe('INVALID_PARTITIONS: The topic a currently has 3 partition(s); 2 would not be an increase.');
    expect(grow(5, [{ brokerIds: [1] }])).toBe('INVALID_REPLICA_ASSIGNMENT: Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.');
    expect(grow(4, [{ brokerIds: [1, 2] }])).toBe('INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes a partition with 2 replica(s), but this is not consistent with previous partitions, which have 1 replica(s).');
    expect(grow(4, [{ brokerIds: [2] }])).toBe('NONE');
    expect(cluster.partitions('a')[3]).toBe('2/2 2@0 v0');
    expect(grow(4, null, 'x')).toMatch(/^UNKNOWN_TOPIC_OR_PARTITION/);
  });
});

describe('settings', () => {
  const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];
  const withTopic = (): TestCluster => {
    const cluster = new TestCluster({ staticBrokerConfigs: new Map([['log.cleanup.policy', 'compact']]) });
    cluster.start(1);
    cluster.create({ name: 't' });
    return cluster;
  };
  const of = (cluster: TestCluster, type: 'TOPIC' | 'BROKER' = 'TOPIC', name = 't'): Record<string, string> => Object.fromEntries(cluster.follower.configs(type, name));

  it('are set, deleted, appended to and subtracted from', () => {
    const cluster = withTopic();
    expect(alter(cluster, 't', [['retention.ms', SET, '5'], ['cleanup.policy', APPEND, 'delete']])).toBe('NONE');
    expect(of(cluster)).toEqual({ 'retention.ms': '5', 'cleanup.policy': 'compact,delete' });
    expect(cluster.delta.changedConfigs).toEqual([{ type: 'TOPIC', name: 't' }]);
    expect(alter(cluster, 't', [['retention.ms', DELETE, null], ['cleanup.policy', SUBTRACT, 'compact']])).toBe('NONE');
    expect(of(cluster)).toEqual({ 'cleanup.policy': 'delete' });
    const before = cluster.log.length;
    expect(alter(cluster, 't', [['cleanup.policy', APPEND, 'delete']])).toBe('NONE');
    expect(cluster.log.length).toBe(before);
  });

  it('are refused whole, with the setting named', () => {
    const cluster = withTopic();
    expect(alter(cluster, 't', [['retention.ms', SET, '5'], ['segment.ms', SET, 'x']])).toBe('INVALID_CONFIG: Invalid value x for configuration segment.ms: Not a number of type LONG');
    expect(alter(cluster, 't', [['retention.ms', APPEND, '5']])).toBe("INVALID_CONFIG: Can't APPEND to key retention.ms because its type is not LIST.");
    expect(alter(cluster, 't', [['retention.ms', SET, null]])).toBe('INVALID_REQUEST: Null value not supported for : retention.ms');
    expect(alter(cluster, 't', [['retention.ms', SET, '1'], ['retention.ms', SET, '2']])).toBe('INVALID_REQUEST: Error due to duplicate config keys');
    expect(alter(cluster, 't', [['max.compaction.lag.ms', SET, '5'], ['min.compaction.lag.ms', SET, '6']])).toMatch(/^INVALID_CONFIG: conflict topic config/);
    expect(alter(cluster, 'nobody', [['retention.ms', SET, '5']])).toMatch(/^UNKNOWN_TOPIC_OR_PARTITION/);
    expect(alter(cluster, 't', [['retention.ms', SET, '5']], 16)).toBe('INVALID_REQUEST: Unknown resource type CLIENT_METRICS');
    expect(of(cluster)).toEqual({});
  });

  it('of brokers: of one, or of all', () => {
    const cluster = withTopic();
    expect(alter(cluster, '1', [['log.retention.ms', SET, '7']], 4)).toBe('NONE');
    expect(alter(cluster, '', [['log.segment.bytes', SET, '2000000']], 4)).toBe('NONE');
    expect([of(cluster, 'BROKER', '1'), of(cluster, 'BROKER', '')]).toEqual([{ 'log.retention.ms': '7' }, { 'min.insync.replicas': '1', 'log.segment.bytes': '2000000' }]);
    expect(alter(cluster, '', [['log.segment.bytes', SET, '2']], 4)).toMatch(/^INVALID_REQUEST: Invalid value 2 for configuration log.segment.bytes/);
    expect(alter(cluster, '1', [['leader.replication.throttled.rate', SET, '1000']], 4)).toBe('NONE');
    expect(alter(cluster, '1', [['follower.replication.throttled.rate', SET, '-1']], 4)).toMatch(/^INVALID_REQUEST: Invalid value -1 for configuration follower.replication.throttled.rate: Value must be at least 0/);
    expect(alter(cluster, 't', [['leader.replication.throttled.replicas', SET, '0:1,1:2']])).toBe('NONE');
    expect(alter(cluster, 't', [['leader.replication.throttled.replicas', APPEND, '0:3']])).toBe('NONE');
    expect(of(cluster)).toEqual({ 'leader.replication.throttled.replicas': '0:1,1:2,0:3' });
    expect(alter(cluster, 't', [['follower.replication.throttled.replicas', SET, 'all']])).toMatch(/^INVALID_CONFIG/);
    expect(alter(cluster, '1', [['node.id', SET, '7']], 4)).toBe('INVALID_REQUEST: Cannot update these configs dynamically: [node.id]');
    expect(alter(cluster, 'x', [['log.retention.ms', SET, '7']], 4)).toBe('INVALID_REQUEST: Unable to parse broker name as a base 10 number.');
    expect(alter(cluster, '9', [['log.retention.ms', SET, '7']], 4)).toMatch(/^BROKER_ID_NOT_REGISTERED/);
  });

  it('in the older form replace all that was there', () => {
    const cluster = withTopic();
    alter(cluster, 't', [['retention.ms', SET, '5'], ['segment.ms', SET, '6']]);
    const response = cluster.run(cluster.controller.alterConfigs({ resources: [{ resourceType: 2, resourceName: 't', configs: [{ name: 'segment.ms', value: '7' }] }], validateOnly: false }));
    expect(response.responses.map(outcome)).toEqual(['NONE']);
    expect(of(cluster)).toEqual({ 'segment.ms': '7' });
  });
});

describe('leaders and in-sync sets', () => {
  const three = (): TestCluster => {
    const cluster = new TestCluster();
    cluster.start(1, 2, 3);
    cluster.create({ name: 't', assignments: [{ partitionIndex: 0, brokerIds: [1, 2, 3] }] });
    return cluster;
  };
  const propose = (cluster: TestCluster, isr: number[], options: { leaderEpoch?: number; partitionEpoch?: number; from?: number; epochs?: number } = {}): string => {
    const from = options.from ?? 1;
    const response = cluster.run(
      cluster.controller.alterPartition({
        brokerId: from,
        brokerEpoch: cluster.controller.image.broker(from)?.epoch ?? -1,
        topics: [
          {
            topicId: cluster.controller.image.topic('t')?.topicId ?? '',
            partitions: [{ partitionIndex: 0, leaderEpoch: options.leaderEpoch ?? 0, newIsr: [], newIsrWithEpochs: isr.map((brokerId) => ({ brokerId, brokerEpoch: options.epochs ?? -1 })), leaderRecoveryState: 0, partitionEpoch: options.partitionEpoch ?? 0 }],
          },
        ],
      }),
    );
    const [partition] = response.topics[0]?.partitions ?? [];
    return partition === undefined ? errorName(response.errorCode ?? 0) : partition.errorCode === 0 ? `${partition.isr?.join()} v${partition.partitionEpoch} e${partition.leaderEpoch}` : errorName(partition.errorCode ?? 0);
  };

  it('takes a proposal that knows the current epochs, and no other', () => {
    const cluster = three();
    expect(propose(cluster, [1, 2])).toBe('1,2 v1 e0');
    expect(propose(cluster, [1, 2, 3])).toBe('INVALID_UPDATE_VERSION');
    expect(propose(cluster, [1, 2, 3], { partitionEpoch: 2 })).toBe('NOT_CONTROLLER');
    expect(propose(cluster, [1, 2, 3], { partitionEpoch: 1, leaderEpoch: 5 })).toBe('NOT_CONTROLLER');
    expect(propose(cluster, [2], { partitionEpoch: 1 })).toBe('INVALID_REQUEST');
    expect(propose(cluster, [1, 4], { partitionEpoch: 1 })).toBe('INVALID_REQUEST');
    expect(propose(cluster, [1, 2], { partitionEpoch: 1, from: 2 })).toBe('INVALID_REQUEST');
    expect(propose(cluster, [1, 2, 3], { partitionEpoch: 1, epochs: 99 })).toBe('INELIGIBLE_REPLICA');
    cluster.heartbeat(3, { wantFence: true });
    expect(propose(cluster, [1, 2, 3], { partitionEpoch: 1 })).toBe('INELIGIBLE_REPLICA');
    cluster.heartbeat(3);
    expect(propose(cluster, [1, 2, 3], { partitionEpoch: 1 })).toBe('1,2,3 v2 e0');
    cluster.heartbeat(1, { wantFence: true });
    expect(propose(cluster, [1, 2, 3], { partitionEpoch: 3, from: 2 })).toBe('FENCED_LEADER_EPOCH');
  });

  it('gives leadership back to the preferred replica when asked', () => {
    const cluster = three();
    const elect = (topicPartitions: { topic: string; partitions: number[] }[] | null, electionType = 0): string[] =>
      cluster.run(cluster.controller.electLeaders({ electionType, topicPartitions, timeoutMs: 1 })).replicaElectionResults.flatMap((it) => it.partitionResult.map((partition) => `${it.topic}-${partition.partitionId} ${errorName(partition.errorCode ?? 0)}`));
    expect(elect([{ topic: 't', partitions: [0, 7] }, { topic: 'x', partitions: [0] }])).toEqual(['t-0 ELECTION_NOT_NEEDED', 't-7 UNKNOWN_TOPIC_OR_PARTITION', 'x-0 UNKNOWN_TOPIC_OR_PARTITION']);
    expect(elect(null)).toEqual([]);
    cluster.heartbeat(1, { wantFence: true });
    expect(elect(null)).toEqual(['t-0 PREFERRED_LEADER_NOT_AVAILABLE']);
    cluster.heartbeat(1);
    propose(cluster, [1, 2, 3], { from: 2, leaderEpoch: 1, partitionEpoch: 1 });
    expect(elect(null)).toEqual(['t-0 NONE']);
    expect(cluster.partitions('t')).toEqual(['1,2,3/1,2,3 1@2 v3']);
  });
});

describe('producer ids and features', () => {
  it('never gives a producer id twice', () => {
    const cluster = new TestCluster();
    cluster.start(1);
    const allocate = (brokerEpoch: number) => cluster.run(cluster.controller.allocateProducerIds({ brokerId: 1, brokerEpoch }));
    const epoch = cluster.controller.image.broker(1)?.epoch ?? -1;
    expect(allocate(epoch)).toEqual({ errorCode: 0, producerIdStart: 0, producerIdLen: 1000 });
    expect(allocate(epoch)).toEqual({ errorCode: 0, producerIdStart: 1000, producerIdLen: 1000 });
    expect(allocate(epoch + 1).errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
  });

  it('keeps features within what everyone supports', () => {
    const cluster = new TestCluster();
    cluster.start(1);
    const update = (feature: string, maxVersionLevel: number): string =>
      outcome(cluster.run(cluster.controller.updateFeatures({ timeoutMs: 1, featureUpdates: [{ feature, maxVersionLevel, allowDowngrade: false, upgradeType: 1 }], validateOnly: false })));
    expect(update('metadata.version', 25)).toBe('NONE');
    expect(update('metadata.version', 31)).toMatch(/^INVALID_UPDATE_VERSION: .*: Invalid update version 31 for feature metadata.version/);
    expect(update('share.version', 1)).toMatch(/^INVALID_UPDATE_VERSION/);
    expect(cluster.controller.image.featureLevels).toEqual(new Map([['metadata.version', 25], ['eligible.leader.replicas.version', 1]]));
  });
});

describe('snapshots', () => {
  it('rebuild the image', () => {
    const cluster = new TestCluster();
    cluster.start(1, 2, 3);
    cluster.create({ name: 'a', numPartitions: 4, replicationFactor: 2, configs: [{ name: 'retention.ms', value: '9' }] });
    cluster.create({ name: 'b' });
    alter(cluster, '', [['log.retention.ms', 0, '3']], 4);
    cluster.heartbeat(2, { wantFence: true });
    cluster.run(cluster.controller.allocateProducerIds({ brokerId: 1, brokerEpoch: cluster.controller.image.broker(1)?.epoch ?? -1 }));
    const rebuilt = new MetadataImage();
    for (const record of imageRecords(cluster.follower)) rebuilt.replay(record);
    expect(plain(rebuilt)).toEqual(plain(cluster.follower));
  });
});

function plain(image: MetadataImage): unknown {
  return { topics: [...image.topics], brokers: [...image.brokers], controllers: [...image.controllers], configs: [...image.configResources], features: [...image.featureLevels], nextProducerId: image.nextProducerId };
}
