import { RetriableError, type TopicPartition } from '@millrace/connect-api';
import { Admin, Producer, throwFailures } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { ScriptedSink } from '../../test/scripted-sink.js';
import { HOST, LOGGER, scriptedSpec } from '../../test/scripted-task.js';
import { WorkerCluster } from '../../test/worker-cluster.js';
import { SinkLoop } from './sink-loop.js';

let cluster: WorkerCluster;
let producer: Producer;
let admin: Admin;
const running: Member[] = [];

beforeAll(async () => {
  cluster = await WorkerCluster.start();
  producer = new Producer({ bootstrapServers: cluster.bootstrap });
  admin = new Admin({ bootstrapServers: cluster.bootstrap });
}, 30_000);
afterEach(async () => {
  await Promise.all(running.splice(0).map((it) => it.stop()));
}, 30_000);
afterAll(async () => {
  await producer.close();
  await admin.close();
  await cluster.stop();
}, 30_000);

const numbers = (partitions: Iterable<TopicPartition>): string => [...partitions].map((it) => it.partition).sort().join('');

/** Notes which partitions come and go. */
class OpeningSink extends ScriptedSink {
  readonly calls: string[] = [];

  override open(partitions: readonly TopicPartition[]): void {
    this.calls.push(`open ${numbers(partitions)}`);
  }

  override async preCommit(offsets: ReadonlyMap<TopicPartition, number>): Promise<ReadonlyMap<TopicPartition, number>> {
    this.calls.push(`preCommit ${numbers(offsets.keys())}`);
    return super.preCommit(offsets);
  }

  override close(partitions: readonly TopicPartition[]): void {
    this.calls.push(`close ${numbers(partitions)}`);
  }
}

/** One task of a sink, in the group of its topic. */
class Member {
  readonly task = new OpeningSink();
  readonly ended: Promise<unknown>;
  private readonly loop: SinkLoop;
  private stopped: Promise<void> | undefined;

  constructor(topic: string, settings: Readonly<Record<string, string>>, number = 0, script: (task: OpeningSink) => void = () => undefined) {
    script(this.task);
    const clientConfig = { 'bootstrap.servers': cluster.bootstrap, 'group.id': `connect-${topic}`, 'heartbeat.interval.ms': '100', 'max.poll.records': '100', ...settings };
    this.loop = new SinkLoop(scriptedSpec(this.task, { type: 'sink', id: { connector: topic, task: number }, subscription: { topics: [topic] }, clientConfig, shutdownTimeoutMs: 5000 }), HOST, LOGGER);
    this.ended = this.loop.run().then(
      () => undefined,
      (error: unknown) => error,
    );
    running.push(this);
  }

  get share(): string {
    return numbers((this.task.context as ScriptedSink['context'] | undefined)?.assignment() ?? []);
  }

  async untilShare(isIt: (share: string) => boolean): Promise<void> {
    await waitFor('the task has its share', 15_000, () => Promise.resolve(isIt(this.share))).catch((error: unknown) => {
      throw new Error(`${String(error)}: it has ${this.share}, after ${this.task.calls.join(', ')}`);
    });
  }

  stop(): Promise<void> {
    this.stopped ??= (async () => {
      this.loop.requestStop();
      expect(await this.ended).toBeUndefined();
    })();
    return this.stopped;
  }
}

async function topic(name: string, partitions = 4): Promise<string> {
  throwFailures(await admin.createTopics([{ name, partitions, replicationFactor: 1 }]));
  return name;
}

async function produce(name: string, each: number): Promise<string[]> {
  const sent = [0, 1, 2, 3].flatMap((partition) => Array.from({ length: each }, () => producer.send({ topic: name, partition, value: new Uint8Array(3) })));
  return (await Promise.all(sent)).map((it) => `${it.partition}:${it.offset}`).sort();
}

const COOPERATIVE = { 'partition.assignment.strategy': 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor' };

describe('a rebalance of sink tasks', () => {
  it('cooperative: opens and closes what comes and goes, and commits what it closes', async () => {
    const name = await topic('cooperative');
    const sent = await produce(name, 2);
    const a = new Member(name, COOPERATIVE);
    await a.untilShare((it) => it === '0123');
    await waitFor('all is put', 10_000, () => Promise.resolve(a.task.seen.length === sent.length));
    const b = new Member(name, COOPERATIVE, 1);
    await b.untilShare((it) => it.length === 2);
    await a.untilShare((it) => it.length === 2);
    expect(a.task.calls).toEqual(['open 0123', `preCommit ${b.share}`, `close ${b.share}`]);
    expect(b.task.calls).toEqual([`open ${b.share}`]);
    expect((await admin.listGroupOffsets(`connect-${name}`)).map((it) => `${it.partition}:${it.offset}`).sort()).toEqual([...b.share].map((it) => `${it}:2`));
    const moved = b.share;
    await produce(name, 1);
    await waitFor('each puts its own', 10_000, () => Promise.resolve(a.task.seen.length === 10 && b.task.seen.length === 2));
    await b.stop();
    await a.untilShare((it) => it === '0123');
    expect(b.task.calls.slice(1)).toEqual([`preCommit ${moved}`, `close ${moved}`]);
    expect(a.task.calls.slice(3)).toEqual([`open ${moved}`]);
    expect([...a.task.seen, ...b.task.seen].length).toBe(12);
  }, 60_000);

  it('eager, by default: closes all and opens its share', async () => {
    const name = await topic('eager');
    const sent = await produce(name, 1);
    const a = new Member(name, {});
    await a.untilShare((it) => it === '0123');
    await waitFor('all is put', 10_000, () => Promise.resolve(a.task.seen.length === sent.length));
    const b = new Member(name, {}, 1);
    await b.untilShare((it) => it.length === 2);
    await a.untilShare((it) => it.length === 2);
    expect(a.task.calls).toEqual(['open 0123', 'preCommit 0123', 'close 0123', `open ${a.share}`]);
  }, 60_000);

  it('keeps of a batch that is to be tried again what stays, and leaves the rest to its next owner', async () => {
    const name = await topic('retried');
    const sent = await produce(name, 5);
    let isReady = false;
    const a = new Member(name, COOPERATIVE, 0, (task) => {
      task.onPut = () => {
        if (!isReady) throw new RetriableError('not now', { retryAfterMs: 60_000 });
      };
    });
    await waitFor('a put has failed', 15_000, () => Promise.resolve(a.task.events.length > 0));
    isReady = true;
    const b = new Member(name, COOPERATIVE, 1);
    await waitFor('all is put', 20_000, () => Promise.resolve(a.task.seen.length + b.task.seen.length >= sent.length));
    expect([...a.task.seen, ...b.task.seen].sort()).toEqual(sent);
    for (const [member, other] of [[a, b], [b, a]] as const) expect(member.task.seen.filter((it) => other.share.includes(it[0]!))).toEqual([]);
  }, 60_000);

  it('gives the tasks of one group.instance.id names of their own', async () => {
    const name = await topic('static');
    const settings = { ...COOPERATIVE, 'group.instance.id': 'x', 'session.timeout.ms': '6000' };
    const members = [0, 1].map((number) => new Member(name, settings, number));
    for (const it of members) await it.untilShare((share) => share.length === 2);
    const [group] = await admin.describeGroups([`connect-${name}`]);
    expect(group?.members.map((it) => it.groupInstanceId).sort()).toEqual(['x-0', 'x-1']);
  }, 60_000);
});
