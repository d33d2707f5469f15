import { ListOffsets } from '@millrace/protocol';
import { FaultyFileSystem, waitFor } from '@millrace/testkit';
import { batchOf, type RawClient } from './local-broker.js';
import { ReplicatedBrokers } from './replicated-brokers.js';

const TOPIC = 'table';
/** A pass over a segment of 1 MiB would last a quarter of an hour. */
const SLOW_CLEANER = { 'log.cleaner.backoff.ms': '50', 'log.cleaner.io.max.bytes.per.second': '2000' };
const COMPACT = { 'cleanup.policy': 'compact', 'segment.bytes': '1048576', 'min.cleanable.dirty.ratio': '0.01' };
const CUT = 'the log parts from the leader\'s and is cut to where they agree';

let cluster: ReplicatedBrokers | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

function batch(...values: string[]): Uint8Array {
  return batchOf(values.map((value, i) => ({ key: `key-${i}`, value })));
}

async function endOf(client: RawClient): Promise<number> {
  const response = await client.ask(ListOffsets, 7, { replicaId: -2, isolationLevel: 0, topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, timestamp: -1 }] }] });
  return response.topics[0]?.partitions[0]?.offset ?? -1;
}

/** Broker 2, with a disk of ours, leads a log whose first segment it is about to clean: the checkpoint before it waits until `release`. */
async function cleaningPrepared(): Promise<{ brokers: ReplicatedBrokers; release: () => void }> {
  const disk = new FaultyFileSystem();
  const brokers = (cluster = ReplicatedBrokers.empty());
  brokers.disks.set(2, disk);
  await brokers.startBroker(1);
  await brokers.startBroker(2, SLOW_CLEANER);
  let release = (): void => undefined;
  let isHeld = false;
  const until = new Promise<void>((resolve) => (release = resolve));
  disk.inject = (call) => {
    if (!call.isAsync || !call.path.includes('recovery-point-offset-checkpoint')) return undefined;
    isHeld = true;
    return { kind: 'delay', until };
  };
  await brokers.createTopic(TOPIC, { replicas: [[2, 1]], configs: COMPACT });
  const leader = await brokers.client(2);
  for (let i = 0; i < 12; i++) expect((await leader.produce(TOPIC, batch(...Array.from({ length: 100 }, (_, at) => `${i}/${at}`.padEnd(1000, '.'))), { acks: -1 })).errorCode).toBe(0);
  await waitFor('a cleaning is being prepared', 10_000, () => Promise.resolve(isHeld));
  return { brokers, release };
}

describe('a cleaning that is called off while it is being prepared', () => {
  it('does not hold up the cut that called it off, nor what follows the cut', async () => {
    const { brokers, release } = await cleaningPrepared();
    const second = brokers.broker(2);
    second.isolate();
    brokers.fence(2);
    await brokers.settled();
    const [old, now] = [await brokers.client(2), await brokers.client(1)];
    expect((await old.produce(TOPIC, batch('alone', 'alone'), { acks: 1 })).errorCode).toBe(0);
    expect((await now.produce(TOPIC, batch('later'), { acks: 1 })).errorCode).toBe(0);
    expect([await endOf(old), await endOf(now)]).toEqual([1202, 1201]);
    second.rejoin();
    await waitFor('broker 2 is told to cut its log', 10_000, () => Promise.resolve(second.logger.lines.some((it) => it.message === CUT)));
    release();
    await waitFor('broker 2 has the log of the leader', 5000, async () => (await endOf(old)) === 1201);
  }, 40_000);

  it('does not hold up a broker that stops', async () => {
    const { brokers, release } = await cleaningPrepared();
    let isStopped = false;
    const stopping = brokers.broker(2).end('stop').then(() => (isStopped = true));
    release();
    await waitFor('broker 2 has stopped', 5000, () => Promise.resolve(isStopped));
    await stopping;
  }, 40_000);
});
