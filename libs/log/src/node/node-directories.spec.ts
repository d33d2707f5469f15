import { systemRandom } from '@millrace/platform';
import { FaultyFileSystem, RecordingLogger } from '@millrace/testkit';
import { BrokerConfig } from '../config/broker-config.js';
import { NodeDirectories, type ClosedBy } from './node-directories.js';
import { nodePorts } from './node-ports.js';

const FOLDERS = ['/disk-1/data', '/disk-2/data'];
const HERE = { pid: 1, identity: () => undefined, lockHolder: () => undefined };

/** Each opening is another process on the same disks. */
function node(fileSystem: FaultyFileSystem) {
  for (const folder of FOLDERS) fileSystem.makeFolder(folder);
  const config = new BrokerConfig({ 'node.id': '1', 'log.dirs': FOLDERS.join() });
  const ports = nodePorts({ fileSystem, random: systemRandom });
  return { open: () => NodeDirectories.open({ config, ports, processes: HERE, logger: new RecordingLogger(), onOffline: () => undefined }) };
}

const ended = (brokerEpoch: number): ClosedBy => ({ brokerEpoch, areLogsOpen: true, highWatermarks: () => [] });

describe('the broker epoch that ended in order', () => {
  it('is known to the next process, and to no other', async () => {
    const { open } = node(new FaultyFileSystem());
    const first = await open();
    expect(first.previousBrokerEpoch).toBe(-1);
    await first.close(ended(7));
    const second = await open();
    expect(second.previousBrokerEpoch).toBe(7);
    second.abandon();
    expect((await open()).previousBrokerEpoch).toBe(-1);
  });

  it('needs every log directory: what one of them had not synced may be gone', async () => {
    const disk = new FaultyFileSystem();
    const { open } = node(disk);
    await (await open()).close(ended(7));
    disk.remove('/disk-2/data/.kafka_cleanshutdown');
    const again = await open();
    expect(again.previousBrokerEpoch).toBe(-1);
    await again.close(ended(8));
    expect((await open()).previousBrokerEpoch).toBe(8);
  });

  it('stays that of the process before when one stops in order that was never registered', async () => {
    const { open } = node(new FaultyFileSystem());
    await (await open()).close(ended(7));
    await (await open()).close(ended(-1));
    expect((await open()).previousBrokerEpoch).toBe(7);
  });

  it('is of nobody when a process stops whose logs were to be recovered, and never were opened', async () => {
    const { open } = node(new FaultyFileSystem());
    (await open()).abandon();
    await (await open()).close({ ...ended(7), areLogsOpen: false });
    const again = await open();
    expect(again.all.map((it) => it.hadCleanShutdown)).toEqual([false, false]);
    expect(again.previousBrokerEpoch).toBe(-1);
  });
});
