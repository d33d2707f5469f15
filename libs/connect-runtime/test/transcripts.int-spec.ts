import { RetriableError, SinkTask, SourceTask, type OffsetMap, type OffsetsToCommit, type SinkRecord, type SinkTaskContext, type SourceRecord, type SourceTaskContext, type TopicPartition } from '@millrace/connect-api';
import { Admin, Producer, throwFailures } from '@millrace/client';
import { OffsetStore, SinkHarness, SinkTopics, SourceHarness } from '@millrace/connect-testkit';
import { waitFor } from '@millrace/testkit';
import fc from 'fast-check';
import { decodeOffsetMap, encodeOffsetMap } from '../src/stores/offset-json.js';
import { SinkLoop } from '../src/tasks/sink-loop.js';
import { SourceLoop } from '../src/tasks/source-loop.js';
import { HOST, LOGGER, scriptedSpec } from './scripted-task.js';
import { WorkerCluster } from './worker-cluster.js';

let cluster: WorkerCluster;
let producer: Producer;
let admin: Admin;

beforeAll(async () => {
  cluster = await WorkerCluster.start();
  producer = new Producer({ bootstrapServers: cluster.bootstrap });
  admin = new Admin({ bootstrapServers: cluster.bootstrap });
}, 30_000);
afterAll(async () => {
  await producer.close();
  await admin.close();
  await cluster.stop();
}, 30_000);

interface SinkScript {
  readonly name: string;
  readonly records: number;
  readonly isOver: (events: readonly string[]) => boolean;
  start?(): void;
  put?(offset: number, nth: number, context: SinkTaskContext, record: SinkRecord): Promise<void> | void;
  preCommit?(offsets: OffsetsToCommit, nth: number, context: SinkTaskContext): OffsetsToCommit;
}

/** Does what the script says, and notes each call. */
class ScriptedSink extends SinkTask {
  readonly events: string[] = [];
  private context!: SinkTaskContext;
  private puts = 0;
  private commits = 0;

  constructor(private readonly script: SinkScript) {
    super();
  }

  start(context: SinkTaskContext): void {
    this.context = context;
    this.events.push('start');
    this.script.start?.();
  }

  override open(partitions: readonly TopicPartition[]): void {
    this.events.push(`open ${partitions.map((it) => it.partition).join(' ')}, owns ${this.context.assignment().length}`);
  }

  async put(records: readonly SinkRecord[]): Promise<void> {
    this.events.push(`put ${records.map((it) => it.kafkaOffset).join(' ')}`);
    const [record] = records;
    if (record) await this.script.put?.(record.kafkaOffset, this.puts++, this.context, record);
    this.events.push('put is over');
  }

  override async preCommit(offsets: OffsetsToCommit): Promise<OffsetsToCommit> {
    this.events.push(`preCommit ${[...offsets].map(([it, offset]) => `${it.partition}:${offset}`).join(' ')}`);
    return Promise.resolve(this.script.preCommit?.(offsets, this.commits++, this.context) ?? offsets);
  }

  override close(partitions: readonly TopicPartition[]): void {
    this.events.push(`close ${partitions.map((it) => it.partition).join(' ')}`);
  }

  stop(): void {
    this.events.push('stop');
  }
}

const puts = (count: number) => (events: readonly string[]) => events.filter((it) => it === 'put is over').length >= count;

const SINK_SCRIPTS: readonly SinkScript[] = [
  { name: 'a commit that the task asks for', records: 3, isOver: puts(3), put: (_offset, nth, context) => (nth === 1 ? context.requestCommit() : undefined) },
  {
    name: 'a put that is tried again',
    records: 2,
    isOver: puts(2),
    put: (_offset, nth) => {
      if (nth < 2) throw new RetriableError('not yet', { retryAfterMs: 1 });
    },
  },
  {
    name: 'a commit that fails',
    records: 3,
    isOver: puts(5),
    put: (_offset, nth, context) => (nth === 1 ? context.requestCommit() : undefined),
    preCommit: (offsets, nth) => {
      if (nth === 0) throw new Error('not stored');
      return offsets;
    },
  },
  { name: 'a commit of less', records: 3, isOver: puts(3), preCommit: (offsets) => new Map([...offsets].map(([it, offset]) => [it, offset - 1])) },
  { name: 'a commit of more than was put', records: 2, isOver: puts(2), preCommit: (offsets) => new Map([...offsets].map(([it, offset]) => [it, offset + 5])) },
  {
    name: 'a partition that the task moves within put',
    records: 2,
    isOver: puts(4),
    put: (offset, nth, context, { topic, partition }) => {
      if (nth !== 1) return;
      context.seek({ topic, partition }, offset - 1);
      context.requestCommit();
    },
  },
  {
    name: 'a commit that fails behind a move',
    records: 3,
    isOver: puts(6),
    put: (_offset, nth, context, { topic, partition }) => {
      if (nth === 0 || nth === 3) context.requestCommit();
      if (nth === 2) context.seek({ topic, partition }, 1);
    },
    preCommit: (offsets, nth) => {
      if (nth === 1) throw new Error('not stored');
      return offsets;
    },
  },
  {
    name: 'a partition that pauses until it is committed',
    records: 2,
    isOver: puts(2),
    put: (_offset, nth, context, { topic, partition }) => {
      if (nth > 0) return;
      context.pause({ topic, partition });
      context.requestCommit();
    },
    preCommit: (offsets, nth, context) => {
      if (nth === 0) context.resume(...offsets.keys());
      return offsets;
    },
  },
  {
    name: 'a put that fails for good',
    records: 3,
    isOver: (events) => events.includes('stop'),
    put: (_offset, nth) => {
      if (nth === 1) throw new Error('no more');
    },
  },
  { name: 'a record that is not tolerated', records: 2, isOver: (events) => events.includes('stop'), put: (_offset, _nth, context, record) => context.errantRecordReporter.report(record, new Error('bad')) },
  { name: 'a record that is not tolerated, whatever the task makes of it', records: 2, isOver: (events) => events.includes('stop'), put: (_offset, _nth, context, record) => context.errantRecordReporter.report(record, new Error('bad')).catch(() => undefined) },
  {
    name: 'a start that fails',
    records: 1,
    isOver: (events) => events.includes('stop'),
    start: () => {
      throw new Error('cannot start');
    },
  },
];

function endOf(error: unknown): string {
  return error === undefined ? 'ended in order' : `failed: ${(error as Error).message.replace(/(error handler) \(.*\)/, '$1')}`;
}

async function realSink(script: SinkScript, topic: string): Promise<string[]> {
  throwFailures(await admin.createTopics([{ name: topic, partitions: 1, replicationFactor: 1 }]));
  for (let i = 0; i < script.records; i++) await producer.send({ topic, partition: 0, value: new Uint8Array(1) });
  const task = new ScriptedSink(script);
  const clientConfig = { 'bootstrap.servers': cluster.bootstrap, 'group.id': `connect-${topic}`, 'max.poll.records': '1' };
  const loop = new SinkLoop(scriptedSpec(task, { type: 'sink', subscription: { topics: [topic] }, clientConfig, shutdownTimeoutMs: 20_000 }), HOST, LOGGER);
  const ended = loop.run().then(
    () => undefined,
    (error: unknown) => error,
  );
  await waitFor(script.name, 10_000, () => Promise.resolve(script.isOver(task.events))).finally(() => loop.requestStop());
  const error = await ended;
  const committed = (await admin.listGroupOffsets(`connect-${topic}`)).find((it) => it.topic === topic)?.offset;
  return [...task.events, endOf(error), `committed ${committed === undefined ? 'nothing' : String(committed)}`];
}

async function harnessSink(script: SinkScript): Promise<string[]> {
  const topics = new SinkTopics();
  for (let i = 0; i < script.records; i++) topics.append('t', 0, { value: new Uint8Array(1) });
  const task = new ScriptedSink(script);
  const harness = new SinkHarness({ task, topics, config: {}, recordsPerPutMax: 1 });
  const partition = topics.partition('t', 0);
  let error: unknown;
  try {
    await harness.start();
    await harness.assign([partition]);
    while (!script.isOver(task.events) && (await harness.step()));
  } catch (it) {
    error = it;
  }
  await harness.stop();
  return [...task.events, endOf(error), `committed ${String(topics.committedOffset(partition) ?? 'nothing')}`];
}

describe('a sink task in the loop and in the harness', () => {
  it.each(SINK_SCRIPTS.map((it, i) => [it.name, it, i] as const))('hears the same: %s', async (_name, script, i) => {
    const real = await realSink(script, `transcript-${i}`);
    expect(await harnessSink(script)).toEqual(real);
    expect(real).toMatchSnapshot();
  });
});

type Poll = readonly SourceRecord[] | Error;

interface SourceScript {
  readonly name: string;
  readonly polls: readonly Poll[];
  readonly start?: () => void;
  /** Answered once, when everything was polled. */
  readonly quiet?: ReadonlyMap<OffsetMap, OffsetMap>;
  readonly fails?: true;
}

const LEFT: OffsetMap = { shard: 'left' };
const RIGHT: OffsetMap = { shard: 'right' };

function record(sourcePartition: OffsetMap, n: number | bigint): SourceRecord {
  return { topic: 'transcripts', keySchema: null, key: null, valueSchema: null, value: new Uint8Array(1), sourcePartition, sourceOffset: { n } };
}

const show = (map: OffsetMap | null): string => new TextDecoder().decode(encodeOffsetMap(map ?? {}));

/** Polls that return nothing are not noted: how often they come is a matter of time. */
class ScriptedSource extends SourceTask {
  readonly events: string[] = [];
  private next = 0;
  private isQuietTold = false;

  constructor(private readonly script: SourceScript) {
    super();
  }

  get isOver(): boolean {
    return this.next >= this.script.polls.length && (this.script.quiet === undefined || this.isQuietTold);
  }

  async start(context: SourceTaskContext): Promise<void> {
    this.events.push('start');
    this.script.start?.();
    const [left, right] = await context.offsets([LEFT, RIGHT]);
    this.events.push(`stored: ${show(left ?? null)} ${typeof left?.['n']} ${show(right ?? null)} ${right === null ? 'none' : 'some'}`);
  }

  async poll(): Promise<readonly SourceRecord[]> {
    const poll = this.script.polls[this.next];
    if (poll === undefined) return new Promise((resolve) => setImmediate(resolve, []));
    this.next += 1;
    this.events.push(poll instanceof Error ? `poll fails: ${poll.message}` : `poll ${poll.length}`);
    if (poll instanceof Error) throw poll;
    return poll;
  }

  override offsetsWithoutRecords(): ReadonlyMap<OffsetMap, OffsetMap> | null {
    const { quiet } = this.script;
    if (quiet === undefined || this.isQuietTold || this.next < this.script.polls.length) return null;
    this.isQuietTold = true;
    return quiet;
  }

  override onCommitted(partition: OffsetMap, offset: OffsetMap): void {
    this.events.push(`committed ${show(partition)} ${show(offset)}`);
  }

  stop(): void {
    this.events.push('stop');
  }
}

const SOURCE_SCRIPTS: readonly SourceScript[] = [
  // One poll: between partitions the order of commits is nobody's promise, and depends on when acknowledgements come.
  { name: 'two source partitions', polls: [[record(LEFT, 1), record(RIGHT, 1), record(LEFT, 2)]] },
  { name: 'a poll that is tried again', polls: [new RetriableError('not yet', { retryAfterMs: 1 }), new RetriableError('nor now', { retryAfterMs: 1 }), [record(LEFT, 1)]] },
  { name: 'a poll that fails for good', polls: [[record(LEFT, 1)], new Error('no more')], fails: true },
  {
    name: 'a start that fails',
    polls: [],
    fails: true,
    start: () => {
      throw new Error('cannot start');
    },
  },
  { name: 'a quiet position', polls: [[record(LEFT, 1)]], quiet: new Map([[LEFT, { n: 7 }], [RIGHT, { n: 8 }]]) },
  { name: 'an integer beyond doubles', polls: [[record(LEFT, 2n ** 62n + 1n)]] },
];

const STORED = { n: 2n ** 60n + 1n };

async function realSource(script: SourceScript): Promise<string[]> {
  const task = new ScriptedSource(script);
  const left = encodeOffsetMap(STORED);
  const host = { ...HOST, readOffsets: (keys: readonly Uint8Array[]) => Promise.resolve(keys.map((key) => (new TextDecoder().decode(key).includes('left') ? left : null))) };
  const loop = new SourceLoop(scriptedSpec(task, { type: 'source', clientConfig: { 'bootstrap.servers': cluster.bootstrap }, shutdownTimeoutMs: 20_000 }), host, LOGGER);
  const ended = loop.run().then(
    () => undefined,
    (error: unknown) => error,
  );
  // A stop that comes before they are written would leave records unsent.
  const records = script.polls.reduce((sum, it) => sum + (it instanceof Error ? 0 : it.length), 0);
  if (!script.fails) await waitFor(script.name, 20_000, () => Promise.resolve(task.isOver && loop.counters().recordsOut === records));
  if (!script.fails) loop.requestStop();
  const error = await ended;
  return [...task.events, endOf(error)];
}

async function harnessSource(script: SourceScript): Promise<string[]> {
  const task = new ScriptedSource(script);
  const offsets = new OffsetStore();
  offsets.set(LEFT, STORED);
  const harness = new SourceHarness({ task, config: {}, offsets });
  let error: unknown;
  try {
    await harness.start();
    while (!task.isOver || script.fails) await harness.step();
  } catch (it) {
    error = it;
  }
  await harness.stop();
  return [...task.events, endOf(error)];
}

describe('a source task in the loop and in the harness', () => {
  beforeAll(async () => throwFailures(await admin.createTopics([{ name: 'transcripts', partitions: 1, replicationFactor: 1 }])));

  it.each(SOURCE_SCRIPTS.map((it) => [it.name, it] as const))('hears the same: %s', async (_name, script) => {
    const real = await realSource(script);
    expect(await harnessSource(script)).toEqual(real);
    expect(real).toMatchSnapshot();
  });

  it('finds the same bytes and the same values in stored offsets', () => {
    const value = fc.oneof(fc.string(), fc.boolean(), fc.constant(null), fc.integer(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom('"12345678901234567890"', '\\', '\\"1234567890123456789'));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), (map) => {
        const store = new OffsetStore();
        store.set({ p: 1 }, map);
        const bytes = encodeOffsetMap(map);
        expect(store.entries().get('{"p":1}')).toBe(new TextDecoder().decode(bytes));
        expect(store.get({ p: 1 })).toEqual(decodeOffsetMap(bytes));
      }),
    );
  });
});
