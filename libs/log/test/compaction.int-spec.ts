import { closeSync, openSync, readdirSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { DeleteTopics, DescribeConfigs, FindCoordinator, IncrementalAlterConfigs, OffsetCommit, OffsetFetch } from '@millrace/protocol';
import { Kafka, logLevel } from 'kafkajs';
import { peersMissing, runPeerTool, waitFor } from '@millrace/testkit';
import { batchOf, LocalBroker, RawClient, recordsIn } from './local-broker.js';

const QUICK = { 'log.cleaner.backoff.ms': '50', 'log.cleaner.min.cleanable.ratio': '0.01', 'log.segment.delete.delay.ms': '0' };
const COMPACT = { 'cleanup.policy': 'compact', 'segment.bytes': '1048576' };
const missing = peersMissing();

/** Key → value of the last record of each key, null for a tombstone, by fetches from the log start. */
async function lastValues(client: RawClient, topic: string): Promise<{ values: Map<string, string | null>; records: number; offsets: number[] }> {
  const values = new Map<string, string | null>();
  const offsets: number[] = [];
  for (let offset = 0; ; ) {
    const { records, highWatermark } = await client.fetch(topic, offset);
    const found = recordsIn(records).filter((it) => it.offset >= offset);
    for (const it of found) {
      values.set(Buffer.from(it.key ?? []).toString(), it.value === null ? null : Buffer.from(it.value).toString());
      offsets.push(it.offset);
    }
    const next = (found.at(-1)?.offset ?? offset) + 1;
    if (next >= highWatermark || found.length === 0) return { values, records: offsets.length, offsets };
    offset = next;
  }
}

async function fill(client: RawClient, topic: string, options: { batches: number; keys: number; valueBytes?: number }): Promise<Map<string, string | null>> {
  const expected = new Map<string, string | null>();
  for (let i = 0; i < options.batches; i++) {
    const records = Array.from({ length: 100 }, (_, at) => ({ key: `key-${(i * 100 + at * 7) % options.keys}`, value: `value ${i}/${at} `.padEnd(options.valueBytes ?? 300, '.') }));
    for (const it of records) expected.set(it.key, it.value);
    expect((await client.produce(topic, batchOf(records, { compression: i % 2 === 0 ? 'none' : 'lz4' }))).errorCode).toBe(0);
  }
  return expected;
}

describe('compaction in the broker', () => {
  let local: LocalBroker;
  let client: RawClient;
  beforeAll(async () => {
    local = await LocalBroker.start(QUICK);
    client = await RawClient.connect(local.port);
  });
  afterAll(async () => {
    client.close();
    await local.stop();
  });
  const cleanings = (topic: string): number => local.logger.lines.filter((it) => it.message === 'log is cleaned' && it.fields.topic === topic).length;
  const cleaned = (topic: string, times = 1): Promise<void> => waitFor(`${topic} is cleaned`, 20_000, () => Promise.resolve(cleanings(topic) >= times));

  it('leaves the last record of each key where it was, in the thread of the cleaner, and tells of it', async () => {
    await client.createTopic('table', { configs: COMPACT });
    const expected = await fill(client, 'table', { batches: 100, keys: 50 });
    await cleaned('table');
    const found = await lastValues(client, 'table');
    expect(found.values).toEqual(expected);
    expect(found.records).toBeLessThan(6000);
    expect(found.offsets).toEqual([...found.offsets].sort((a, b) => a - b));
    expect(local.broker.logCleaner).toMatchObject({ uncleanablePartitionsCount: 0, cleanings: expect.any(Number) });
    expect(local.broker.logCleaner!.bytesCleaned).toBeGreaterThan(1_000_000);
    expect(local.broker.logCleaner!.bytesWritten).toBeLessThan(local.broker.logCleaner!.bytesCleaned);
    expect(local.logger.complaints()).toEqual([]);
  }, 60_000);

  it('begins when a topic becomes compacted, by a change of its settings', async () => {
    await client.createTopic('later', { configs: { 'segment.bytes': '1048576' } });
    const expected = await fill(client, 'later', { batches: 110, keys: 20 });
    expect((await lastValues(client, 'later')).records).toBe(11000);
    const { responses } = await client.ask(IncrementalAlterConfigs, 1, {
      resources: [{ resourceType: 2, resourceName: 'later', configs: [{ name: 'cleanup.policy', configOperation: 0, value: 'compact' }] }],
      validateOnly: false,
    });
    expect(responses[0]?.errorCode).toBe(0);
    await cleaned('later');
    const found = await lastValues(client, 'later');
    expect(found.values).toEqual(expected);
    expect(found.records).toBeLessThan(9000);
  }, 60_000);

  it('takes whole segments as well under compact,delete, and the log start offset moves', async () => {
    await client.createTopic('both', { configs: { ...COMPACT, 'cleanup.policy': 'compact,delete', 'retention.ms': '-1' } });
    const old = Date.now() - 7_200_000;
    for (let i = 0; i < 40; i++) await client.produce('both', batchOf(Array.from({ length: 100 }, (_, at) => ({ key: `old ${i}/${at}`, value: 'x'.repeat(300), timestampMs: old })), {}));
    const expected = await fill(client, 'both', { batches: 110, keys: 20 });
    await cleaned('both');
    expect((await client.offsetAt('both', -2)).offset).toBe(0);
    await client.ask(IncrementalAlterConfigs, 1, { resources: [{ resourceType: 2, resourceName: 'both', configs: [{ name: 'retention.ms', configOperation: 0, value: '3600000' }] }], validateOnly: false });
    await waitFor('the old segments are gone', 20_000, async () => (await client.offsetAt('both', -2)).offset > 0);
    // A segment that held new records too may be gone with them: what compaction left of it was old.
    const start = (await client.offsetAt('both', -2)).offset;
    expect((await client.fetch('both', 0)).errorCode).toBe(1);
    const values = new Map<string, string | null>();
    for (let offset = start; ; ) {
      const { records, highWatermark } = await client.fetch('both', offset);
      const found = recordsIn(records);
      for (const it of found) if (!Buffer.from(it.key ?? []).toString().startsWith('old')) values.set(Buffer.from(it.key ?? []).toString(), Buffer.from(it.value ?? []).toString());
      offset = (found.at(-1)?.offset ?? highWatermark) + 1;
      if (offset >= highWatermark) break;
    }
    expect(values).toEqual(expected);
  }, 60_000);

  it('refuses records without a key, and says which', async () => {
    await client.createTopic('keyed', { configs: COMPACT });
    const answer = await client.produce('keyed', batchOf([{ key: 'a', value: '1' }, { key: null, value: '2' }, { key: 'b', value: '3' }, { key: null, value: '4' }]), { version: 8 });
    expect(answer.errorCode).toBe(87);
    expect(answer.recordErrors.map((it) => it.batchIndex)).toEqual([1, 3]);
    const kafka = new Kafka({ brokers: [local.address], clientId: 'kafkajs', logLevel: logLevel.NOTHING });
    const producer = kafka.producer({ retry: { retries: 0 } });
    await producer.connect();
    await expect(producer.send({ topic: 'keyed', messages: [{ value: 'no key' }] })).rejects.toMatchObject({ message: expect.stringMatching(/record|key|INVALID/i) });
    await producer.send({ topic: 'keyed', messages: [{ key: 'a', value: null }] });
    await producer.disconnect();
    expect((await lastValues(client, 'keyed')).records).toBe(1);
  }, 60_000);

  it('leaves a damaged log as it is and says so; the others go on', async () => {
    await client.createTopic('damaged', { configs: { ...COMPACT, 'min.cleanable.dirty.ratio': '1' } });
    await client.createTopic('sound', { configs: { ...COMPACT, 'min.cleanable.dirty.ratio': '1' } });
    await fill(client, 'damaged', { batches: 110, keys: 20 });
    await fill(client, 'sound', { batches: 110, keys: 20 });
    const file = path.join(local.folder, 'damaged-0', '00000000000000000000.log');
    const handle = openSync(file, 'r+');
    writeSync(handle, Buffer.from('damage'), 0, 6, 5000);
    closeSync(handle);
    for (const name of ['damaged', 'sound']) {
      await client.ask(IncrementalAlterConfigs, 1, { resources: [{ resourceType: 2, resourceName: name, configs: [{ name: 'min.cleanable.dirty.ratio', configOperation: 0, value: '0.1' }] }], validateOnly: false });
    }
    await cleaned('sound');
    await waitFor('the damage is told', 20_000, () => Promise.resolve(local.logger.complaints('cannot be cleaned').length > 0));
    expect(local.logger.complaints('cannot be cleaned')).toMatchObject([{ fields: { topic: 'damaged', partition: 0 } }]);
    expect(local.broker.logCleaner?.uncleanablePartitionsCount).toBe(1);
    expect(readdirSync(path.join(local.folder, 'damaged-0')).filter((it) => /cleaned|swap/.test(it))).toEqual([]);
    expect((await client.fetch('damaged', 5000)).errorCode).toBe(0);
  }, 60_000);

  it('can be told all its settings', async () => {
    const { results } = await client.ask(DescribeConfigs, 4, { resources: [{ resourceType: 4, resourceName: '1', configurationKeys: null }], includeSynonyms: false, includeDocumentation: false });
    const values = Object.fromEntries((results[0]?.configs ?? []).filter((it) => it.name.startsWith('log.cleaner')).map((it) => [it.name, it.value]));
    expect(values).toMatchObject({ 'log.cleaner.enable': 'true', 'log.cleaner.threads': '1', 'log.cleaner.dedupe.buffer.size': '134217728', 'log.cleaner.backoff.ms': '50', 'log.cleaner.min.cleanable.ratio': '0.01' });
  });

  (missing === undefined ? it : it.skip)('writes what the tools of Apache Kafka find right, batch by batch', async () => {
    const logs = (topic: string): string[] => readdirSync(path.join(local.folder, `${topic}-0`)).map((it) => path.join(local.folder, `${topic}-0`, it)).filter((it) => it.endsWith('.log') && statSync(it).size > 0);
    const { stdout, status } = await runPeerTool('kafka-dump-log', ['--deep-iteration', '--files', [...logs('table'), ...logs('later'), ...logs('both')].join(',')], { timeoutMs: 60_000 });
    expect(status).toBe(0);
    expect(stdout.match(/isvalid: true/g)!.length).toBeGreaterThan(20);
    expect(stdout).not.toMatch(/isvalid: false|Found \d+ invalid bytes/);
  }, 60_000);
});

describe('compaction under way', () => {
  it('ends at once when the broker stops or the topic goes, and leaves nothing half done', async () => {
    const slow = { ...QUICK, 'log.cleaner.io.max.bytes.per.second': '300000', 'log.segment.delete.delay.ms': '60000' };
    const local = await LocalBroker.start(slow);
    const client = await RawClient.connect(local.port);
    for (const topic of ['gone', 'stays']) await client.createTopic(topic, { configs: COMPACT });
    await fill(client, 'gone', { batches: 80, keys: 20 });
    const folderOf = (topic: string): string => path.join(local.folder, `${topic}-0`);
    const isUnderWay = (topic: string) => async (): Promise<boolean> => readdirSync(folderOf(topic)).some((it) => it.includes('.cleaned'));
    await waitFor('the first cleaning writes', 20_000, isUnderWay('gone'));
    await client.ask(DeleteTopics, 6, { topics: [{ name: 'gone', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], timeoutMs: 5000 });
    const expected = await fill(client, 'stays', { batches: 80, keys: 20 });
    await waitFor('the second cleaning writes', 20_000, isUnderWay('stays'));
    client.close();
    const begunMs = performance.now();
    await local.broker.stop();
    expect(performance.now() - begunMs).toBeLessThan(2500);
    expect(readdirSync(folderOf('stays')).filter((it) => /cleaned|swap/.test(it))).toEqual([]);
    expect(local.logger.lines.filter((it) => it.level === 'error')).toEqual([]);
    const again = await LocalBroker.start(QUICK, { folder: local.folder });
    const reader = await RawClient.connect(again.port);
    expect((await lastValues(reader, 'stays')).values).toEqual(expected);
    reader.close();
    await again.stop();
    await local.stop();
  }, 60_000);
});

describe('the internal topics', () => {
  const settings = { ...QUICK, 'offsets.topic.segment.bytes': '1048576', 'offsets.topic.num.partitions': '1' };
  const PARTITIONS = 40;

  it('__consumer_offsets is compacted, loads again with the last commits, and is read by the dump tool of Apache Kafka', async () => {
    const local = await LocalBroker.start(settings);
    const client = await RawClient.connect(local.port);
    await client.createTopic('committed', { partitions: PARTITIONS });
    const commit = async (groupId: string, offset: number): Promise<number> => {
      const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({ partitionIndex, committedOffset: offset + partitionIndex, committedMetadata: `at ${offset}` }));
      const { topics } = await client.ask(OffsetCommit, 8, { groupId, generationIdOrMemberEpoch: -1, memberId: '', topics: [{ name: 'committed', partitions }] });
      return topics[0]?.partitions.find((it) => it.errorCode !== 0)?.errorCode ?? 0;
    };
    await client.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['early'] });
    await waitFor('the coordinator is loaded', 20_000, async () => (await commit('early', 7)) === 0);
    for (let i = 0; i < 700; i++) expect(await commit('busy', i)).toBe(0);
    await waitFor('the offsets are compacted', 20_000, () => Promise.resolve(local.logger.lines.some((it) => it.message === 'log is cleaned' && it.fields.topic === '__consumer_offsets')));
    const folder = path.join(local.folder, '__consumer_offsets-0');
    const bytes = readdirSync(folder).filter((it) => it.endsWith('.log')).reduce((sum, it) => sum + statSync(path.join(folder, it)).size, 0);
    expect(bytes).toBeLessThan(1_500_000);
    client.close();
    await local.broker.stop();
    if (missing === undefined) {
      const files = readdirSync(folder).filter((it) => it.endsWith('.log')).map((it) => path.join(folder, it)).filter((it) => statSync(it).size > 0);
      const { stdout, status } = await runPeerTool('kafka-dump-log', ['--offsets-decoder', '--files', files.join(',')], { timeoutMs: 60_000 });
      expect([status, /isvalid: false/.test(stdout)]).toEqual([0, false]);
      expect(stdout).toContain('"group":"early","topic":"committed","partition":39');
      expect(stdout).toMatch(/"group":"busy".*"offset":699.*"metadata":"at 699"/);
    }
    const again = await LocalBroker.start(settings, { folder: local.folder });
    const reader = await RawClient.connect(again.port);
    const fetchOffsets = async (groupId: string): Promise<number[] | undefined> => {
      const [group] = (await reader.ask(OffsetFetch, 8, { groups: [{ groupId, topics: [{ name: 'committed', partitionIndexes: [0, 39] }] }], requireStable: true })).groups;
      return group?.errorCode === 0 ? group.topics[0]?.partitions.map((it) => it.committedOffset) : undefined;
    };
    await waitFor('the group is loaded', 20_000, async () => (await fetchOffsets('early')) !== undefined);
    expect([await fetchOffsets('early'), await fetchOffsets('busy')]).toEqual([[7, 46], [699, 738]]);
    reader.close();
    await again.stop();
    await local.stop();
  }, 90_000);
});
