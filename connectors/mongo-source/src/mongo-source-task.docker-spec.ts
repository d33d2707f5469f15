import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';

const IMAGE = process.env.MONGO_IMAGE ?? 'mongo:7.0';
const hasDocker = spawnSync('docker', ['info'], { timeout: 10_000 }).status === 0;

/** The task's suite on a real replica set of one node. Skipped where no Docker daemon answers; with MONGO_URL set, run that suite itself instead. */
(hasDocker ? describe : describe.skip)(`the task on ${IMAGE}${hasDocker ? '' : ' (skipped: no Docker daemon answers)'}`, () => {
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
