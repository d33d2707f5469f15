import { Admin, Consumer, type ConsumerRecord } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { Cluster, isForeign, ownIt } from './cluster.js';

const RECORDS = 1000;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

const values = Array.from({ length: RECORDS }, (_, i) => `value-${i}`);

/** What all sinks here have: errors are tolerated, tried again for a second, logged, and their records kept. */
const TOLERANT = {
  'errors.log.enable': 'true',
  'errors.log.include.messages': 'true',
  'errors.deadletterqueue.context.headers.enable': 'true',
  'errors.deadletterqueue.topic.replication.factor': '1',
  'errors.tolerance': 'all',
  'errors.retry.timeout': '1000',
};

async function createTopic(name: string): Promise<void> {
  const client = cluster.client();
  await new Admin({ client }).createTopics([{ name, partitions: 1, replicationFactor: 1, configs: {} }]);
  client.close();
}

async function letters(topic: string, count: number): Promise<ConsumerRecord[]> {
  const consumer = new Consumer({ bootstrapServers: cluster.bootstrap, autoOffsetReset: 'earliest', enableAutoCommit: false });
  const found: ConsumerRecord[] = [];
  try {
    consumer.assign([{ topic, partition: 0 }]);
    await waitFor(`${count} dead letters`, 30_000, async () => {
      found.push(...(await consumer.poll(200)));
      return found.length >= count;
    });
    found.push(...(await consumer.poll(300)));
    return found;
  } finally {
    await consumer.close({ timeoutMs: 500 });
  }
}

async function metric(name: string, connector: string): Promise<number> {
  const { text } = await cluster.request('GET', '/metrics');
  const line = text.split('\n').find((it) => it.startsWith(`kafka_connect_task_error_metrics_${name}{`) && it.includes(`connector="${connector}"`));
  return Number(line?.split(' ').at(-1) ?? NaN);
}

describe('23 records with errors', () => {
  ownIt('are tried again, skipped, counted, and kept with all that is known of them', async () => {
    const topic = cluster.name('bad-topic');
    const deadLetters = cluster.name('bad-letters');
    await createTopic(topic);
    const name = await cluster.create('bad', { ...cluster.fileSink('bad', 'bad'), ...TOLERANT, 'errors.deadletterqueue.topic.name': deadLetters, transforms: 'failing', 'transforms.failing.type': 'test.FaultyPassthrough' });
    await cluster.untilStates(name, 'RUNNING', ['RUNNING']);
    await cluster.produce(topic, values);
    await waitFor('the good ones are there', 30_000, () => Promise.resolve(cluster.lines('bad.out').length >= RECORDS - 1));
    const found = await letters(deadLetters, 1);
    expect(cluster.lines('bad.out').sort()).toEqual(values.filter((it) => it !== 'value-7').sort());
    expect(found).toHaveLength(1);
    expect(Buffer.from(found[0]?.value ?? []).toString()).toBe('value-7');
    const headers = Object.fromEntries((found[0]?.headers ?? []).map((it) => [it.key.replace('__connect.errors.', ''), Buffer.from(it.value ?? []).toString()]));
    expect(headers).toEqual({
      topic,
      partition: '0',
      offset: '7',
      'connector.name': name,
      'task.id': '0',
      stage: 'TRANSFORMATION',
      'class.name': 'test.FaultyPassthrough',
      'exception.class.name': 'org.apache.kafka.connect.errors.RetriableException',
      'exception.message': "Error when value='value-7'",
      'exception.stacktrace': expect.stringContaining("Error when value='value-7'") as string,
    });
    const counted = { total_records_skipped: 1, total_record_errors: 1, deadletterqueue_produce_requests: 1, total_errors_logged: 1 };
    await waitFor('the task has told its figures', 20_000, async () => (await metric('total_records_skipped', name)) > 0);
    expect(Object.fromEntries(await Promise.all(Object.keys(counted).map(async (it) => [it, await metric(it, name)] as const)))).toEqual(counted);
    expect(await metric('total_retries', name)).toBeGreaterThanOrEqual(2);
    await cluster.remove_(name);
  }, 90_000);

  ownIt('that a sink reports are kept, each of them, and the task goes on', async () => {
    const topic = cluster.name('errant-topic');
    const deadLetters = cluster.name('errant-letters');
    await createTopic(topic);
    const config = { ...cluster.fileSink('errant', 'errant'), 'connector.class': 'test.ErrantRecordSinkConnector', ...TOLERANT, 'errors.deadletterqueue.topic.name': deadLetters, 'consumer.override.max.poll.records': '5' };
    const name = await cluster.create('errant', config);
    await cluster.untilStates(name, 'RUNNING', ['RUNNING']);
    await cluster.produce(topic, values);
    const found = await letters(deadLetters, RECORDS);
    expect(found.map((it) => Buffer.from(it.value ?? []).toString()).sort()).toEqual([...values].sort());
    expect(Math.max(...cluster.lines('errant.out').map(Number))).toBeLessThanOrEqual(5);
    await cluster.untilStates(name, 'RUNNING', ['RUNNING']);
    await cluster.remove_(name);
  }, 90_000);

  it('that are no JSON are skipped by a sink that tolerates them, and come to its dead-letter topic as they were', async () => {
    const lines = ['1', 'no JSON', '2', '{"n":', '3'];
    const source = await cluster.create('mixed', cluster.fileSource('mixed', lines));
    const deadLetters = cluster.name('mixed-letters');
    const json = { 'value.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter.schemas.enable': 'false' };
    const sink = await cluster.create('mixed-sink', { ...cluster.fileSink('mixed', 'mixed'), ...json, ...TOLERANT, 'errors.deadletterqueue.topic.name': deadLetters });
    const keeper = await cluster.create('mixed-keeper', { ...cluster.fileSink('mixed-letters', 'mixed'), topics: deadLetters });
    await waitFor('all have come', 90_000, () => Promise.resolve(cluster.lines('mixed.out').length >= 3 && cluster.lines('mixed-letters.out').length >= 2));
    expect(cluster.lines('mixed.out')).toEqual(['1', '2', '3']);
    expect(cluster.lines('mixed-letters.out')).toEqual(['no JSON', '{"n":']);
    await cluster.untilStates(sink, 'RUNNING', ['RUNNING']);
    for (const it of [source, sink, keeper]) await cluster.remove_(it);
  }, 150_000);

  it('fail a sink that tolerates none, with the reason', async () => {
    const source = await cluster.create('strict', cluster.fileSource('strict', ['no JSON']));
    const json = { 'value.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter.schemas.enable': 'false' };
    const sink = await cluster.create('strict-sink', { ...cluster.fileSink('strict', 'strict'), ...json });
    const status = await cluster.untilStates(sink, 'RUNNING', ['FAILED'], 90_000);
    expect(status.tasks?.[0]?.trace).toMatch(isForeign ? /Tolerance exceeded in error handler/ : /JSON|Tolerance/);
    for (const it of [source, sink]) await cluster.remove_(it);
  }, 120_000);
});
