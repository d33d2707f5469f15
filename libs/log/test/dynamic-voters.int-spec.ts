import { writeFileSync } from 'node:fs';
import { ZERO_UUID } from '@millrace/foundation';
import { peersMissing, runPeerTool, temporaryFolder, waitFor, type PeerTool } from '@millrace/testkit';
import { QuorumCluster } from './quorum-cluster.js';

const missing = peersMissing();
if (missing !== undefined) console.warn(`Apache Kafka's tools do not change our voters: ${missing}`);

const PATIENT = { 'broker.session.timeout.ms': '9000', 'controller.quorum.fetch.timeout.ms': '2000', 'controller.quorum.election.timeout.ms': '1000' };

(missing === undefined ? describe : describe.skip)('the voters of a running cluster, changed by the tools of Apache Kafka', () => {
  const scratch = temporaryFolder('dynamic-voters');
  let cluster: QuorumCluster;
  beforeAll(async () => {
    cluster = await QuorumCluster.start({ 1: 'broker,controller', 2: 'broker,controller', 3: 'controller' }, PATIENT);
  }, 60_000);
  afterAll(async () => {
    await cluster?.stop();
    scratch.remove();
  }, 60_000);

  const server = (): string[] => ['--bootstrap-server', `127.0.0.1:${cluster.portOf(1)}`];
  const controller = (id: number): string[] => ['--bootstrap-controller', `127.0.0.1:${cluster.controllerPortOf(id)}`];
  async function run(tool: PeerTool, ...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await runPeerTool(tool, args, { input: '', timeoutMs: 120_000 });
    if (status !== 0) throw new Error(`${tool} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  }
  async function voters(): Promise<{ readonly id: number; readonly directory: string }[]> {
    const { currentVoters } = await cluster.quorum(1);
    return currentVoters.map((it) => ({ id: it.replicaId, directory: it.replicaDirectoryId })).sort((a, b) => a.id - b.id);
  }
  const untilVoters = (ids: readonly number[]): Promise<void> => waitFor(`the voters are ${ids.join()}`, 30_000, async () => (await voters()).map((it) => it.id).join() === ids.join());
  const create = (name: string): Promise<void> => cluster.createTopic(2, name, { partitions: 1, replicas: 2 });

  it('are static, until kraft.version is raised', async () => {
    expect((await voters()).map((it) => it.directory)).toEqual([ZERO_UUID, ZERO_UUID, ZERO_UUID]);
    await expect(run('kafka-features', ...server(), 'upgrade', '--feature', 'kraft.version=2')).rejects.toThrow(/kraft\.version/);
    expect(await run('kafka-features', ...server(), 'describe')).toMatch(/kraft\.version\s.*FinalizedVersionLevel: 0/);
    await waitFor('all voters have told of themselves', 30_000, async () => (await runPeerTool('kafka-features', [...server(), 'upgrade', '--feature', 'kraft.version=1', '--dry-run'], { input: '' })).status === 0);
    expect(await run('kafka-features', ...server(), 'upgrade', '--feature', 'kraft.version=1')).toContain('kraft.version was upgraded to 1');
    for (const where of [server(), controller(3)]) expect(await run('kafka-features', ...where, 'describe')).toMatch(/kraft\.version\s.*FinalizedVersionLevel: 1/);
    expect((await voters()).filter((it) => it.directory === ZERO_UUID)).toEqual([]);
    await create('with-voters-in-the-log');
  }, 300_000);

  it('survive a restart of all, and of a leader', async () => {
    const before = await voters();
    await Promise.all([1, 2, 3].map((id) => cluster.crash(id)));
    await Promise.all([1, 2, 3].map((id) => cluster.startNode(id)));
    expect(await voters()).toEqual(before);
    await create('after-a-restart');
  }, 60_000);

  it('are removed and added, asked of a broker and of a controller', async () => {
    const third = (await voters()).find((it) => it.id === 3);
    await run('kafka-metadata-quorum', ...controller(1), 'remove-controller', '--controller-id', '3', '--controller-directory-id', third?.directory ?? '');
    await untilVoters([1, 2]);
    expect(await run('kafka-metadata-quorum', ...controller(2), 'describe', '--replication')).toMatch(/^3\s+\S+\s.*Observer/m);
    const file = `${scratch.path}/node-3.properties`;
    writeFileSync(file, Object.entries(cluster.node(3).properties).filter(([key]) => key !== 'controller.quorum.voters').map(([key, value]) => `${key}=${value}\n`).concat(`controller.quorum.bootstrap.servers=127.0.0.1:${cluster.controllerPortOf(1)}\nadvertised.listeners=CONTROLLER://127.0.0.1:${cluster.controllerPortOf(3)}\n`).join(''));
    await run('kafka-metadata-quorum', ...server(), '--command-config', file, 'add-controller');
    await untilVoters([1, 2, 3]);
    // With the new voter, and without one of the old, there is a majority.
    await cluster.stopNode(2);
    await waitFor('there is a leader', 20_000, async () => (await cluster.quorum(1)).leaderId > 0);
    await cluster.startNode(2);
    await create('with-three-again');
  }, 300_000);

  it('with a disk of another id joins by itself, when it may', async () => {
    await cluster.stopNode(3);
    cluster.forget(3);
    await cluster.startNode(3, { 'controller.quorum.auto.join.enable': 'true' });
    const before = await voters();
    await waitFor('its new directory votes', 30_000, async () => {
      const now = await voters();
      return now.length === 3 && now[2]?.directory !== before[2]?.directory;
    });
    await create('after-a-new-disk');
  }, 60_000);
});
