import path from 'node:path';
import { Admin, KafkaClient } from '@millrace/client';
import { freePort, peersMissing, PeerProcess, RecordingLogger, runPeerTool, temporaryFolder } from '@millrace/testkit';
import { ensureInternalTopic } from './internal-topic.js';

const missing = peersMissing();
const title = missing === undefined ? '' : ` (skipped: ${missing})`;

/** A broker of Apache's that asks who may do what, as ours does not. */
(missing === undefined ? describe : describe.skip)(`an internal topic that this worker may not make${title}`, () => {
  const folder = temporaryFolder('acl');
  let broker: PeerProcess;
  let client: KafkaClient;

  beforeAll(async () => {
    const settings = { 'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer', 'allow.everyone.if.no.acl.found': 'true' };
    broker = await PeerProcess.kafka({ folder: path.join(folder.path, 'kafka'), port: await freePort(2), heap: ['-Xms256m', '-Xmx512m'], settings });
    client = new KafkaClient({ bootstrapServers: broker.address });
    await new Admin({ client }).createTopics([{ name: 'there', partitions: 1, replicationFactor: 1, configs: { 'cleanup.policy': 'compact' } }]);
    const acl = async (...rule: string[]): Promise<void> => expect((await runPeerTool('kafka-acls', ['--bootstrap-server', broker.address, '--add', ...rule])).status).toBe(0);
    await acl('--cluster', '--operation', 'All', '--allow-principal', 'User:ANONYMOUS');
    await acl('--cluster', '--operation', 'Create', '--deny-principal', 'User:ANONYMOUS');
    for (const topic of ['there', 'not-there']) await acl('--topic', topic, '--operation', 'All', '--allow-principal', 'User:ANONYMOUS');
    for (const topic of ['there', 'not-there']) await acl('--topic', topic, '--operation', 'Create', '--operation', 'DescribeConfigs', '--deny-principal', 'User:ANONYMOUS');
  }, 180_000);
  afterAll(async () => {
    client.close();
    await broker.stop();
    folder.remove();
  }, 60_000);

  const ensure = (topic: string, logger: RecordingLogger): Promise<void> =>
    ensureInternalTopic({ topic: { topic, partitions: 1, replicationFactor: 1, configs: {} }, setting: 'config.storage.topic', client, createTimeoutMs: 1000, waitMs: 1000, logger });

  it('is taken as it is when it is there, also when its configuration may not be seen', async () => {
    const logger = new RecordingLogger();
    await ensure('there', logger);
    expect(logger.lines.map((it) => it.message)).toEqual(['whether an internal topic is compacted cannot be seen: this worker may not describe its configuration']);
  }, 30_000);

  it('is waited for, and then refused, when nobody makes it', async () => {
    await expect(ensure('not-there', new RecordingLogger())).rejects.toMatchObject({ code: 'CONNECT_TOPIC_MISSING', message: expect.stringContaining("Could not look up partition metadata for topic 'not-there' in the allotted period") as string });
  }, 30_000);
});
