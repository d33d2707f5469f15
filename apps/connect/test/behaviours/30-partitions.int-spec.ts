import { Admin, throwFailures } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

jest.setTimeout(60_000);
let cluster: Cluster;
let admin: Admin;

beforeAll(async () => {
  // No commit comes by itself: what is committed is committed because a partition is revoked.
  cluster = await Cluster.start({ settings: { 'offset.flush.interval.ms': '60000' } });
  if (cluster.bootstrap !== '') admin = new Admin({ bootstrapServers: cluster.bootstrap });
}, 60_000);
afterAll(async () => {
  await admin?.close();
  await cluster.stop();
}, 60_000);

/** How often each partition was opened, closed and committed: "o c m". */
type Calls = Readonly<Record<string, string>>;

/** A sink with one task that reads three topics, none of which exists when it is made. */
class Scene {
  private readonly sent: string[] = [];

  constructor(private readonly word: string) {}

  static async start(word: string, assignor: string): Promise<Scene> {
    const scene = new Scene(word);
    const name = await cluster.create(word, {
      'connector.class': 'test.OpeningSinkConnector',
      'tasks.max': '1',
      topics: [1, 2, 3].map((n) => scene.topic(n)).join(','),
      'log.file': scene.file,
      'consumer.override.partition.assignment.strategy': `org.apache.kafka.clients.consumer.${assignor}`,
      'consumer.override.allow.auto.create.topics': 'false',
      // Commits for a topic that is gone fail until this is over.
      'consumer.override.default.api.timeout.ms': '2000',
    });
    await cluster.untilStates(name, 'RUNNING', ['RUNNING']);
    return scene;
  }

  async create(n: number): Promise<void> {
    throwFailures(await admin.createTopics([{ name: this.topic(n), partitions: 1, replicationFactor: 1 }]));
  }

  async delete(n: number): Promise<void> {
    throwFailures(await admin.deleteTopics([this.topic(n)]));
  }

  async produce(n: number, value: string): Promise<void> {
    await cluster.produce(this.topic(n), [value]);
    this.sent.push(value);
  }

  /** Once each value came, and came once. */
  async untilCalled(calls: Calls): Promise<void> {
    await waitFor(`the values are put once and the calls are ${JSON.stringify(calls)}`, 20_000, () => Promise.resolve(this.values().join() === [...this.sent].sort().join() && JSON.stringify(this.calls(Object.keys(calls))) === JSON.stringify(calls))).catch((error: unknown) => {
      throw new Error(`${String(error)}: they are ${JSON.stringify(this.calls(Object.keys(calls)))}, put is ${this.values().join()}`);
    });
  }

  private calls(topics: readonly string[]): Calls {
    const lines = cluster.lines(`${this.word}.log`).map((it) => it.split(' '));
    const times = (call: string, n: string): number => lines.filter(([it, ...partitions]) => it === call && partitions.includes(`${this.topic(Number(n))}-0`)).length;
    return Object.fromEntries(topics.map((n) => [n, `${times('open', n)} ${times('close', n)} ${times('commit', n)}`]));
  }

  private values(): string[] {
    return cluster.lines(`${this.word}.log`).filter((it) => it.startsWith('put ')).map((it) => it.slice(4)).sort();
  }

  private get file(): string {
    return cluster.file(`${this.word}.log`);
  }

  private topic(n: number): string {
    return cluster.name(`${this.word}-t${n}`);
  }
}

/** Topics come one by one, and one goes: what is called then, in all. */
async function play(scene: Scene, expected: readonly [Calls, Calls, Calls, Calls]): Promise<void> {
  await scene.create(1);
  await scene.produce(1, 't1v1');
  await scene.untilCalled(expected[0]);
  await scene.create(2);
  await scene.produce(2, 't2v1');
  await scene.produce(2, 't1v2');
  await scene.untilCalled(expected[1]);
  await scene.create(3);
  await scene.produce(3, 't3v1');
  await scene.produce(2, 't2v2');
  await scene.untilCalled(expected[2]);
  await scene.delete(1);
  await scene.produce(3, 't3v2');
  await scene.produce(2, 't2v3');
  await scene.untilCalled(expected[3]);
}

describe('30: partitions of a sink', () => {
  ownIt('are all closed, committed and opened again with an eager assignor (testEagerConsumerPartitionAssignment)', async () => {
    await play(await Scene.start('eager', 'RoundRobinAssignor'), [
      { 1: '1 0 0' },
      { 1: '2 1 1', 2: '1 0 0' },
      { 1: '3 2 2', 2: '2 1 1', 3: '1 0 0' },
      { 1: '3 3 3', 2: '3 2 2', 3: '2 1 1' },
    ]);
  });

  ownIt('are left alone unless they come or go with the cooperative one (testCooperativeConsumerPartitionAssignment)', async () => {
    await play(await Scene.start('cooperative', 'CooperativeStickyAssignor'), [
      { 1: '1 0 0' },
      { 1: '1 0 0', 2: '1 0 0' },
      { 1: '1 0 0', 2: '1 0 0', 3: '1 0 0' },
      { 1: '1 1 1', 2: '1 0 0', 3: '1 0 0' },
    ]);
  });
});
