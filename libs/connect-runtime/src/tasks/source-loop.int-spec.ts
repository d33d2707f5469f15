import { RetriableError, SourceTask, type SourceRecord } from '@millrace/connect-api';
import { Admin, throwFailures } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { HOST, LOGGER, scriptedSpec } from '../../test/scripted-task.js';
import { WorkerCluster } from '../../test/worker-cluster.js';
import { SourceLoop } from './source-loop.js';

class OneRecord extends SourceTask {
  isStopped = false;
  private announce: () => void = () => undefined;
  readonly polled = new Promise<void>((resolve) => (this.announce = resolve));

  start(): void {}

  poll(): Promise<readonly SourceRecord[]> {
    this.announce();
    return Promise.resolve([{ topic: 'out', keySchema: null, key: null, valueSchema: null, value: new Uint8Array(1), sourcePartition: { a: 1 }, sourceOffset: { n: 1 } }]);
  }

  stop(): void {
    this.isStopped = true;
  }
}

/** Gives these records, and then asks for an hour's patience with each poll. */
class Failing extends SourceTask {
  polls = 0;
  quietPositions = 0;

  constructor(private readonly first: SourceRecord[]) {
    super();
  }

  start(): void {}

  poll(): Promise<readonly SourceRecord[]> {
    this.polls += 1;
    if (this.first.length > 0) return Promise.resolve(this.first.splice(0));
    return Promise.reject(new RetriableError('not now', { retryAfterMs: 3_600_000 }));
  }

  override offsetsWithoutRecords(): null {
    this.quietPositions += 1;
    return null;
  }

  stop(): void {}
}

describe('SourceLoop', () => {
  it('stops in order while nothing can be written', async () => {
    const task = new OneRecord();
    // Nobody listens at port 1: the topic never becomes known.
    const loop = new SourceLoop(scriptedSpec(task, { type: 'source', clientConfig: { 'bootstrap.servers': '127.0.0.1:1' } }), HOST, LOGGER);
    const ended = loop.run();
    await task.polled;
    await new Promise((resolve) => setImmediate(resolve));
    loop.requestStop();
    await ended;
    expect(task.isStopped).toBe(true);
  }, 5000);

  it('is paused and goes on while a poll that failed waits for its next try', async () => {
    const task = new Failing([]);
    const states: string[] = [];
    const loop = new SourceLoop(scriptedSpec(task, { type: 'source', clientConfig: { 'bootstrap.servers': '127.0.0.1:1' } }), { ...HOST, reportState: (state) => void states.push(state) }, LOGGER);
    const ended = loop.run();
    await waitFor('the poll', 2000, () => Promise.resolve(task.polls === 1));
    loop.pause();
    await waitFor('the pause', 2000, () => Promise.resolve(states.join(' ') === 'RUNNING PAUSED'));
    loop.resume();
    await waitFor('the next poll', 2000, () => Promise.resolve(task.polls === 2));
    expect(task.quietPositions).toBe(0);
    loop.requestStop();
    await ended;
  }, 10_000);

  it('fails for a record that was refused while a poll that failed waits for its next try', async () => {
    const cluster = await WorkerCluster.start();
    const admin = new Admin({ bootstrapServers: cluster.bootstrap });
    try {
      throwFailures(await admin.createTopics([{ name: 'narrow', partitions: 1, replicationFactor: 1, configs: { 'max.message.bytes': '100' } }]));
      const task = new Failing([{ topic: 'narrow', keySchema: null, key: null, valueSchema: null, value: new Uint8Array(2000), sourcePartition: { a: 1 }, sourceOffset: { n: 1 } }]);
      const loop = new SourceLoop(scriptedSpec(task, { type: 'source', clientConfig: { 'bootstrap.servers': cluster.bootstrap } }), HOST, LOGGER);
      await expect(loop.run()).rejects.toMatchObject({ name: 'ProtocolError' });
      expect(task.polls).toBe(2);
    } finally {
      await admin.close();
      await cluster.stop();
    }
  }, 30_000);
});
