import { Admin, Consumer, Producer, throwFailures } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { ScriptedSink } from '../../test/scripted-sink.js';
import { HOST, LOGGER, scriptedSpec } from '../../test/scripted-task.js';
import { WorkerCluster } from '../../test/worker-cluster.js';
import type { TaskSpec } from '../isolation/task-protocol.js';
import type { TaskHostCalls } from '../isolation/task-side.js';
import { WorkerLease } from '../isolation/worker-lease.js';
import { SinkLoop } from './sink-loop.js';

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

interface Run {
  readonly task: ScriptedSink;
  readonly loop: SinkLoop;
  readonly ended: Promise<unknown>;
  readonly topic: string;
  produce(partition: number, ...values: Uint8Array[]): Promise<void>;
  /** Until so many records were fetched and are not put yet. */
  untilActive(count: number): Promise<void>;
  stop(): Promise<void>;
}

class ScriptedLease extends WorkerLease {
  isHeld = true;

  override get isValid(): boolean {
    return this.isHeld;
  }
}

const LONG = new Uint8Array(8);

async function run(topic: string, maxPollRecords: number, script: (task: ScriptedSink) => void, host: TaskHostCalls = HOST, over: Partial<TaskSpec> = {}): Promise<Run> {
  throwFailures(await admin.createTopics([{ name: topic, partitions: 2, replicationFactor: 1 }]));
  const task = new ScriptedSink();
  script(task);
  const clientConfig = { 'bootstrap.servers': cluster.bootstrap, 'group.id': `connect-${topic}`, 'max.poll.records': String(maxPollRecords) };
  const spec = scriptedSpec(task, { type: 'sink', subscription: { topics: [topic] }, clientConfig, ...over }, 'org.apache.kafka.connect.converters.LongConverter');
  const loop = new SinkLoop(spec, host, LOGGER);
  const ended = loop.run().then(
    () => undefined,
    (error: unknown) => error,
  );
  return {
    task,
    loop,
    ended,
    topic,
    produce: async (partition, ...values) => void (await Promise.all(values.map((value) => producer.send({ topic, partition, value })))),
    untilActive: (count) => waitFor(`${count} records wait`, 10_000, () => Promise.resolve(loop.counters().recordsActive === count)),
    stop: async () => {
      loop.requestStop();
      expect(await ended).toBeUndefined();
    },
  };
}

/** Puts wait for their turn: `open` lets the n-th one (from 0) go on. */
class Turns {
  private readonly gates: { readonly opened: Promise<void>; readonly open: () => void }[] = [];
  started = 0;

  async enter(): Promise<void> {
    await this.gate(this.started++).opened;
  }

  open(n: number): void {
    this.gate(n).open();
  }

  async untilStarted(count: number): Promise<void> {
    await waitFor(`put ${count} has begun`, 10_000, () => Promise.resolve(this.started >= count));
  }

  private gate(n: number): { readonly opened: Promise<void>; readonly open: () => void } {
    return (this.gates[n] ??= gate());
  }
}

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Ends in put 3 (records 1:1 1:2) with the batch 1:3 0:2 made ready beside it. */
async function withMixedBatchPrepared(topic: string, script: (task: ScriptedSink) => void): Promise<{ running: Run; turns: Turns }> {
  const turns = new Turns();
  const running = await run(topic, 2, (task) => {
    task.onPut = () => turns.enter();
    script(task);
  });
  await running.produce(0, LONG);
  await turns.untilStarted(1);
  await running.produce(0, LONG);
  await running.untilActive(2);
  await running.produce(1, LONG, LONG, LONG, LONG);
  await running.untilActive(6);
  turns.open(0);
  await turns.untilStarted(2);
  await running.produce(0, LONG);
  await running.untilActive(6);
  turns.open(1);
  await turns.untilStarted(3);
  expect(running.task.events.filter((it) => it.startsWith('put ')).slice(0, 5)).toEqual(['put 0:0', 'put is over', 'put 0:1 1:0', 'put is over', 'put 1:1 1:2']);
  return { running, turns };
}

describe('SinkLoop', () => {
  it('puts the other partitions of a batch that was ready when one of them was moved', async () => {
    const { running, turns } = await withMixedBatchPrepared('mixed-seek', () => undefined);
    const { task } = running;
    task.context.seek({ topic: running.topic, partition: 0 }, 1);
    for (let n = 2; n < 10; n++) turns.open(n);
    await waitFor('both go on', 10_000, () => Promise.resolve(task.seen.includes('1:3') && task.seen.includes('0:2')));
    expect(task.seen.filter((it) => it.startsWith('1:'))).toEqual(['1:0', '1:1', '1:2', '1:3']);
    expect(task.seen.filter((it) => it.startsWith('0:'))).toEqual(['0:0', '0:1', '0:1', '0:2']);
    await running.stop();
    expect(task.events).toContain('preCommit 0:3 1:4');
  }, 30_000);

  it('loses nothing of a batch that was ready when a commit failed', async () => {
    let failures = 1;
    const { running, turns } = await withMixedBatchPrepared('mixed-rewind', (task) => {
      task.onPreCommit = () => {
        if (failures-- > 0) throw new Error('no commit today');
      };
    });
    const { task } = running;
    task.context.requestCommit();
    for (let n = 2; n < 20; n++) turns.open(n);
    await waitFor('all was put', 10_000, () => Promise.resolve(task.seen.includes('1:3') && task.seen.includes('0:2')));
    // Nothing had been committed: all that was put before the failure comes again.
    for (const it of ['0:0', '0:1', '1:0', '1:1', '1:2']) expect(task.seen.filter((seen) => seen === it)).toHaveLength(2);
    await running.stop();
  }, 30_000);

  it('goes back to where it began when the first commit fails', async () => {
    let failures = 1;
    const running = await run('first-commit', 10, (task) => {
      task.onPreCommit = () => {
        if (failures-- > 0) throw new Error('not stored');
      };
    });
    const { task } = running;
    await running.produce(0, LONG, LONG, LONG);
    await waitFor('they are put', 10_000, () => Promise.resolve(task.seen.length === 3));
    task.context.requestCommit();
    await waitFor('they are put again', 10_000, () => Promise.resolve(task.seen.length === 6));
    expect(task.seen.slice(3)).toEqual(['0:0', '0:1', '0:2']);
    await running.stop();
  }, 30_000);

  it('goes back to where the task moved a partition, not to a commit from before', async () => {
    let failures = 0;
    const running = await run('moved', 10, (task) => {
      task.onPreCommit = () => {
        if (failures-- > 0) throw new Error('not stored');
      };
    });
    const { task } = running;
    await running.produce(0, LONG, LONG, LONG);
    await waitFor('they are put', 10_000, () => Promise.resolve(task.seen.length === 3));
    task.context.requestCommit();
    await waitFor('they are committed', 10_000, async () => (await admin.listGroupOffsets('connect-moved'))[0]?.offset === 3n);
    task.context.seek({ topic: running.topic, partition: 0 }, 1);
    await waitFor('two are put again', 10_000, () => Promise.resolve(task.seen.length === 5));
    failures = 1;
    task.context.requestCommit();
    await waitFor('and once more', 10_000, () => Promise.resolve(task.seen.length === 7));
    expect(task.seen.slice(3)).toEqual(['0:1', '0:2', '0:1', '0:2']);
    await running.stop();
  }, 30_000);

  it('keeps where the task moved a partition to within put', async () => {
    const running = await run('seek-in-put', 10, () => undefined);
    const { task } = running;
    let hasMoved = false;
    task.onPut = () => {
      if (hasMoved) return;
      hasMoved = true;
      task.context.seek({ topic: running.topic, partition: 0 }, 0);
      task.context.requestCommit();
    };
    await running.produce(0, LONG, LONG);
    await waitFor('it came again', 10_000, () => Promise.resolve(task.seen.length === 4));
    expect(task.seen).toEqual(['0:0', '0:1', '0:0', '0:1']);
    expect(task.events.filter((it) => it.startsWith('preCommit'))).toEqual(['preCommit 0:0 1:0']);
    await running.stop();
  }, 30_000);

  it('lets a put end before it fails for a record that cannot be converted', async () => {
    const turns = new Turns();
    const running = await run('poison', 1, (task) => {
      task.onPut = () => turns.enter();
    });
    const { task } = running;
    await running.produce(0, LONG);
    await turns.untilStarted(1);
    await running.produce(0, LONG, new Uint8Array(3));
    // The pump takes no more while enough waits; these two come as one piece once the first is put.
    turns.open(0);
    await turns.untilStarted(2);
    turns.open(1);
    expect(String(await running.ended)).toMatch(/Tolerance exceeded in error handler \(VALUE_CONVERTER of the record at poison-0, offset 2\)/);
    expect(task.events).toEqual(['put 0:0', 'put is over', 'put 0:1', 'put is over', 'preCommit 0:2 1:0', 'close', 'stop']);
  }, 30_000);

  const giveUp = (task: ScriptedSink): void => void task.context.errantRecordReporter.report(task.records[0]!, new Error('of no use')).catch(() => undefined);
  const GIVEN_UP = /Tolerance exceeded in error handler \(TASK_PUT of the record at [a-z-]+-0, offset 0\)/;

  it('fails at once for a record that is given up behind put, and commits nothing past it', async () => {
    const running = await run('errant-behind', 10, () => undefined);
    const { task } = running;
    await running.produce(0, LONG);
    await waitFor('it is put', 10_000, () => Promise.resolve(task.seen.length === 1));
    giveUp(task);
    expect(String(await running.ended)).toMatch(GIVEN_UP);
    expect(await admin.listGroupOffsets('connect-errant-behind')).toEqual([]);
  }, 30_000);

  it('commits nothing past a record that is given up while a commit is being made ready', async () => {
    const running = await run('errant-commit', 10, (task) => {
      task.onPreCommit = () => giveUp(task);
    });
    const { task } = running;
    await running.produce(0, LONG);
    await waitFor('it is put', 10_000, () => Promise.resolve(task.seen.length === 1));
    task.context.requestCommit();
    expect(String(await running.ended)).toMatch(GIVEN_UP);
    expect(await admin.listGroupOffsets('connect-errant-commit')).toEqual([]);
  }, 30_000);

  it('commits nothing past a record that is given up with the last commit', async () => {
    const running = await run('errant-close', 10, (task) => {
      task.onPreCommit = () => giveUp(task);
    });
    await running.produce(0, LONG);
    await waitFor('it is put', 10_000, () => Promise.resolve(running.task.seen.length === 1));
    await running.stop();
    expect(running.task.events).toContain('preCommit 0:1 1:0');
    expect(await admin.listGroupOffsets('connect-errant-close')).toEqual([]);
  }, 30_000);

  const commits = (task: ScriptedSink): number => task.events.filter((it) => it.startsWith('preCommit')).length;

  it('goes on committing while it is paused', async () => {
    const running = await run('paused', 10, () => undefined);
    const { task, loop } = running;
    await running.produce(0, LONG);
    await waitFor('it is put', 10_000, () => Promise.resolve(task.seen.length === 1));
    loop.pause();
    await waitFor('the commit of the pause', 10_000, () => Promise.resolve(commits(task) === 1));
    task.context.requestCommit();
    await waitFor('one more', 10_000, () => Promise.resolve(commits(task) === 2));
    await running.stop();
  }, 30_000);

  it('puts on while a commit has no answer, begins the next one when its time is up, and stops within its time although none comes to an end', async () => {
    const commit = jest.spyOn(Consumer.prototype, 'commit').mockImplementation(() => new Promise(() => undefined));
    try {
      const running = await run('no-answer', 10, () => undefined, HOST, { offsetFlushTimeoutMs: 2000, shutdownTimeoutMs: 6000 });
      const { task, loop } = running;
      for (let n = 1; n <= 3; n++) {
        await running.produce(0, LONG);
        await waitFor(`${n} are put`, 1500, () => Promise.resolve(task.seen.length === n));
        task.context.requestCommit();
        await waitFor('a commit is under way', 1000, () => Promise.resolve(commit.mock.calls.length > 0));
      }
      expect(commits(task)).toBe(1);
      await waitFor('the next commit', 10_000, () => Promise.resolve(commit.mock.calls.length === 2));
      expect(commit.mock.calls[1]?.[0]).toMatchObject([{ partition: 0, offset: 3 }]);
      expect(loop.counters()).toMatchObject({ commitFailures: 1, commitsSkipped: 1 });
      const startedMs = performance.now();
      await running.stop();
      expect(performance.now() - startedMs).toBeLessThan(5000);
      expect(task.events).toContain('stop');
    } finally {
      commit.mockRestore();
    }
  }, 30_000);

  it('commits nothing when it is paused or stopped while the worker may have lost its place', async () => {
    const lease = new ScriptedLease(Infinity);
    const states: string[] = [];
    const running = await run('fenced', 10, () => undefined, { ...HOST, lease, reportState: (state) => void states.push(state) });
    const { task, loop } = running;
    await running.produce(0, LONG);
    await waitFor('it is put', 10_000, () => Promise.resolve(task.seen.length === 1));
    expect(task.context.ownsAssignment()).toBe(true);
    lease.isHeld = false;
    expect(task.context.ownsAssignment()).toBe(false);
    loop.pause();
    await waitFor('it is paused', 10_000, () => Promise.resolve(states.includes('PAUSED')));
    expect(commits(task)).toBe(0);
    lease.isHeld = true;
    lease.onRenewed();
    await waitFor('the commit', 10_000, () => Promise.resolve(commits(task) === 1));
    lease.isHeld = false;
    await running.stop();
    expect(commits(task)).toBe(1);
  }, 30_000);
});
