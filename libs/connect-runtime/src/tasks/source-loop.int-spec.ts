import { SourceTask, type SourceRecord } from '@millrace/connect-api';
import { HOST, LOGGER, scriptedSpec } from '../../test/scripted-task.js';
import { SourceLoop } from './source-loop.js';

class OneRecord extends SourceTask {
  isStopped = false;
  private announce: () => void = () => undefined;
  readonly polled = new Promise<void>((resolve) => (this.announce = resolve));

  start(): void {}

  poll(): Promise<readonly SourceRecord[]> {
    this.announce();
    return Promise.resolve([{ topic: 'out', keySchema: null, key: null, valueSchema: null, value: new Uint8Array(1), sourcePartition: { a: 1 }, sourceOffset: { n: 1 } }]);
  }

  stop(): void {
    this.isStopped = true;
  }
}

describe('SourceLoop', () => {
  it('stops in order while nothing can be written', async () => {
    const task = new OneRecord();
    // Nobody listens at port 1: the topic never becomes known.
    const loop = new SourceLoop(scriptedSpec(task, { type: 'source', clientConfig: { 'bootstrap.servers': '127.0.0.1:1' } }), HOST, LOGGER);
    const ended = loop.run();
    await task.polled;
    await new Promise((resolve) => setImmediate(resolve));
    loop.requestStop();
    await ended;
    expect(task.isStopped).toBe(true);
  }, 5000);
});
