import { TcpGate } from '@millrace/connect-testkit';
import { freePort, waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

const BACKOFF_MS = 2500;
let cluster: Cluster | undefined;
let gate: TcpGate | undefined;
afterAll(async () => {
  gate?.open();
  await cluster?.stop();
  await gate?.close();
}, 60_000);

describe('a worker that cannot read the config topic', () => {
  ownIt('leaves its work to the others, stays away for worker.unsync.backoff.ms each time, and has its share again when it can', async () => {
    const port = await freePort();
    const way = await TcpGate.listen({ host: '127.0.0.1', port });
    gate = way;
    const broker = (bootstrap: string): Record<string, string> => ({
      listeners: `PLAINTEXT://${bootstrap},GATE://127.0.0.1:${port}`,
      'advertised.listeners': `PLAINTEXT://${bootstrap},GATE://127.0.0.1:${way.port}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,GATE:PLAINTEXT',
    });
    const workers = await Cluster.start({ broker });
    cluster = workers;
    // Only what it reads comes through the gate; its place in the group does not.
    const number = await workers.addWorker({ 'consumer.bootstrap.servers': `127.0.0.1:${way.port}`, 'worker.sync.timeout.ms': '400', 'worker.unsync.backoff.ms': String(BACKOFF_MS) });
    const [steady = '', cutOff = ''] = workers.urls.map((it) => new URL(it).host);
    const owners = async (name: string): Promise<string[]> => ((await workers.status(name, 0)).tasks ?? []).map((it) => `${it.state} ${it.worker_id}`).sort();
    const shared = async (name: string): Promise<boolean> => JSON.stringify(await owners(name)) === JSON.stringify([steady, steady, cutOff, cutOff].map((it) => `RUNNING ${it}`).sort());
    const name = await workers.create('shared', { 'connector.class': 'test.TroubleSourceConnector', 'tasks.max': '4', topic: workers.name('shared') });
    await waitFor('both have two tasks', 60_000, () => shared(name));

    way.shut();
    await workers.create('news', { 'connector.class': 'test.TroubleSourceConnector', 'tasks.max': '1', topic: workers.name('news') });
    await waitFor('the other runs all of it', 60_000, async () => (await owners(name)).every((it) => it === `RUNNING ${steady}`));
    const behind = (): string[] => workers.logLines.filter((it) => it.includes('behind on the config topic and cannot catch up'));
    expect(behind()).toHaveLength(1);
    expect(behind()[0]).toContain(`"backoffMs":${BACKOFF_MS}`);
    await new Promise((resolve) => setTimeout(resolve, 2 * BACKOFF_MS));
    expect((await owners(name)).every((it) => it === `RUNNING ${steady}`)).toBe(true);

    way.open();
    const openedMs = performance.now();
    await waitFor('it has a share again', 60_000, async () => (await owners(name)).includes(`RUNNING ${cutOff}`) && (await owners(name)).every((it) => it.startsWith('RUNNING')));
    expect(performance.now() - openedMs).toBeLessThan(4 * BACKOFF_MS + 10_000);
    expect((await workers.request('GET', '/health', { worker: number })).status).toBe(200);
    for (const it of [name, workers.name('news')]) await workers.remove_(it);
  }, 150_000);
});
