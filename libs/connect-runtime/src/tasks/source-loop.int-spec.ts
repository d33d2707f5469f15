import { RetriableError, SourceTask, type SourceRecord } from '@millrace/connect-api';
import { Admin, throwFailures } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { HOST, LOGGER, scriptedSpec } from '../../test/scripted-task.js';
import { WorkerCluster } from '../../test/worker-cluster.js';
import { WorkerLease } from '../isolation/worker-lease.js';
import { SourceLoop } from './source-loop.js';
import { SubmittedRecords } from './submitted-records.js';

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

class ScriptedLease extends WorkerLease {
  isHeld = true;

  override get isValid(): boolean {
    return this.isHeld;
  }
}

/** Its second poll ends while the worker may have lost its place. */
class RefusedThenFenced extends SourceTask {
  polls = 0;

  constructor(private readonly lease: ScriptedLease) {
    super();
  }

  start(): void {}

  poll(): Promise<readonly SourceRecord[]> {
    this.polls += 1;
    this.lease.isHeld = this.polls === 1;
    return Promise.resolve([{ topic: 'narrow-too', keySchema: null, key: null, valueSchema: null, value: new Uint8Array(2000), sourcePartition: { a: 1 }, sourceOffset: { n: this.polls } }]);
  }

  stop(): void {}
}

/** Each poll has a record and an offset of this many source partitions. */
class ManyPartitions extends SourceTask {
  static readonly COUNT = 1000;
  polls = 0;
  private readonly partitions = Array.from({ length: ManyPartitions.COUNT }, (_, n) => ({ n }));

  start(): void {}

  async poll(): Promise<readonly SourceRecord[]> {
    await new Promise((resolve) => setImmediate(resolve));
    const n = ++this.polls;
    return this.partitions.map((sourcePartition) => ({ topic: 'wide', keySchema: null, key: null, valueSchema: null, value: new Uint8Array(1), sourcePartition, sourceOffset: { n } }));
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

  it('fails for a record that was refused although its worker may have lost its place', async () => {
    const cluster = await WorkerCluster.start();
    const admin = new Admin({ bootstrapServers: cluster.bootstrap });
    try {
      throwFailures(await admin.createTopics([{ name: 'narrow-too', partitions: 1, replicationFactor: 1, configs: { 'max.message.bytes': '100' } }]));
      const lease = new ScriptedLease(Infinity);
      const task = new RefusedThenFenced(lease);
      const loop = new SourceLoop(scriptedSpec(task, { type: 'source', clientConfig: { 'bootstrap.servers': cluster.bootstrap } }), { ...HOST, lease }, LOGGER);
      await expect(loop.run()).rejects.toMatchObject({ name: 'ProtocolError' });
      expect([task.polls, lease.isValid]).toEqual([2, false]);
    } finally {
      await admin.close();
      await cluster.stop();
    }
  }, 30_000);

  it('is polled no more while too much waits behind a record that is not acknowledged', async () => {
    const cluster = await WorkerCluster.start();
    const admin = new Admin({ bootstrapServers: cluster.bootstrap });
    const { acknowledge } = SubmittedRecords.prototype;
    const held = jest.spyOn(SubmittedRecords.prototype, 'acknowledge').mockImplementation(function (this: SubmittedRecords, first, last) {
      if (last > 0) acknowledge.call(this, Math.max(first, 1), last);
    });
    try {
      throwFailures(await admin.createTopics([{ name: 'wide', partitions: 1, replicationFactor: 1 }]));
      const task = new ManyPartitions();
      const loop = new SourceLoop(scriptedSpec(task, { type: 'source', clientConfig: { 'bootstrap.servers': cluster.bootstrap }, stallTimeoutMs: 200 }), HOST, LOGGER);
      const ended = loop.run();
      await waitFor('it waits', 20_000, () => Promise.resolve(loop.counters().stalledIn === 'send' && loop.counters().recordsActive === 0));
      expect(task.polls).toBe(50);
      loop.requestStop();
      await ended;
    } finally {
      held.mockRestore();
      await admin.close();
      await cluster.stop();
    }
  }, 40_000);
});
