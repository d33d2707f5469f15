import { spawnSync } from 'node:child_process';
import { Kafka, KafkaJSProtocolError, logLevel } from 'kafkajs';
import { CreateTopics, ErrorCode, ListOffsets } from '@millrace/protocol';
import { peersMissing, runPeerTool, runProgram, waitFor } from '@millrace/testkit';
import { valuesIn } from './local-broker.js';
import { QuorumCluster } from './quorum-cluster.js';

const CONTROLLER = 9;
const missingKcat = spawnSync('kcat', ['-V']).status === 0 ? undefined : 'kcat is not installed (apt-get install kcat)';
const missingTools = peersMissing();
for (const missing of [missingKcat, missingTools]) if (missing !== undefined) console.warn(`Not everything is judged: ${missing}`);

describe('min.insync.replicas, as clients that we did not write see it', () => {
  let cluster: QuorumCluster;
  let kafka: Kafka;
  const ports = new Map<number, number>();

  beforeAll(async () => {
    cluster = await QuorumCluster.start({ [CONTROLLER]: 'controller', 1: 'broker', 2: 'broker', 3: 'broker' }, { 'broker.session.timeout.ms': '3000' });
    for (const id of [1, 2, 3]) ports.set(id, cluster.portOf(id));
    // One attempt: what the broker answers is what the test sees.
    kafka = new Kafka({ brokers: [...ports.values()].map((it) => `127.0.0.1:${it}`), logLevel: logLevel.NOTHING, retry: { retries: 0 } });
  }, 60_000);
  afterAll(() => cluster.stop(), 60_000);

  const again = (id: number): Promise<void> => cluster.startNode(id, { listeners: `PLAINTEXT://127.0.0.1:${ports.get(id)}` });

  async function createTopic(name: string, brokerIds: readonly number[], configs: Readonly<Record<string, string>>): Promise<void> {
    const client = await cluster.client(1);
    const response = await client.ask(CreateTopics, 7, {
      topics: [{ name, numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [...brokerIds] }], configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })) }],
      timeoutMs: 10_000,
    });
    expect(response.topics.map((it) => it.errorMessage)).toEqual([null]);
    await cluster.untilKnown(name);
  }

  /** As the broker `asked` sees it. */
  async function partitionOf(topic: string, asked: number): Promise<{ leader: number; isr: readonly number[] }> {
    const [partition] = (await cluster.metadata(asked, [topic])).topics[0]?.partitions ?? [];
    return { leader: partition?.leaderId ?? -1, isr: [...(partition?.isrNodes ?? [])].sort() };
  }

  async function untilIsr(topic: string, isr: readonly number[], asked = 1): Promise<void> {
    await waitFor(`${isr.join()} are in sync`, 20_000, async () => (await partitionOf(topic, asked)).isr.join() === isr.join());
  }

  async function logEndOf(topic: string, id = 1): Promise<number> {
    const client = await cluster.client(id);
    const response = await client.ask(ListOffsets, 7, { replicaId: -2, isolationLevel: 0, topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }] });
    return response.topics[0]?.partitions[0]?.offset ?? -1;
  }

  /** The error's name in Kafka's table, or null. */
  async function kafkajsSends(topic: string, value: string, acks: number, timeout = 5000): Promise<string | null> {
    const producer = kafka.producer({ retry: { retries: 0 }, allowAutoTopicCreation: false });
    try {
      await producer.connect();
      await producer.send({ topic, acks, timeout, messages: [{ partition: 0, value }] });
      return null;
    } catch (error) {
      if (error instanceof KafkaJSProtocolError) return error.type;
      const cause = (error as { cause?: unknown }).cause;
      if (cause instanceof KafkaJSProtocolError) return cause.type;
      throw error;
    } finally {
      await producer.disconnect();
    }
  }

  /** What kcat says of the delivery, or null. */
  async function kcatSends(topic: string, value: string, acks: string, via = 1): Promise<string | null> {
    const settings = [`acks=${acks}`, 'retries=0', 'message.timeout.ms=3000', 'topic.metadata.refresh.interval.ms=200'].flatMap((it) => ['-X', it]);
    const { status, stderr } = await runProgram('kcat', ['-b', `127.0.0.1:${ports.get(via)}`, '-t', topic, '-p', '0', '-P', ...settings], { input: `${value}\n`, timeoutMs: 30_000 });
    return status === 0 ? null : (/Delivery failed for message: (.*)/.exec(stderr)?.[1] ?? stderr);
  }

  /** What consumers see. */
  async function read(topic: string, count: number, id = 1): Promise<(string | null)[]> {
    let values: (string | null)[] = [];
    await waitFor(`${count} records can be read`, 20_000, async () => {
      values = valuesIn((await (await cluster.client(id)).fetch(topic, 0)).records);
      return values.length >= count;
    });
    return values;
  }

  it('acks=all is refused and nothing appended while too few are in sync; acks=1 goes on, and is seen when there are enough', async () => {
    await createTopic('orders', [1, 2, 3], { 'min.insync.replicas': '2' });
    expect(await kafkajsSends('orders', 'three in sync', -1)).toBeNull();
    await cluster.crash(3);
    await untilIsr('orders', [1, 2]);
    expect(await kafkajsSends('orders', 'two in sync', -1)).toBeNull();
    await cluster.crash(2);
    // In sync by the metadata when it is appended; by the time of the answer too few: it is in the log, and not acknowledged.
    expect(await kafkajsSends('orders', 'waited for', -1, 4000)).toBe('REQUEST_TIMED_OUT');
    await untilIsr('orders', [1]);
    expect(await logEndOf('orders')).toBe(3);
    expect(await kafkajsSends('orders', 'refused', -1)).toBe('NOT_ENOUGH_REPLICAS');
    if (missingKcat === undefined) expect(await kcatSends('orders', 'refused', 'all')).toBe('Broker: Not enough in-sync replicas');
    expect(await logEndOf('orders')).toBe(3);
    expect(await kafkajsSends('orders', 'one in sync', 1)).toBeNull();
    if (missingKcat === undefined) expect(await kcatSends('orders', 'one in sync', '1')).toBeNull();
    else expect(await kafkajsSends('orders', 'one in sync', 1)).toBeNull();
    expect(await logEndOf('orders')).toBe(5);
    await Promise.all([again(2), again(3)]);
    await untilIsr('orders', [1, 2, 3]);
    expect(await kafkajsSends('orders', 'enough', -1)).toBeNull();
    if (missingKcat === undefined) expect(await kcatSends('orders', 'enough', 'all')).toBeNull();
    else expect(await kafkajsSends('orders', 'enough', -1)).toBeNull();
    expect(await read('orders', 7)).toEqual(['three in sync', 'two in sync', 'waited for', 'one in sync', 'one in sync', 'enough', 'enough']);
  }, 120_000);

  it('nobody who lacks records leads, unless the topic or an administrator says so', async () => {
    await createTopic('strict', [2, 3], { 'min.insync.replicas': '1' });
    await createTopic('loose', [2, 3], { 'min.insync.replicas': '1', 'unclean.leader.election.enable': 'true' });
    for (const topic of ['strict', 'loose']) expect(await kafkajsSends(topic, 'on both', -1)).toBeNull();
    await cluster.crash(3);
    for (const topic of ['strict', 'loose']) {
      await untilIsr(topic, [2]);
      expect(await kafkajsSends(topic, 'on one', -1)).toBeNull();
    }
    await cluster.crash(2);
    for (const topic of ['strict', 'loose']) await waitFor(`${topic} has no leader`, 20_000, async () => (await partitionOf(topic, 1)).leader === -1);
    await again(3);
    await waitFor('the loose topic has a leader', 20_000, async () => (await partitionOf('loose', 1)).leader === 3);
    expect(await partitionOf('strict', 1)).toMatchObject({ leader: -1 });
    expect((await cluster.metadata(1, ['strict'])).topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.LEADER_NOT_AVAILABLE);
    expect(await read('loose', 1, 3)).toEqual(['on both']);
    if (missingKcat === undefined) expect(await kcatSends('strict', 'nobody leads', 'all')).toMatch(/timed out/i);
    if (missingTools !== undefined) return;
    const elect = await runPeerTool('kafka-leader-election', ['--bootstrap-server', `127.0.0.1:${ports.get(1)}`, '--election-type', 'unclean', '--topic', 'strict', '--partition', '0'], { timeoutMs: 60_000 });
    expect([elect.stdout.trim(), elect.status]).toEqual(['Successfully completed leader election (UNCLEAN) for partitions strict-0', 0]);
    await waitFor('the strict topic has a leader', 20_000, async () => (await partitionOf('strict', 1)).leader === 3);
    expect(await kafkajsSends('strict', 'after the election', -1)).toBeNull();
    // Who comes back cuts what the elected one never had.
    await again(2);
    await untilIsr('strict', [2, 3]);
    expect(await read('strict', 2, 3)).toEqual(['on both', 'after the election']);
    expect([await logEndOf('strict', 2), await logEndOf('strict', 3)]).toEqual([2, 2]);
  }, 120_000);
});
