import path from 'node:path';
import { freePort, isListening, MillraceProcess, repositoryRoot } from '@millrace/testkit';

/** A broker of ours on a free port. */
export async function startBroker(folder: string): Promise<{ address: string; process: MillraceProcess }> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const process = await MillraceProcess.start({
    root: repositoryRoot(),
    app: 'broker',
    folder,
    config: { 'node.id': '1', listeners: `PLAINTEXT://${address}`, 'log.dirs': path.join(folder, 'data'), 'group.initial.rebalance.delay.ms': '0' },
    isUp: () => isListening(port),
  });
  return { address, process };
}
