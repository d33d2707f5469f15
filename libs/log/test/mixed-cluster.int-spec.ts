import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { CreateTopics, DescribeCluster, DescribeLogDirs, ElectLeaders, ErrorCode, IncrementalAlterConfigs, InitProducerId, Metadata, UpdateFeatures } from '@millrace/protocol';
import { freePort, peersMissing, PeerProcess, temporaryFolder, waitFor } from '@millrace/testkit';
import { batchOf, valuesIn } from './local-broker.js';
import { CLUSTER_ID, QuorumCluster } from './quorum-cluster.js';

const missing = peersMissing();
if (missing !== undefined) console.warn(`Apache Kafka does not join our cluster: ${missing}`);

const OURS = [1, 2] as const;
const JAVA = 3;
const WAIT_MS = 60_000;
/** Of our nodes: Java takes its time on a busy machine. */
const PATIENT = {
  'broker.session.timeout.ms': '9000',
  'controller.quorum.fetch.timeout.ms': '3000',
  'controller.quorum.election.timeout.ms': '2000',
  'offsets.topic.replication.factor': '3',
  'metadata.log.max.record.bytes.between.snapshots': '3000',
  'metadata.max.retention.bytes': '1',
  'metadata.log.segment.bytes': '4096',
};

(missing === undefined ? describe : describe.skip)('a node of Apache Kafka, voter and broker, beside two of ours', () => {
  const scratch = temporaryFolder('mixed');
  let cluster: QuorumCluster;
  let javaPort = 0;
  let java: PeerProcess | undefined;

  async function startJava(): Promise<void> {
    const listeners = `PLAINTEXT://127.0.0.1:${javaPort},CONTROLLER://127.0.0.1:${cluster.controllerPortOf(JAVA)}`;
    java = await PeerProcess.kafka({
      folder: scratch.path,
      port: javaPort,
      heap: ['-Xms128m', '-Xmx384m'],
      format: ['-t', CLUSTER_ID, '--release-version', '4.0-IV3', '--feature', 'eligible.leader.replicas.version=1', '--feature', 'group.version=0', '--feature', 'transaction.version=0'],
      settings: {
        'node.id': String(JAVA),
        'controller.quorum.voters': cluster.voters,
        listeners,
        'advertised.listeners': listeners,
        // Whoever leads the quorum, it is Java when it may be.
        'controller.quorum.election.timeout.ms': '100',
        'controller.quorum.fetch.timeout.ms': '2000',
        'offsets.topic.num.partitions': '3',
        'offsets.topic.replication.factor': '3',
        'default.replication.factor': '3',
      },
    });
  }
  beforeAll(async () => {
    javaPort = await freePort();
    cluster = await QuorumCluster.prepare({ 1: 'broker,controller', 2: 'broker,controller', [JAVA]: 'peer' }, PATIENT);
    mkdirSync(`${scratch.path}/data`, { recursive: true });
    await Promise.all(OURS.map((id) => cluster.startNode(id)));
    await startJava();
  }, 300_000);
  afterAll(async () => {
    await java?.stop();
    await cluster?.stop();
    scratch.remove();
  }, 120_000);

  const portOf = (id: number): number => (id === JAVA ? javaPort : cluster.portOf(id));
  const clientOf = (id: number) => cluster.connect(portOf(id));
  const logOf = (id: number, partition: string): Buffer => readFileSync(`${id === JAVA ? `${scratch.path}/data` : cluster.folderOf(id)}/${partition}/00000000000000000000.log`);
  const numbered = (prefix: string, count: number): { value: string }[] => Array.from({ length: count }, (_, i) => ({ value: `${prefix}-${i}` }));

  async function create(by: number, name: string, replicas: readonly (readonly number[])[]): Promise<void> {
    const assignments = replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds: [...brokerIds] }));
    const response = await (await clientOf(by)).ask(CreateTopics, 7, { topics: [{ name, numPartitions: -1, replicationFactor: -1, assignments, configs: [] }], timeoutMs: 30_000 });
    expect(response.topics.map((it) => [it.errorCode, it.errorMessage])).toEqual([[ErrorCode.NONE, null]]);
  }
  async function partitionOf(topic: string, partition: number, askedOf: number): Promise<{ leader: number; isr: string }> {
    const { topics } = await (await clientOf(askedOf)).ask(Metadata, 12, { topics: [{ name: topic, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], allowAutoTopicCreation: false });
    const found = topics[0]?.partitions.find((it) => it.partitionIndex === partition);
    return { leader: found?.leaderId ?? -1, isr: [...(found?.isrNodes ?? [])].sort().join() };
  }
  const until = (topic: string, partition: number, expected: { leader?: number; isr?: string }, askedOf: number): Promise<void> =>
    waitFor(`${topic}-${partition} is ${JSON.stringify(expected)} for node ${askedOf}`, WAIT_MS, async () => {
      const found = await partitionOf(topic, partition, askedOf);
      return (expected.leader ?? found.leader) === found.leader && (expected.isr ?? found.isr) === found.isr;
    });
  async function produce(topic: string, partition: number, values: readonly { value: string }[]): Promise<void> {
    for (let i = 0; i < values.length; i += 50) {
      await waitFor(`the leader of ${topic}-${partition} takes records`, WAIT_MS, async () => {
        const { leader } = await partitionOf(topic, partition, cluster.up[0]?.id ?? JAVA);
        const { errorCode } = await (await clientOf(leader)).produce(topic, batchOf(values.slice(i, i + 50)), { partition });
        // It does not lead any more, and has taken nothing.
        if (errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER) return false;
        expect(errorCode).toBe(ErrorCode.NONE);
        return true;
      });
    }
  }
  /** What consumers read of it at its leader, whoever that is. */
  async function read(topic: string, partition: number): Promise<(string | null)[]> {
    const { leader } = await partitionOf(topic, partition, cluster.up[0]?.id ?? JAVA);
    const client = await clientOf(leader);
    const values: (string | null)[] = [];
    for (;;) {
      const fetched = await client.fetch(topic, values.length, { partition });
      if (fetched.errorCode !== ErrorCode.NONE || values.length >= fetched.highWatermark) return values;
      values.push(...valuesIn(fetched.records));
    }
  }
  async function elect(topic: string, partition: number): Promise<void> {
    const response = await (await clientOf(cluster.up[0]?.id ?? JAVA)).ask(ElectLeaders, 2, { electionType: 0, topicPartitions: [{ topic, partitions: [partition] }], timeoutMs: 30_000 });
    expect(response.replicaElectionResults[0]?.partitionResult[0]?.errorCode).toBe(ErrorCode.NONE);
  }
  async function activeController(askedOf: number): Promise<number> {
    const response = await (await cluster.connect(cluster.controllerPortOf(askedOf))).ask(DescribeCluster, 1, { endpointType: 2, includeClusterAuthorizedOperations: false });
    return response.controllerId;
  }
  const untilSame = (partition: string, ids: readonly number[]): Promise<void> =>
    waitFor(`${partition} is the same on ${ids.join()}`, WAIT_MS, () => {
      const [first, ...others] = ids.map((id) => logOf(id, partition));
      return Promise.resolve(first !== undefined && first.length > 0 && others.every((it) => it.equals(first)));
    });

  it('follows our leaders and is followed by us: all three have the same bytes', async () => {
    await create(JAVA, 'by-java', [[JAVA, 1, 2], [1, 2, JAVA]]);
    await create(1, 'by-us', [[2, JAVA, 1]]);
    await until('by-java', 0, { leader: JAVA, isr: '1,2,3' }, 1);
    await until('by-us', 0, { leader: 2, isr: '1,2,3' }, JAVA);
    for (const [topic, partition] of [['by-java', 0], ['by-java', 1], ['by-us', 0]] as const) {
      const sent = numbered(`${topic}-${partition}`, 200);
      await produce(topic, partition, sent);
      expect(await read(topic, partition)).toEqual(sent.map((it) => it.value));
      await untilSame(`${topic}-${partition}`, [...OURS, JAVA]);
    }
  }, 180_000);

  it('takes over leaderships when we stop, and gives them back', async () => {
    await create(1, 'to-and-fro', [[1, JAVA], [JAVA, 2]]);
    await produce('to-and-fro', 0, numbered('ours', 50));
    await produce('to-and-fro', 1, numbered('theirs', 50));
    await cluster.stopNode(1);
    await until('to-and-fro', 0, { leader: JAVA, isr: '3' }, 2);
    await produce('to-and-fro', 0, numbered('meanwhile', 50));
    await cluster.startNode(1);
    await until('to-and-fro', 0, { leader: JAVA, isr: '1,3' }, 2);
    await elect('to-and-fro', 0);
    await until('to-and-fro', 0, { leader: 1, isr: '1,3' }, JAVA);
    await produce('to-and-fro', 0, numbered('again', 50));
    await until('to-and-fro', 1, { isr: '2,3' }, 2);
    await java?.stop();
    await until('to-and-fro', 1, { leader: 2, isr: '2' }, 1);
    await produce('to-and-fro', 1, numbered('meanwhile', 50));
    await startJava();
    await until('to-and-fro', 1, { leader: 2, isr: '2,3' }, 1);
    await elect('to-and-fro', 1);
    await until('to-and-fro', 1, { leader: JAVA, isr: '2,3' }, 1);
    await produce('to-and-fro', 1, numbered('again', 50));
    const all = (first: string): string[] => [first, 'meanwhile', 'again'].flatMap((it) => numbered(it, 50)).map((it) => it.value);
    expect(await read('to-and-fro', 0)).toEqual(all('ours'));
    expect(await read('to-and-fro', 1)).toEqual(all('theirs'));
    await untilSame('to-and-fro-0', [1, JAVA]);
    await untilSame('to-and-fro-1', [2, JAVA]);
  }, 300_000);

  it('leads the quorum: our brokers register, change in-sync replicas, pass requests on and stop in order', async () => {
    // A majority of ours goes at once; the first that comes back has no leader, and Java asks first.
    await Promise.all(OURS.map((id) => cluster.crash(id)));
    await cluster.startNode(1);
    await waitFor('Java is the active controller', WAIT_MS, async () => (await activeController(1)) === JAVA);
    await cluster.startNode(2);
    await create(1, 'decided-by-java', [[1, 2, JAVA], [2, JAVA, 1]]);
    await until('decided-by-java', 0, { leader: 1, isr: '1,2,3' }, 2);
    const client = await clientOf(2);
    const altered = await client.ask(IncrementalAlterConfigs, 1, { resources: [{ resourceType: 2, resourceName: 'decided-by-java', configs: [{ name: 'retention.ms', configOperation: 0, value: '7654321' }] }], validateOnly: false });
    expect(altered.responses.map((it) => it.errorCode)).toEqual([ErrorCode.NONE]);
    const ids = await Promise.all([1, 2].map(async (id) => (await (await clientOf(id)).ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 })).producerId));
    expect(new Set(ids).size).toBe(2);
    await produce('decided-by-java', 0, numbered('before', 50));
    await cluster.stopNode(2);
    await until('decided-by-java', 0, { leader: 1, isr: '1,3' }, 1);
    await produce('decided-by-java', 0, numbered('between', 50));
    await cluster.startNode(2);
    await until('decided-by-java', 0, { leader: 1, isr: '1,2,3' }, JAVA);
    await untilSame('decided-by-java-0', [...OURS, JAVA]);
    expect(await activeController(2)).toBe(JAVA);
  }, 300_000);

  async function cordon(id: number, value: string | null): Promise<void> {
    const configs = [{ name: 'cordoned.log.dirs', configOperation: value === null ? 1 : 0, value }];
    const { responses } = await (await clientOf(id)).ask(IncrementalAlterConfigs, 1, { resources: [{ resourceType: 4, resourceName: String(id), configs }], validateOnly: false });
    expect(responses.map((it) => it.errorMessage)).toEqual([null]);
    await waitFor(`node ${id} shows that it is ${value === null ? 'not ' : ''}cordoned`, WAIT_MS, async () => {
      const { results } = await (await clientOf(id)).ask(DescribeLogDirs, 5, { topics: null });
      return results.length > 0 && results.every((it) => it.isCordoned === (value !== null));
    });
  }
  /** The brokers that six new partitions go to, once the controller has heard of all cordons. */
  async function untilPlacedOn(by: number, prefix: string, expected: readonly number[]): Promise<void> {
    let tries = 0;
    await waitFor(`node ${by} gets new partitions placed on ${expected.join()}`, WAIT_MS, async () => {
      const name = `${prefix}-${tries++}`;
      const topic = { name, numPartitions: 6, replicationFactor: 1, assignments: [], configs: [] };
      const { topics } = await (await clientOf(by)).ask(CreateTopics, 7, { topics: [topic], timeoutMs: 30_000 });
      if (topics[0]?.errorCode !== ErrorCode.NONE) return false;
      const leaders = await Promise.all([0, 1, 2, 3, 4, 5].map(async (partition) => (await partitionOf(name, partition, by)).leader));
      return [...new Set(leaders)].sort().join() === expected.join();
    });
  }

  it('goes to metadata.version 4.3 with us, and hears of our cordoned directories as we of its own', async () => {
    expect(await activeController(2)).toBe(JAVA);
    const setLevel = (maxVersionLevel: number, upgradeType: number) => async (by: number): Promise<string | null> =>
      (await (await clientOf(by)).ask(UpdateFeatures, 1, { timeoutMs: 30_000, featureUpdates: [{ feature: 'metadata.version', maxVersionLevel, upgradeType }], validateOnly: false })).errorMessage;
    expect(await setLevel(30, 1)(1)).toBeNull();
    await cordon(1, '*');
    await untilPlacedOn(2, 'java-leaves-out-ours', [2, JAVA]);
    await cordon(JAVA, '*');
    await untilPlacedOn(2, 'java-leaves-out-itself', [2]);
    await java?.stop();
    await waitFor('one of ours is the active controller', WAIT_MS, async () => [1, 2].includes(await activeController(1)));
    await untilPlacedOn(1, 'we-leave-out', [2]);
    await startJava();
    await until('by-us', 0, { isr: '1,2,3' }, 1);
    await untilPlacedOn(1, 'we-leave-out-java', [2]);
    await cordon(JAVA, null);
    await untilPlacedOn(JAVA, 'java-is-back', [2, JAVA]);
    await cordon(1, null);
    await untilPlacedOn(2, 'all-are-back', [1, 2, JAVA]);
    // Whoever decides it.
    expect(await setLevel(29, 2)(1)).toContain('Unsupported metadata.version downgrade from 30 to 29. Refusing to perform the requested downgrade because it might delete metadata information.');
  }, 300_000);

  it('stops in order as the leader of the quorum, and comes back with an empty disk from our snapshot', async () => {
    await java?.stop();
    await waitFor('one of ours is the active controller', WAIT_MS, async () => [1, 2].includes(await activeController(1)));
    for (let i = 0; i < 30; i++) await create(1, `while-java-is-away-${i}`, [[1, 2]]);
    rmSync(`${scratch.path}/data`, { recursive: true });
    await startJava();
    expect(await partitionOf('while-java-is-away-29', 0, JAVA)).toMatchObject({ isr: '1,2' });
    await until('by-us', 0, { isr: '1,2,3' }, 1);
    await untilSame('by-us-0', [...OURS, JAVA]);
    // It counts again: with it and one of ours there is a majority.
    await cluster.stopNode(2);
    await create(1, 'with-two-of-three', [[JAVA, 1]]);
    await until('with-two-of-three', 0, { leader: JAVA, isr: '1,3' }, 1);
    await cluster.startNode(2);
  }, 300_000);
});
