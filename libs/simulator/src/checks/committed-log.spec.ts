import { World } from '../world.js';
import { CommittedLog } from './committed-log.js';
import type { ObservedBatch } from './log-observer.js';

const batch = (baseOffset: number, lastOffset: number, crc = baseOffset): ObservedBatch => ({ baseOffset, lastOffset, leaderEpoch: 1, crc }) as ObservedBatch;

describe('a log that begins behind a snapshot', () => {
  const breaches = (first: ObservedBatch): number => {
    const world = new World(1);
    const committed = new CommittedLog(world, '__cluster_metadata-0');
    const whole = [batch(0, 9)];
    const late = [first];
    committed.compare('a', whole, 10);
    committed.compare('b', late, 20);
    whole.push(batch(10, 19), batch(20, 29));
    committed.compare('a', whole, 30);
    committed.compare('b', late, 30);
    return world.breaches.length;
  };

  it('is compared from there, also when what is before it becomes known later', () => {
    expect(breaches(batch(20, 29))).toBe(0);
  });

  it('must have what was committed there', () => {
    expect(breaches(batch(20, 29, 7))).toBe(1);
  });
});
