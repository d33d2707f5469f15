import fc from 'fast-check';
import { placeReplicas } from '../src/controller/placement.js';
import type { BrokerRegistration } from '../src/index.js';

function broker(brokerId: number, rack: string | null, isFenced = false): BrokerRegistration {
  return { brokerId, epoch: 0, incarnationId: 'x', endpoints: [], features: [], rack, isFenced, isShuttingDown: false, logDirs: [], cordonedLogDirs: null };
}
const random = { bytes: (length: number) => new Uint8Array(length), integer: () => 0 };

describe('placing replicas', () => {
  it('is even, and spreads over racks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 100 }), (racks, perRack, wanted, firstPartition) => {
        const brokers = Array.from({ length: racks * perRack }, (_, i) => broker(i, `r${i % racks}`));
        const replicationFactor = Math.min(wanted, brokers.length);
        const partitions = brokers.length * 6;
        const placed = placeReplicas(brokers, { partitions, replicationFactor, firstPartition }, random);
        const leads = new Map<number, number>();
        const holds = new Map<number, number>();
        for (const replicas of placed) {
          expect(new Set(replicas).size).toBe(replicationFactor);
          // As many racks as there can be.
          expect(new Set(replicas.map((id) => id % racks)).size).toBe(Math.min(racks, replicationFactor));
          leads.set(replicas[0] ?? -1, (leads.get(replicas[0] ?? -1) ?? 0) + 1);
          for (const id of replicas) holds.set(id, (holds.get(id) ?? 0) + 1);
        }
        expect([...leads.values()]).toEqual(brokers.map(() => 6));
        const average = (partitions * replicationFactor) / brokers.length;
        for (const count of holds.values()) expect(Math.abs(count - average)).toBeLessThanOrEqual(average);
      }),
    );
  });

  it('counts on a broker that has stopped in order, as Kafka does, but not on one that is about to', () => {
    const place = (third: Partial<BrokerRegistration>): unknown => placeReplicas([broker(1, null), broker(2, null), { ...broker(3, null), ...third }], { partitions: 1, replicationFactor: 3, firstPartition: 0 }, random);
    expect(place({ isFenced: true, isShuttingDown: true })).toEqual([[1, 2, 3]]);
    expect(() => place({ isShuttingDown: true })).toThrow('only 2 broker(s)');
  });

  it('lets a fenced broker follow when there is no other, and never lead', () => {
    const brokers = [broker(1, null), broker(2, null, true), broker(3, null)];
    expect(placeReplicas(brokers, { partitions: 3, replicationFactor: 3, firstPartition: 0 }, random)).toEqual([
      [1, 3, 2],
      [3, 1, 2],
      [1, 3, 2],
    ]);
    expect(placeReplicas(brokers, { partitions: 2, replicationFactor: 2, firstPartition: 0 }, random)).toEqual([
      [1, 3],
      [3, 1],
    ]);
  });
});
