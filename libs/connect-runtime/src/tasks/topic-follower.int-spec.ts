import { SourceTask, type FollowedRecord, type SourceRecord, type SourceTaskContext, type TopicFollower } from '@millrace/connect-api';
import { Admin, Producer, throwFailures } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { HOST, LOGGER, scriptedSpec } from '../../test/scripted-task.js';
import { WorkerCluster } from '../../test/worker-cluster.js';
import { SourceLoop } from './source-loop.js';

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

class Listening extends SourceTask {
  readonly heard: string[] = [];
  follower: TopicFollower | undefined;
  onRecord: (record: FollowedRecord) => Promise<void> | void = () => undefined;

  constructor(
    private readonly topic: string,
    private readonly startAt: 'earliest' | 'latest',
  ) {
    super();
  }

  async start(context: SourceTaskContext): Promise<void> {
    this.follower = await context.followTopic({
      topic: this.topic,
      groupId: `${this.topic}-followers`,
      startAt: this.startAt,
      onRecord: async (record) => {
        await this.onRecord(record);
        this.heard.push(Buffer.from(record.value ?? []).toString());
      },
    });
  }

  async poll(): Promise<readonly SourceRecord[]> {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return [];
  }

  stop(): void {}
}

interface Run {
  readonly task: Listening;
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

function run(task: Listening): Run {
  const client = { 'bootstrap.servers': cluster.bootstrap };
  const loop = new SourceLoop(scriptedSpec(task, { type: 'source', clientConfig: client, followerConfig: client }), HOST, LOGGER);
  const ended = loop.run();
  return {
    task,
    ended,
    stop: async () => {
      loop.requestStop();
      await ended;
    },
  };
}

async function makeTopic(topic: string): Promise<void> {
  throwFailures(await admin.createTopics([{ name: topic, partitions: 1, replicationFactor: 1 }]));
}

async function send(topic: string, ...values: string[]): Promise<void> {
  for (const value of values) await producer.send({ topic, value: Buffer.from(value) });
}

describe('a followed topic', () => {
  it('begins where it is told, and goes on behind what was heard', async () => {
    await makeTopic('signals');
    await send('signals', 'old');
    const first = run(new Listening('signals', 'latest'));
    await waitFor('it follows', 10_000, () => Promise.resolve(first.task.follower !== undefined));
    await send('signals', 'a', 'b');
    await waitFor('two are heard', 10_000, () => Promise.resolve(first.task.heard.length === 2));
    await first.stop();
    await send('signals', 'c');
    const second = run(new Listening('signals', 'latest'));
    await waitFor('one more is heard', 10_000, () => Promise.resolve(second.task.heard.length === 1));
    await second.stop();
    expect([first.task.heard, second.task.heard]).toEqual([['a', 'b'], ['c']]);
  }, 30_000);

  it('gives a record again that was not settled, and hears nothing sent while nobody was there twice', async () => {
    await makeTopic('failing');
    await send('failing', 'a', 'b');
    const failing = new Listening('failing', 'earliest');
    failing.onRecord = ({ offset }) => {
      if (offset === 1) throw new Error('no b today');
    };
    await expect(run(failing).ended).rejects.toThrow('no b today');
    const next = run(new Listening('failing', 'earliest'));
    await waitFor('b is heard', 10_000, () => Promise.resolve(next.task.heard.length === 1));
    await next.stop();
    expect([failing.heard, next.task.heard]).toEqual([['a'], ['b']]);
  }, 30_000);

  it('remembers where it began although it heard nothing', async () => {
    await makeTopic('silent');
    await send('silent', 'old');
    const first = run(new Listening('silent', 'latest'));
    await waitFor('it follows', 10_000, () => Promise.resolve(first.task.follower !== undefined));
    await first.stop();
    await send('silent', 'new');
    const second = run(new Listening('silent', 'latest'));
    await waitFor('it is heard', 10_000, () => Promise.resolve(second.task.heard.length === 1));
    await second.stop();
    expect(second.task.heard).toEqual(['new']);
  }, 30_000);

  it('may be stopped by what it hears', async () => {
    await makeTopic('once');
    await send('once', 'a', 'b');
    const task = new Listening('once', 'latest');
    const running = run(task);
    await waitFor('it follows', 10_000, () => Promise.resolve(task.follower !== undefined));
    task.onRecord = () => task.follower?.stop();
    await send('once', 'c', 'd');
    await waitFor('one is heard', 10_000, () => Promise.resolve(task.heard.length === 1));
    await task.follower?.stop();
    await running.stop();
    expect(task.heard).toEqual(['c']);
  }, 30_000);

  it('does not keep a task from stopping while there is no broker', async () => {
    const loop = new SourceLoop(scriptedSpec(new Listening('nowhere', 'latest'), { type: 'source', clientConfig: { 'bootstrap.servers': '127.0.0.1:1' }, followerConfig: { 'bootstrap.servers': '127.0.0.1:1' } }), HOST, LOGGER);
    const ended = loop.run();
    await new Promise((resolve) => setImmediate(resolve));
    loop.requestStop();
    await ended;
  }, 10_000);
});
