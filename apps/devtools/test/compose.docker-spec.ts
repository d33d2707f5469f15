import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { freePort, nothingLost, waitFor, type DatabaseServer } from '@millrace/testkit';
import { ComposeProject, composeMissing } from '../src/images/compose-project.js';
import { buildLocalImages, LOCAL_IMAGES } from '../src/images/local-images.js';

const missing = composeMissing();
const BROKERS = ['broker-1', 'broker-2', 'broker-3'];
const WORKERS = ['worker-1', 'worker-2', 'worker-3'];
const PORTS = ['KAFKA_PORT', 'KAFKA_PORT_2', 'KAFKA_PORT_3', 'CONNECT_PORT', 'CONNECT_PORT_2', 'CONNECT_PORT_3', 'POSTGRES_PORT', 'MONGO_PORT'] as const;
/** The REST interface of one worker stays, as a load balancer's would; every broker has its turn. */
const VICTIMS = ['broker-1', 'worker-2', 'broker-2', 'worker-3', 'broker-3', 'worker-2'];

(missing === undefined ? describe : describe.skip)(`docker-compose.yml${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let project: ComposeProject;
  let ports: Record<(typeof PORTS)[number], number>;

  beforeAll(async () => {
    ports = Object.fromEntries(await Promise.all(PORTS.map(async (it) => [it, await freePort()]))) as typeof ports;
    buildLocalImages(() => undefined);
    const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
    const environment = { ...LOCAL_IMAGES, MILLRACE_IMAGE: 'millrace-local/millrace', NPM_CONFIG_REGISTRY: registry, ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])) };
    project = new ComposeProject({ name: 'millrace-spec', profiles: ['cluster'], environment });
    project.up();
  }, 900_000);

  afterAll(() => project.down(), 120_000);

  it('comes up: every service is healthy, MongoDB is a replica set', async () => {
    await waitFor('all services are healthy', 180_000, async () => [...BROKERS, ...WORKERS].every((it) => project.health(it) === 'healthy'));
    await waitFor('the replica set has a primary', 60_000, async () => project.health('mongo-replica-set') === 'exited');
    expect(project.exitCode('mongo-replica-set')).toBe(0);
  }, 300_000);

  it('loses nothing while brokers and workers are killed under a flow configured by REST', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-compose-'));
    const connection = (database = 'postgres') => ({ host: '127.0.0.1', port: ports.POSTGRES_PORT, user: 'postgres', password: 'postgres', database });
    const postgres: DatabaseServer = { host: 'postgres', port: 5432, user: 'postgres', connection, restart: async () => undefined };
    const lines: string[] = [];
    let turn = 0;
    const container = async (): Promise<void> => {
      const victim = VICTIMS[turn++ % VICTIMS.length]!;
      lines.push(victim);
      project.kill(victim);
      project.start(victim);
      await waitFor(`${victim} is back`, 120_000, async () => project.health(victim) === 'healthy');
    };
    const result = await nothingLost({
      folder, postgres, seed: Date.now() % 100_000, changes: 20_000, changesPerSecond: 1000, kills: VICTIMS.length, withPostgres: false, say: (line) => lines.push(line),
      bootstrap: [ports.KAFKA_PORT, ports.KAFKA_PORT_2, ports.KAFKA_PORT_3].map((it) => `127.0.0.1:${it}`).join(), restUrl: `http://127.0.0.1:${ports.CONNECT_PORT}`, victims: { container },
    });
    expect({ ...result, lines }).toMatchObject({ sink: result.source, topic: { problems: [] } });
    expect(result.topic.changes).toBeGreaterThanOrEqual(20_000);
  }, 900_000);
});
