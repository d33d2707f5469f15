import { DataError, SinkTask, type SinkRecord, type SinkTaskContext, type Struct } from '@millrace/connect-api';
import { Consumer, Producer, type ConsumerRecord } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { HOST, LOGGER, scriptedSpec } from '../../test/scripted-task.js';
import { WorkerCluster } from '../../test/worker-cluster.js';
import type { TaskSpec } from '../isolation/task-protocol.js';
import { SinkLoop } from '../tasks/sink-loop.js';
import type { ErrorSettings } from './error-settings.js';

let cluster: WorkerCluster;
let producer: Producer;

beforeAll(async () => {
  cluster = await WorkerCluster.start();
  producer = new Producer({ bootstrapServers: cluster.bootstrap });
}, 30_000);
afterAll(async () => {
  await producer.close();
  await cluster.stop();
}, 30_000);

const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';
const good = (n: number): string => `{"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"n"}],"optional":false},"payload":{"n":${n}}}`;

class Counting extends SinkTask {
  readonly seen = new Set<number>();
  context!: SinkTaskContext;
  onPut: (records: readonly SinkRecord[]) => Promise<void> | void = () => undefined;

  start(context: SinkTaskContext): void {
    this.context = context;
  }

  async put(records: readonly SinkRecord[]): Promise<void> {
    await this.onPut(records);
    for (const { value } of records) this.seen.add(Number((value as Struct).get('n')));
  }

  stop(): void {}
}

function tolerant(topic: string, over: Partial<ErrorSettings> = {}): ErrorSettings {
  const client = { 'bootstrap.servers': cluster.bootstrap };
  return { retryTimeoutMs: 0, retryDelayMaxMs: 1000, isTolerant: true, logsErrors: false, logsRecords: false, deadLetters: { topic, replicationFactor: 1, hasContextHeaders: true, producerConfig: client, adminConfig: client }, ...over };
}

interface Run {
  readonly loop: SinkLoop;
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

function run(task: SinkTask, topic: string, errors: ErrorSettings, over: Partial<TaskSpec> = {}): Run {
  const clientConfig = { 'bootstrap.servers': cluster.bootstrap, 'group.id': `connect-${topic}`, 'auto.offset.reset': 'earliest' };
  const loop = new SinkLoop(scriptedSpec(task, { type: 'sink', subscription: { topics: [topic] }, clientConfig, errors, offsetFlushIntervalMs: 100, ...over }, JSON_CONVERTER), HOST, LOGGER);
  const ended = loop.run().catch((error: unknown) => error);
  return {
    loop,
    ended,
    stop: async () => {
      loop.requestStop();
      expect(await ended).toBeUndefined();
    },
  };
}

async function letters(topic: string, count: number): Promise<ConsumerRecord[]> {
  const consumer = new Consumer({ bootstrapServers: cluster.bootstrap, autoOffsetReset: 'earliest', enableAutoCommit: false });
  const found: ConsumerRecord[] = [];
  try {
    consumer.assign([{ topic, partition: 0 }]);
    consumer.seekToBeginning();
    await waitFor(`${count} dead letters`, 20_000, async () => {
      found.push(...(await consumer.poll(200)));
      return found.length >= count;
    });
    found.push(...(await consumer.poll(200)));
    return found;
  } finally {
    await consumer.close({ timeoutMs: 500 });
  }
}

const headersOf = (it: ConsumerRecord): Record<string, string> => Object.fromEntries(it.headers.map(({ key, value }) => [key, Buffer.from(value ?? []).toString('utf8')]));

async function committed(topic: string, group: string): Promise<number> {
  const consumer = new Consumer({ bootstrapServers: cluster.bootstrap, groupId: group });
  try {
    return Number((await consumer.committed([{ topic, partition: 0 }]))[0]?.offset ?? 0);
  } finally {
    await consumer.close({ timeoutMs: 500 });
  }
}

describe('dead letters', () => {
  it('take 1,000 bad records among 100,000: all good ones arrive, each bad one is in the topic with Connect’s context headers', async () => {
    const bad = new Set(Array.from({ length: 1000 }, (_, i) => i * 100 + (i % 97)));
    await Promise.all(
      Array.from({ length: 100_000 }, (_, n) => producer.send({ topic: 'many', partition: 0, key: `k${n}`, value: bad.has(n) ? `poison ${n}` : good(n), headers: bad.has(n) ? { origin: `h${n}` } : {}, timestamp: 1_700_000_000_000 + n })),
    );
    const task = new Counting();
    const running = run(task, 'many', tolerant('many-dead'));
    await waitFor('all good ones', 60_000, () => Promise.resolve(task.seen.size >= 99_000));
    await waitFor('the offsets are committed', 20_000, async () => (await committed('many', 'connect-many')) === 100_000);
    await running.stop();
    expect(task.seen.size).toBe(99_000);
    expect([...bad].some((n) => task.seen.has(n))).toBe(false);

    const dead = await letters('many-dead', 1000);
    expect(dead.length).toBe(1000);
    const expected = [...bad].sort((a, b) => a - b);
    dead.forEach((it, i) => {
      const n = expected[i]!;
      expect([Buffer.from(it.key ?? []).toString(), Buffer.from(it.value ?? []).toString(), it.timestampMs]).toEqual([`k${n}`, `poison ${n}`, 1_700_000_000_000 + n]);
      const { '__connect.errors.exception.stacktrace': trace, ...headers } = headersOf(it);
      expect(headers).toEqual({
        origin: `h${n}`,
        '__connect.errors.topic': 'many',
        '__connect.errors.partition': '0',
        '__connect.errors.offset': String(n),
        '__connect.errors.connector.name': 'scripted',
        '__connect.errors.task.id': '0',
        '__connect.errors.stage': 'VALUE_CONVERTER',
        '__connect.errors.class.name': JSON_CONVERTER,
        '__connect.errors.exception.class.name': 'org.apache.kafka.connect.errors.DataException',
        '__connect.errors.exception.message': 'Converting byte[] to Kafka Connect data failed due to serialization error: ',
      });
      expect(trace).toMatch(/DataError/);
    });
    expect(running.loop.counters().errors).toMatchObject({ totalRecordFailures: 1000, totalRecordErrors: 1000, totalRecordsSkipped: 1000, deadLetterQueueProduceRequests: 1000, deadLetterQueueProduceFailures: 0, totalErrorsLogged: 0 });
  }, 120_000);

  it('take what the task gives up, before its offset is committed; and what only a look into the payload shows', async () => {
    const bent = good(7).replace('"n":7', '"n":"seven"');
    for (const value of [good(1), good(2), bent, good(3)]) await producer.send({ topic: 'errant', partition: 0, value });
    const task = new Counting();
    task.onPut = (records) => {
      for (const it of records) if ((it.value as Struct).get('n') === 2n) void task.context.errantRecordReporter.report({ ...it, topic: 'elsewhere' }, new DataError('2 is not liked by hunter2'));
    };
    const running = run(task, 'errant', tolerant('errant-dead'), { secrets: [['hunter2', '${file:f:k}']] });
    await waitFor('all is committed', 20_000, async () => (await committed('errant', 'connect-errant')) === 4);
    const dead = (await letters('errant-dead', 2)).map((it) => [Buffer.from(it.value ?? []).toString(), headersOf(it)['__connect.errors.stage'], headersOf(it)['__connect.errors.topic'], headersOf(it)['__connect.errors.class.name'], headersOf(it)['__connect.errors.exception.message']]).sort();
    await running.stop();
    expect(dead).toEqual([
      [good(2), 'TASK_PUT', 'errant', 'org.apache.kafka.connect.sink.SinkTask', '2 is not liked by ${file:f:k}'],
      [bent, 'VALUE_CONVERTER', 'errant', JSON_CONVERTER, expect.any(String)],
    ].sort());
  }, 40_000);

  it('fail the task when errors are not tolerated, whatever it makes of the rejection; the letter is there all the same', async () => {
    await producer.send({ topic: 'strict', partition: 0, value: good(1) });
    const task = new Counting();
    task.onPut = async (records) => {
      await task.context.errantRecordReporter.report(records[0]!, new DataError('no')).catch(() => undefined);
    };
    const running = run(task, 'strict', tolerant('strict-dead', { isTolerant: false }));
    expect(String(await running.ended)).toMatch(/Tolerance exceeded in error handler \(TASK_PUT of the record at strict-0, offset 0\)/);
    expect((await letters('strict-dead', 1)).length).toBe(1);
    expect(await committed('strict', 'connect-strict')).toBe(0);
  }, 40_000);

  it('that cannot be written keep offsets back and fail the task', async () => {
    await producer.send({ topic: 'stuck', partition: 0, value: 'x'.repeat(2000) });
    const base = tolerant('stuck-dead');
    const errors = { ...base, deadLetters: { ...base.deadLetters!, producerConfig: { 'bootstrap.servers': cluster.bootstrap, 'max.request.size': '1000' } } };
    const running = run(new Counting(), 'stuck', errors);
    expect(String(await running.ended)).toMatch(/The record at stuck-0, offset 0 could not be written to the dead-letter topic stuck-dead/);
    expect(await committed('stuck', 'connect-stuck')).toBe(0);
  }, 40_000);

  it('do not lose the order of a partition while a record is tried again', async () => {
    for (let n = 0; n < 5; n++) await producer.send({ topic: 'again', partition: 0, value: good(n) });
    const order: number[] = [];
    const task = new Counting();
    task.onPut = (records) => void order.push(...records.map((it) => Number((it.value as Struct).get('n'))));
    const flaky = { class: 'test.Flaky', type: 'transformation', version: undefined, folder: __dirname, entry: require.resolve('../../test/flaky-transformation.ts'), exportName: 'plugin', aliases: [], taskClass: '' } as const;
    const running = run(task, 'again', tolerant('again-dead', { retryTimeoutMs: 10_000 }), { transformations: [{ alias: 'flaky', plugin: flaky, config: { n: '2', failures: '2' }, predicate: null }] });
    await waitFor('all five', 20_000, () => Promise.resolve(order.length >= 5));
    await running.stop();
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(running.loop.counters().errors).toMatchObject({ totalRetries: 2, totalRecordFailures: 2, totalRecordErrors: 0, totalRecordsSkipped: 0 });
  }, 40_000);

  it('stay unmade where only transformations drop records: their offsets count', async () => {
    for (let n = 0; n < 3; n++) await producer.send({ topic: 'filtered', partition: 0, value: good(n) });
    const filter = { class: 'org.apache.kafka.connect.transforms.Filter', type: 'transformation', version: undefined, folder: '', entry: '', exportName: '', aliases: [], taskClass: '' } as const;
    const task = new Counting();
    const running = run(task, 'filtered', { ...tolerant('x'), deadLetters: null }, { transformations: [{ alias: 'filter', plugin: filter, config: {}, predicate: null }] });
    await waitFor('all is committed', 20_000, async () => (await committed('filtered', 'connect-filtered')) === 3);
    await running.stop();
    expect(task.seen.size).toBe(0);
  }, 40_000);
});
