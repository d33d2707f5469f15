import { existsSync, readFileSync } from 'node:fs';
import { freePort, MillraceProcess, repositoryRoot, temporaryFolder } from '@millrace/testkit';

describe('a broker process', () => {
  it('that waits for its quorum closes in order at a signal', async () => {
    const folder = temporaryFolder('stop-while-starting');
    const [clients, controllers, elsewhere] = [await freePort(), await freePort(), await freePort()];
    const config = {
      'node.id': '1',
      'process.roles': 'broker,controller',
      'cluster.id': 'StopsWhileItStarts0000',
      listeners: `PLAINTEXT://127.0.0.1:${clients},CONTROLLER://127.0.0.1:${controllers}`,
      'controller.listener.names': 'CONTROLLER',
      'controller.quorum.voters': `1@127.0.0.1:${controllers},2@127.0.0.1:${elsewhere}`,
      'log.dirs': `${folder.path}/data`,
    };
    const broker = await MillraceProcess.start({ root: repositoryRoot(), app: 'broker', folder: folder.path, config, isUp: () => Promise.resolve(existsSync(`${folder.path}/data/__cluster_metadata-0/quorum-state`)) });
    try {
      await broker.stop();
      expect(readFileSync(broker.logFile, 'utf8')).toContain('broker stopped');
    } finally {
      await broker.kill();
      folder.remove();
    }
  }, 60_000);
});
