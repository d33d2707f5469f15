import { Metadata } from '@millrace/protocol';
import { freePort, isListening, RecordingLogger, temporaryFolder, waitFor } from '@millrace/testkit';
import { Broker } from '../src/index.js';
import { RawClient } from './local-broker.js';

describe('a broker that is starting', () => {
  it('names itself to the first client that gets a connection: no client is told of a cluster without brokers', async () => {
    const folder = temporaryFolder('log');
    const port = await freePort();
    const broker = new Broker({ properties: { listeners: `PLAINTEXT://127.0.0.1:${port}`, 'log.dirs': folder.path }, logger: new RecordingLogger() });
    const started = broker.start();
    try {
      await waitFor('it listens', 20_000, () => isListening(port));
      const client = await RawClient.connect(port);
      const { brokers, controllerId } = await client.ask(Metadata, 12, { topics: [] });
      client.close();
      expect(brokers.map((it) => it.nodeId)).toEqual([controllerId]);
    } finally {
      await started;
      await broker.stop();
      folder.remove();
    }
  }, 60_000);
});
