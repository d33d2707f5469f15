import { readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { peersMissing, runPeerTool, temporaryFolder, type PeerTool } from '@millrace/testkit';
import { LocalBroker } from './local-broker.js';

const missing = peersMissing();
if (missing !== undefined) console.warn(`Apache Kafka's tools are not run: ${missing}`);

(missing === undefined ? describe : describe.skip)('the tools of Apache Kafka on our broker', () => {
  let local: LocalBroker;
  const scratch = temporaryFolder('kafka-tools');
  beforeAll(async () => {
    local = await LocalBroker.start();
  });
  afterAll(async () => {
    await local.stop();
    scratch.remove();
  });

  async function run(tool: PeerTool, args: readonly string[], input = ''): Promise<string> {
    const { status, stdout, stderr } = await runPeerTool(tool, args, { input, timeoutMs: 60_000 });
    if (status !== 0) throw new Error(`${tool} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  }
  const ask = (tool: PeerTool, ...args: string[]): Promise<string> => run(tool, ['--bootstrap-server', local.address, ...args]);

  it('creates, describes, alters and lists topics', async () => {
    expect(await ask('kafka-topics', '--create', '--topic', 'orders', '--partitions', '2', '--config', 'retention.ms=600000')).toContain('Created topic orders.');
    await ask('kafka-topics', '--alter', '--topic', 'orders', '--partitions', '3');
    const described = await ask('kafka-topics', '--describe', '--topic', 'orders');
    expect(described).toContain('PartitionCount: 3\tReplicationFactor: 1\tConfigs: min.insync.replicas=1,retention.ms=600000');
    expect(described).toContain('Topic: orders\tPartition: 2\tLeader: 1\tReplicas: 1\tIsr: 1');
  }, 120_000);

  it('alters and describes configs, with their sources', async () => {
    await ask('kafka-configs', '--entity-type', 'topics', '--entity-name', 'orders', '--alter', '--add-config', 'retention.ms=700000,cleanup.policy=[compact,delete]');
    await ask('kafka-configs', '--entity-type', 'topics', '--entity-name', 'orders', '--alter', '--delete-config', 'cleanup.policy');
    const all = await ask('kafka-configs', '--entity-type', 'topics', '--entity-name', 'orders', '--describe', '--all');
    expect(all).toContain('retention.ms=700000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=700000}');
    expect(all).toContain('cleanup.policy=delete sensitive=false synonyms={DEFAULT_CONFIG:log.cleanup.policy=delete}');
    expect(all).toContain('max.message.bytes=1048588 sensitive=false synonyms={DEFAULT_CONFIG:message.max.bytes=1048588}');
  }, 120_000);

  it('produces and consumes from the console, commits, shows and resets the group', async () => {
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`);
    await run('kafka-console-producer', ['--bootstrap-server', local.address, '--topic', 'console', '--compression-codec', 'zstd'], `${lines.join('\n')}\n`);
    const consumed = await ask('kafka-console-consumer', '--topic', 'console', '--from-beginning', '--max-messages', '50', '--group', 'readers', '--timeout-ms', '20000');
    expect(consumed.trimEnd().split('\n')).toEqual(lines);
    expect(await ask('kafka-consumer-groups', '--describe', '--group', 'readers')).toMatch(/readers\s+console\s+0\s+50\s+50\s+0/);
    expect(await ask('kafka-consumer-groups', '--group', 'readers', '--topic', 'console', '--reset-offsets', '--to-offset', '20', '--execute')).toMatch(/readers\s+console\s+0\s+20/);
    expect((await ask('kafka-consumer-groups', '--list')).split('\n')).toContain('readers');
  }, 120_000);

  it('sends what must be acknowledged, and verifies what it reads', async () => {
    const produced = await ask('kafka-verifiable-producer', '--topic', 'verified', '--max-messages', '1000');
    expect(produced).toMatch(/"name":"tool_data","sent":1000,"acked":1000/);
    const consumed = await ask('kafka-verifiable-consumer', '--topic', 'verified', '--group-id', 'verifiers', '--max-messages', '1000');
    expect([...consumed.matchAll(/"name":"records_consumed","count":(\d+)/g)].reduce((sum, it) => sum + Number(it[1]), 0)).toBeGreaterThanOrEqual(1000);
    expect(consumed).toContain('"name":"offsets_committed"');
  }, 120_000);

  it('gets offsets and deletes records', async () => {
    const file = path.join(scratch.path, 'delete.json');
    writeFileSync(file, JSON.stringify({ version: 1, partitions: [{ topic: 'verified', partition: 0, offset: 400 }] }));
    expect(await ask('kafka-delete-records', '--offset-json-file', file)).toContain('partition: verified-0\tlow_watermark: 400');
    expect(await ask('kafka-get-offsets', '--topic', 'verified', '--time', 'earliest')).toBe('verified:0:400\n');
    expect(await ask('kafka-get-offsets', '--topic', 'verified')).toBe('verified:0:1000\n');
  }, 120_000);

  it('describes the quorum, the log directories and the features', async () => {
    expect(await ask('kafka-metadata-quorum', 'describe', '--status')).toMatch(/LeaderId:\s+1\s/);
    expect(await ask('kafka-log-dirs', '--describe', '--topic-list', 'verified')).toContain(`"logDir":"${local.folder}"`);
    expect(await ask('kafka-features', 'describe')).toContain('metadata.version');
  }, 120_000);

  it('reads every file that the broker wrote', async () => {
    await local.broker.stop();
    const files = (topic: string, extension: string): string[] =>
      readdirSync(local.folder)
        .filter((it) => it.replace(/-\d+$/, '') === topic)
        .flatMap((it) => readdirSync(path.join(local.folder, it)).map((file) => path.join(local.folder, it, file)))
        .filter((it) => it.endsWith(extension) && statSync(it).size > 0);
    const dump = (list: readonly string[], ...args: string[]): Promise<string> => run('kafka-dump-log', ['--files', list.join(','), ...args]);
    const data = [...files('console', '.log'), ...files('verified', '.log')];
    const batches = await dump(data, '--deep-iteration');
    expect(batches).toContain('compresscodec: zstd');
    expect(batches).not.toContain('isvalid: false');
    expect(await dump([...files('verified', '.index'), ...files('verified', '.timeindex')], '--index-sanity-check')).toContain('passed sanity check');
    const offsets = await dump(files('__consumer_offsets', '.log'), '--offsets-decoder');
    expect(offsets).toContain('"group":"readers","topic":"console","partition":0');
    expect(offsets).toContain('"protocolType":"consumer"');
    const metadata = await dump(files('__cluster_metadata', '.log'), '--cluster-metadata-decoder');
    for (const text of ['LeaderChange: {', '"REGISTER_BROKER_RECORD"', '"TOPIC_RECORD"', '"PARTITION_RECORD"', '"CONFIG_RECORD"', '"PRODUCER_IDS_RECORD"']) expect(metadata).toContain(text);
  }, 180_000);
});
