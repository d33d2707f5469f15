import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';

const IMAGE = process.env.MONGO_IMAGE ?? 'mongo:7.0';

/** Why it cannot run here, or undefined: an image that is not there yet is pulled. */
function missing(): string | undefined {
  const works = (args: readonly string[], timeoutMs: number): boolean => spawnSync('docker', args, { timeout: timeoutMs }).status === 0;
  if (!works(['info'], 10_000)) return 'no Docker daemon answers';
  return works(['image', 'inspect', IMAGE], 10_000) || works(['pull', IMAGE], 240_000) ? undefined : `the image ${IMAGE} is not here and cannot be pulled`;
}

const reason = missing();

/** The task's suite on a real replica set of one node. With MONGO_URL set, run that suite itself instead. */
(reason === undefined ? describe : describe.skip)(`the task on ${IMAGE}${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  it('passes the same suite', async () => {
    const { GenericContainer, Wait } = await import('testcontainers');
    const container = await new GenericContainer(IMAGE)
      .withCommand(['--replSet', 'rs0', '--bind_ip_all'])
      .withExposedPorts(27017)
      .withWaitStrategy(Wait.forLogMessage(/Waiting for connections/))
      .start();
    try {
      const address = `${container.getHost()}:${container.getMappedPort(27017)}`;
      await container.exec(['mongosh', '--quiet', '--eval', `rs.initiate({_id: 'rs0', members: [{_id: 0, host: 'localhost:27017'}]}); while (!db.hello().isWritablePrimary) sleep(100)`]);
      const root = path.resolve(__dirname, '../../..');
      const suite = 'connectors/mongo-source/src/mongo-source-task.int-spec.ts';
      // The member's own name is not reachable from here: the connection goes straight to it.
      const env = { ...process.env, MONGO_URL: `mongodb://${address}/?directConnection=true` };
      execFileSync(process.execPath, [path.join(root, 'node_modules/jest/bin/jest.js'), '--config', path.join(root, 'config/tooling/jest.config.cjs'), '--runTestsByPath', path.join(root, suite)], { cwd: root, env, stdio: 'inherit' });
    } finally {
      await container.stop();
    }
  }, 300_000);
});
