import { readdirSync } from 'node:fs';
import { ErrorCode, CreateTopics } from '@millrace/protocol';
import { peersMissing, runPeerTool, waitFor, type PeerTool } from '@millrace/testkit';
import { QuorumCluster } from './quorum-cluster.js';

const missing = peersMissing();
if (missing !== undefined) console.warn(`Apache Kafka's tools are not run: ${missing}`);

(missing === undefined ? describe : describe.skip)('the tools of Apache Kafka on a cluster of ours', () => {
  let cluster: QuorumCluster;
  beforeAll(async () => {
    // Java takes its time: no broker shall be fenced because this machine is busy.
    cluster = await QuorumCluster.start(
      { 1: 'broker,controller', 2: 'broker,controller', 3: 'broker,controller' },
      { 'metadata.log.max.record.bytes.between.snapshots': '3000', 'broker.session.timeout.ms': '20000', 'controller.quorum.fetch.timeout.ms': '10000', 'controller.quorum.election.timeout.ms': '2000' },
    );
    const client = await cluster.client(1);
    for (let i = 0; i < 12; i++) {
      const response = await client.ask(CreateTopics, 7, { topics: [{ name: `topic-${i}`, numPartitions: 2, replicationFactor: 3, assignments: [], configs: [{ name: 'retention.ms', value: '12345678' }] }], timeoutMs: 20_000 });
      expect(response.topics[0]?.errorCode).toBe(ErrorCode.NONE);
    }
  }, 120_000);
  afterAll(() => cluster.stop(), 60_000);

  async function run(tool: PeerTool, args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await runPeerTool(tool, args, { input: '', timeoutMs: 120_000 });
    if (status !== 0) throw new Error(`${tool} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  }
  const ask = (tool: PeerTool, ...args: string[]): Promise<string> => run(tool, ['--bootstrap-server', `localhost:${cluster.portOf(2)}`, ...args]);

  it('describe the quorum and its lag', async () => {
    const status = await ask('kafka-metadata-quorum', 'describe', '--status');
    expect(status).toMatch(/LeaderId:\s+[123]\s/);
    expect(status).toMatch(/MaxFollowerLag:\s+\d+/);
    const replication = await ask('kafka-metadata-quorum', 'describe', '--replication');
    expect(replication.match(/Leader|Follower/g)?.sort()).toEqual(['Follower', 'Follower', 'Leader']);
  }, 240_000);

  it('describe topics with all replicas in sync', async () => {
    await waitFor('all are in sync', 20_000, async () => (await cluster.metadata(2, ['topic-3'])).topics[0]?.partitions.every((it) => it.isrNodes.length === 3) === true);
    const described = await ask('kafka-topics', '--describe', '--topic', 'topic-3');
    expect(described).toMatch(/PartitionCount: 2\tReplicationFactor: 3\tConfigs: .*retention\.ms=12345678/);
    expect(described.match(/Isr: \d,\d,\d/g)).toHaveLength(2);
  }, 240_000);

  it('decode the metadata log and the snapshots of every node', async () => {
    for (const id of [1, 2, 3]) {
      const folder = `${cluster.folderOf(id)}/__cluster_metadata-0`;
      const snapshots = readdirSync(folder).filter((it) => it.endsWith('.checkpoint'));
      expect(snapshots.length).toBeGreaterThan(0);
      if (id > 1) continue;
      const log = await run('kafka-dump-log', ['--cluster-metadata-decoder', '--files', `${folder}/00000000000000000000.log`]);
      expect(log).toContain('"type":"REGISTER_BROKER_RECORD"');
      expect(log).toContain('LeaderChange');
      expect(log.match(/"type":"TOPIC_RECORD"/g)).toHaveLength(12);
      const snapshot = await run('kafka-dump-log', ['--cluster-metadata-decoder', '--files', `${folder}/${snapshots.at(-1)}`]);
      expect(snapshot).toContain('SnapshotHeader');
      expect(snapshot).toContain('SnapshotFooter');
      expect(snapshot).toContain('"type":"FEATURE_LEVEL_RECORD"');
    }
  }, 240_000);
});
