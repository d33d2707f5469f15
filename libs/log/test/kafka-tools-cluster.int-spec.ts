import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { peersMissing, runPeerTool, waitFor } from '@millrace/testkit';
import { KafkaNodes, OurNodes, type ToolCluster } from './tool-clusters.js';
import { ToolScenario, type ToolAnswer } from './tool-scenario.js';

/** What the tools printed of nodes of Apache Kafka 4.3.1; `RECORD_KAFKA=1` asks such nodes again and writes it anew. */
const RECORDED = path.join(__dirname, 'kafka-tools-cluster.txt');
const isRecording = process.env['RECORD_KAFKA'] !== undefined;

/** Features that are not there yet: README, Deviations. */
const ABSENT_FEATURES = ['group.version', 'share.version', 'streams.version', 'transaction.version'];
/** APIs that Kafka's brokers serve and ours do not: transactions, authorization, quotas, SASL, newer groups. */
const NOT_SERVED =
  'SaslHandshake SaslAuthenticate AddPartitionsToTxn AddOffsetsToTxn EndTxn WriteTxnMarkers TxnOffsetCommit DescribeAcls CreateAcls DeleteAcls CreateDelegationToken ' +
  'RenewDelegationToken ExpireDelegationToken DescribeDelegationToken DescribeClientQuotas AlterClientQuotas DescribeUserScramCredentials AlterUserScramCredentials DescribeProducers ' +
  'DescribeTransactions ListTransactions ConsumerGroupHeartbeat ConsumerGroupDescribe ShareGroupHeartbeat ShareGroupDescribe ShareFetch ShareAcknowledge InitializeShareGroupState ' +
  'ReadShareGroupState WriteShareGroupState DeleteShareGroupState ReadShareGroupStateSummary StreamsGroupHeartbeat StreamsGroupDescribe DescribeShareGroupOffsets AlterShareGroupOffsets ' +
  'DeleteShareGroupOffsets';

/** Without what is known to differ. */
function comparable({ call, answer }: ToolAnswer): ToolAnswer {
  if (call === 'kafka-features describe') {
    const lines = answer.split('\n').filter((line) => !ABSENT_FEATURES.some((it) => line.includes(it)));
    return { call, answer: lines.join('\n').replace(/(metadata\.version .*)SupportedMinVersion: \S+ +SupportedMaxVersion: \S+/, '$1') };
  }
  // The tool begins with a broker by chance.
  if (call.includes('--generate')) return { call, answer: answer.replace(/(?<=Proposed partition reassignment configuration\n.*"replicas":\[)[\d,]+/, (it) => it.split(',').sort().join()) };
  if (call !== 'kafka-broker-api-versions') return { call, answer };
  const notServed = new Set(NOT_SERVED.split(' '));
  const brokers = answer.split(/^(?=<broker)/m).map((broker) => broker.split('\n').filter((line) => !notServed.has(/^\t(\w+)\(/.exec(line)?.[1] ?? '')).join('\n').replace(/,$/gm, '').trimEnd());
  return { call, answer: brokers.sort().join('\n') };
}

function parsed(text: string): ToolAnswer[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((it) => ({ call: it.slice(0, it.indexOf('\n')), answer: it.slice(it.indexOf('\n') + 1).trimEnd() }));
}

const missing = peersMissing();
if (missing !== undefined) console.warn(`Apache Kafka's tools are not run: ${missing}`);

(missing === undefined ? describe : describe.skip)('the tools of Apache Kafka on a cluster of ours', () => {
  let cluster: ToolCluster;
  let scenario: ToolScenario;
  let recorded: ToolAnswer[] = [];
  beforeAll(async () => {
    cluster = isRecording ? await KafkaNodes.start() : await OurNodes.start();
    scenario = new ToolScenario(cluster);
    if (!isRecording) recorded = parsed(readFileSync(RECORDED, 'utf8'));
  }, 240_000);
  afterAll(async () => {
    if (isRecording) writeFileSync(RECORDED, scenario.answers.map(({ call, answer }) => `$ ${call}\n${answer}\n\n`).join(''));
    await scenario.close();
    await cluster.end();
  }, 120_000);

  it.each(['topics', 'quorum', 'clusterAndVersions', 'features', 'configs', 'logDirs', 'preferredLeaders', 'reassignments', 'uncleanLeaders'] as const)(
    'answer as on Apache Kafka: %s',
    async (part) => {
      const first = scenario.answers.length;
      await scenario[part]();
      const answers = scenario.answers.slice(first);
      expect(answers.length).toBeGreaterThan(1);
      if (!isRecording) expect(answers.map(comparable)).toEqual(recorded.slice(first, first + answers.length).map(comparable));
    },
    240_000,
  );

  it('read the metadata log and the snapshots of every node', async () => {
    for (const id of [1, 2, 3] as const) {
      const folder = path.join(cluster.folderOf(id), '__cluster_metadata-0');
      const snapshot = path.join(folder, readdirSync(folder).filter((it) => it.endsWith('.checkpoint')).sort().at(-1) ?? 'none');
      const dump = async (...args: string[]): Promise<string> => (await scenario.toolbox.run('kafka-dump-log', ['--cluster-metadata-decoder', '--files', ...args])).stdout;
      const log = await dump(path.join(folder, '00000000000000000000.log'));
      expect(log).toContain('"type":"REGISTER_BROKER_RECORD"');
      expect(log).toContain('LeaderChange');
      expect(log.match(/"type":"TOPIC_RECORD"/g)).toHaveLength(3);
      const ofSnapshot = await dump(snapshot);
      expect(ofSnapshot).toContain('SnapshotHeader');
      expect(ofSnapshot).toContain('SnapshotFooter');
      expect(ofSnapshot).toContain('"type":"FEATURE_LEVEL_RECORD"');
      if (id > 1 || isRecording) continue;
      // The shell takes the directory's lock. It waits for ever in a process in which it ran before: not from the toolbox.
      await cluster.stop(id);
      // On a busy machine it may print before what it has read is shown: an image at no offset.
      let stdout = '';
      await waitFor('the shell shows what it has read', 60_000, async () => {
        const shell = await runPeerTool('kafka-metadata-shell', ['--snapshot', snapshot, 'tree', '/image']);
        expect(shell.status).toBe(0);
        stdout = shell.stdout;
        return !stdout.includes('offset -1');
      });
      expect(stdout.match(/^\w+(?=:)/gm)).toEqual(['acls', 'clientQuotas', 'cluster', 'configs', 'delegationToken', 'features', 'producerIds', 'provenance', 'scram', 'topics']);
      expect(stdout).toMatch(/^ {4}orders:\n {6}0:\n {8}PartitionRegistration\(replicas=\[1, 2, 3\], directories=\[.*\], isr=\[[\d, ]+\], removingReplicas=\[\], addingReplicas=\[\],/m);
      expect(stdout).toMatch(/^ {6}BrokerRegistration\(id=2, epoch=\d+, .*isMigratingZkBroker=false, directories=\[.+\]/m);
    }
  }, 240_000);
});
