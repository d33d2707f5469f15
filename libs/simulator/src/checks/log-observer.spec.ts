import { nodeCodecs } from '@millrace/platform';
import { RecordBatchBuilder } from '@millrace/records';
import { SeededRandom } from '@millrace/testkit';
import { SimulatedDisk } from '../disk/simulated-disk.js';
import { EventLoop } from '../time/event-loop.js';
import { SimulatedProcess, WallClock } from '../time/simulated-process.js';
import { LogObserver } from './log-observer.js';

function batch(value: string): Uint8Array {
  const builder = new RecordBatchBuilder();
  builder.append(null, Buffer.from(value), 0);
  return builder.build({ codecs: nodeCodecs });
}

it('reads whole batches up to the first bytes that are none, whatever a torn write has left', () => {
  const loop = new EventLoop();
  const disk = new SimulatedDisk(new SeededRandom(1));
  const files = disk.mount(new SimulatedProcess(loop, 'broker', 1, new WallClock(loop, 0), 1));
  files.makeFolder('/data/t-0');
  const log = files.open('/data/t-0/00000000000000000000.log', 'exclusive');
  const observer = new LogObserver(disk);
  const whole = batch('a');
  log.append(whole);
  expect(observer.look().get('t-0')).toHaveLength(1);
  const torn = Uint8Array.from(batch('b'));
  // The length, negative.
  torn.set([0xb8, 0, 0, 0], 8);
  log.append(torn);
  expect(observer.look().get('t-0')).toHaveLength(1);
  log.truncate(0);
  log.append(torn);
  expect(observer.look().get('t-0')).toHaveLength(0);
});
