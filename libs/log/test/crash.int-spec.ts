import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { FindCoordinator, InitProducerId, OffsetCommit, OffsetFetch } from '@millrace/protocol';
import { repositoryRoot, SeededRandom, temporaryFolder } from '@millrace/testkit';
import { batchOf, RawClient, valuesIn } from './local-broker.js';

const COMPILED = path.join(repositoryRoot(), 'libs/log/dist/index.js');

/** A broker in a process of its own, so that it can be killed. Runs what is compiled. */
class KillableBroker {
  private constructor(
    readonly child: ChildProcess,
    readonly port: number,
    readonly stderr: () => string,
  ) {}

  static async start(folder: string, properties: Readonly<Record<string, string>> = {}): Promise<KillableBroker> {
    const args = Object.entries({ listeners: 'PLAINTEXT://localhost:0', 'log.dirs': folder, 'offsets.topic.num.partitions': '2', 'group.initial.rebalance.delay.ms': '0', ...properties }).map(([key, value]) => `${key}=${value}`);
    const child = spawn(process.execPath, [path.join(__dirname, 'run-broker.cjs'), ...args], { env: { ...process.env, MILLRACE_TEST_VERBOSE: '1' } });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.setEncoding('utf8').once('data', resolve);
      child.once('exit', (code) => reject(new Error(`the broker ended with ${code}: ${stderr}`)));
    });
    const { endpoints } = JSON.parse(line) as { endpoints: { port: number }[] };
    return new KillableBroker(child, endpoints[0]?.port ?? 0, () => stderr);
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const exited = new Promise<number | null>((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    return exited;
  }
}

(existsSync(COMPILED) ? describe : describe.skip)('a broker that is killed', () => {
  const folder = temporaryFolder('crash');
  const living: KillableBroker[] = [];
  afterEach(async () => {
    for (const broker of living.splice(0)) if (broker.child.exitCode === null && broker.child.signalCode === null) await broker.end('SIGKILL');
  });
  afterAll(() => folder.remove());

  async function start(): Promise<{ broker: KillableBroker; client: RawClient }> {
    const broker = await KillableBroker.start(folder.path);
    living.push(broker);
    return { broker, client: await RawClient.connect(broker.port) };
  }

  it('has every acknowledged record, once and in order, after SIGKILL under load, torn tails included', async () => {
    const seed = Date.now() % 1_000_000;
    const random = new SeededRandom(seed);
    const acknowledged: string[] = [];
    let sequence = 0;
    let producerId = -1;
    for (let round = 0; round < 4; round++) {
      const { broker, client } = await start();
      if (round === 0) {
        await client.createTopic('survivor');
        producerId = (await client.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })).producerId;
      }
      const { highWatermark } = await client.fetch('survivor', 0, { maxBytes: 1 });
      // An unacknowledged batch may have survived as well: never fewer, and no stranger.
      expect({ seed, round, isComplete: highWatermark >= acknowledged.length }).toEqual({ seed, round, isComplete: true });
      sequence = highWatermark;
      acknowledged.length = highWatermark;
      for (let i = 0; i < highWatermark; i++) acknowledged[i] = `value ${i}`;
      const killAt = sequence + 20 + random.integer(200);
      const sends: Promise<void>[] = [];
      while (sequence < killAt + 20) {
        const value = `value ${sequence}`;
        sends.push(
          client.produce('survivor', batchOf([{ value }], { producerId, producerEpoch: 0, baseSequence: sequence })).then(
            ({ errorCode, baseOffset }) => {
              if (errorCode === 0) acknowledged[baseOffset] = value;
            },
            () => undefined,
          ),
        );
        sequence += 1;
        if (sequence === killAt) {
          await sends[sends.length - 10];
          void broker.end('SIGKILL');
        }
      }
      await Promise.all(sends);
      client.close();
      if (round % 2 === 1) {
        const log = path.join(folder.path, 'survivor-0', readdirSync(path.join(folder.path, 'survivor-0')).find((it) => it.endsWith('.log')) ?? '');
        appendFileSync(log, Buffer.from([0, 0, 0, 0, 0, 0, 9, 9, 0, 0, 1]));
      }
    }
    const { client } = await start();
    const values: (string | null)[] = [];
    for (;;) {
      const { records, highWatermark } = await client.fetch('survivor', values.length);
      values.push(...valuesIn(records));
      if (values.length >= highWatermark) break;
    }
    expect({ seed, isComplete: values.length >= acknowledged.length }).toEqual({ seed, isComplete: true });
    expect(values).toEqual(values.map((_, i) => `value ${i}`));
    client.close();
  }, 60_000);

  it('knows its topics, configs, groups and producer ids again, and starts clean after SIGTERM', async () => {
    const { broker, client } = await start();
    await client.createTopic('remembered', { partitions: 3, configs: { 'retention.ms': '12345' } });
    const topicId = await client.topicId('remembered');
    const commit = await client.ask(OffsetCommit, 8, {
      groupId: 'readers',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [{ name: 'remembered', partitions: [{ partitionIndex: 1, committedOffset: 0, committedMetadata: 'note' }] }],
    });
    // Nobody has asked for the coordinator yet, so its topic is not there.
    expect(commit.topics[0]?.partitions[0]?.errorCode).toBe(16);
    const first = (await client.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })).producerId;
    client.close();
    await broker.end('SIGKILL');
    const second = await start();
    expect(await second.client.topicId('remembered')).toBe(topicId);
    expect((await second.client.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })).producerId).toBeGreaterThan(first);
    expect(existsSync(path.join(folder.path, '.kafka_cleanshutdown'))).toBe(false);
    second.client.close();
    const startedMs = performance.now();
    expect(await second.broker.end('SIGTERM')).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(5000);
    expect(existsSync(path.join(folder.path, '.kafka_cleanshutdown'))).toBe(true);
  }, 60_000);

  it('finds committed offsets again after SIGKILL', async () => {
    const { broker, client } = await start();
    await client.createTopic('committed');
    const found = await client.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['simple'] });
    expect(found.coordinators).toMatchObject([{ key: 'simple', nodeId: 1, port: broker.port, errorCode: 0 }]);
    const commit = async (offset: number) =>
      (await client.ask(OffsetCommit, 8, { groupId: 'simple', generationIdOrMemberEpoch: -1, memberId: '', topics: [{ name: 'committed', partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: `at ${offset}` }] }] })).topics[0]?.partitions[0]?.errorCode;
    // The shard is loaded in the background.
    while ((await commit(41)) === 14) await new Promise(setImmediate);
    expect(await commit(42)).toBe(0);
    client.close();
    await broker.end('SIGKILL');
    const again = await start();
    for (;;) {
      const [group] = (await again.client.ask(OffsetFetch, 8, { groups: [{ groupId: 'simple', topics: [{ name: 'committed', partitionIndexes: [0] }] }], requireStable: true })).groups;
      if (group?.errorCode === 14) continue;
      expect(group?.topics[0]?.partitions[0]).toMatchObject({ committedOffset: 42, metadata: 'at 42', errorCode: 0 });
      break;
    }
    again.client.close();
  }, 60_000);
});
