import { Consumer } from '@millrace/client';
import { freePort, MillraceProcess, repositoryRoot, waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

const GROUP = { 'session.timeout.ms': '2000', 'heartbeat.interval.ms': '300' };
let cluster: Cluster;
let frozen: MillraceProcess | undefined;
let frozenHost = '';

beforeAll(async () => {
  cluster = await Cluster.start({ settings: GROUP });
}, 60_000);
afterAll(async () => {
  await frozen?.kill();
  await cluster.stop();
}, 60_000);

/** A worker in a process of its own, of the cluster's group. */
async function startProcess(): Promise<MillraceProcess> {
  const url = `http://127.0.0.1:${await freePort()}`;
  frozenHost = new URL(url).host;
  return await MillraceProcess.start({
    root: repositoryRoot(),
    app: 'connect',
    folder: cluster.file('frozen'),
    config: { ...cluster.workerConfig(), listeners: url },
    isUp: async () => (await fetch(`${url}/health`).catch(() => undefined))?.status === 200,
  });
}

interface Sent {
  readonly key: string;
  /** Of the worker: a thread's process, or the parent of a task's process. */
  readonly isFrozen: boolean;
  readonly n: number;
}

async function allSent(topic: string, frozenPid: number): Promise<Sent[]> {
  const consumer = new Consumer({ bootstrapServers: cluster.bootstrap });
  const sent: Sent[] = [];
  const partition = { topic, partition: 0 };
  consumer.assign([partition]);
  consumer.seekToBeginning([partition]);
  const [end] = await consumer.endOffsets([partition]);
  while (sent.length < Number(end?.offset ?? 0)) {
    for (const record of await consumer.poll(1000)) {
      const [parent = '', own = '', n = ''] = Buffer.from(record.value ?? new Uint8Array()).toString('utf8').split(' ');
      sent.push({ key: Buffer.from(record.key ?? new Uint8Array()).toString('utf8'), isFrozen: Number(own) === frozenPid || Number(parent) === frozenPid, n: Number(n) });
    }
  }
  await consumer.close();
  return sent;
}

const owners = async (name: string): Promise<string[]> => ((await cluster.status(name)).tasks ?? []).map((it) => `${it.state} ${it.worker_id}`);

describe('a worker that was frozen for longer than its session', () => {
  ownIt.each(['thread', 'process'])(
    'sends nothing more once another runs its tasks, takes no offset back, and joins again (%s)',
    async (isolation) => {
      frozen ??= await startProcess();
      const survivor = new URL(cluster.urls[0] ?? '').host;
      const topic = cluster.name(isolation);
      const name = await cluster.create(isolation, { 'connector.class': 'test.TroubleSourceConnector', 'tasks.max': '2', 'task.isolation': isolation, 'tell.pid': 'true', 'pause.ms': '10', topic });
      await waitFor('each worker runs a task', 60_000, async () => JSON.stringify((await owners(name)).sort()) === JSON.stringify([`RUNNING ${survivor}`, `RUNNING ${frozenHost}`].sort()));
      await waitFor('both have sent', 20_000, async () => new Set((await allSent(topic, frozen?.pid ?? 0)).map((it) => it.isFrozen)).size === 2);

      process.kill(frozen.pid, 'SIGSTOP');
      await waitFor('the other runs both', 60_000, async () => (await owners(name)).every((it) => it === `RUNNING ${survivor}`));
      const moved = (await allSent(topic, frozen.pid)).find((it) => it.isFrozen)?.key ?? '';
      const bySurvivor = async (): Promise<number> => (await allSent(topic, frozen?.pid ?? 0)).filter((it) => it.key === moved && !it.isFrozen).length;
      await waitFor('it has sent what the frozen one would have', 30_000, async () => (await bySurvivor()) > 50);
      process.kill(frozen.pid, 'SIGCONT');
      await waitFor('the frozen one has work again', 60_000, async () => (await owners(name)).includes(`RUNNING ${frozenHost}`) && (await owners(name)).every((it) => it.startsWith('RUNNING')));
      await cluster.settled('PUT', `/connectors/${name}/stop`);
      await cluster.untilStates(name, 'STOPPED', []);

      const sent = (await allSent(topic, frozen.pid)).filter((it) => it.key === moved);
      const taken = sent.findIndex((it) => !it.isFrozen);
      const lastOfFrozen = sent.slice(0, taken).reduce((max, it) => Math.max(max, it.n), 0);
      const tenure = sent.slice(taken);
      // Its own records among those of the survivor's tenure: what was on its way when it froze.
      const late = tenure.filter((it) => it.isFrozen && it.n <= lastOfFrozen + 20 && tenure.indexOf(it) < tenure.map((each) => each.isFrozen).lastIndexOf(false));
      expect(late.length).toBeLessThanOrEqual(1);
      // Nothing is missing, and whoever ran it last began behind what the survivor had stored, not behind what the frozen one would have.
      const numbers = new Set(sent.map((it) => it.n));
      expect(Math.max(...numbers)).toBe(numbers.size);
      let highest = 0;
      let back = 0;
      for (const { n } of tenure) {
        highest = Math.max(highest, n);
        back = Math.max(back, highest - n);
      }
      expect(back).toBeLessThan(60);
      expect((await cluster.settled('GET', '/health')).status).toBe(200);
      await cluster.remove_(name);
    },
    180_000,
  );
});
