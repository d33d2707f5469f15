import { FAULTS } from './fault-menu.js';
import { LossPromise, type MachineAtRisk } from './loss-promise.js';

function cluster(durability: 'page-cache' | 'flush', minInsyncReplicas = 2) {
  const machines = [1, 2, 3].map(() => ({ disk: { isTroubled: false } })) as [Machine, Machine, Machine];
  const state = { isAllInSync: true };
  const promise = new LossPromise({ durability, minInsyncReplicas, machines, isAllInSync: () => state.isAllInSync });
  const permitted = (machine: MachineAtRisk): string[] => FAULTS.filter((it) => promise.permits(it, machine));
  return { machines, state, promise, permitted };
}

interface Machine {
  readonly disk: { isTroubled: boolean };
}

const UNCLEAN = ['kill', 'power loss', 'kill at a write', 'disk full', 'disk error', 'kill at a vote'];

describe('what may fail while a machine lacks what it had not synced', () => {
  it('nothing that ends another broker without an orderly stop, until all are in sync', () => {
    const { machines: [first, second], state, promise, permitted } = cluster('page-cache');
    expect(permitted(second)).toEqual(FAULTS);
    promise.lostPower(first);
    state.isAllInSync = false;
    expect(FAULTS.filter((it) => !permitted(second).includes(it))).toEqual(UNCLEAN);
    expect(FAULTS.filter((it) => !permitted(first).includes(it))).toEqual(['power loss']);
    state.isAllInSync = true;
    expect(permitted(second)).toEqual(FAULTS);
  });

  it('no loss of power while the disk of another machine may yet fail its broker', () => {
    const { machines: [first, second], promise } = cluster('page-cache');
    second.disk.isTroubled = true;
    expect(promise.permits('power loss', first)).toBe(false);
    expect(promise.permits('power loss', second)).toBe(true);
  });

  it('no loss of power where one replica may have acknowledged alone; any where each record is flushed', () => {
    const alone = cluster('page-cache', 1);
    expect(alone.promise.permits('power loss', alone.machines[0])).toBe(false);
    const flushing = cluster('flush', 1);
    flushing.promise.lostPower(flushing.machines[0]);
    flushing.state.isAllInSync = false;
    expect(flushing.permitted(flushing.machines[1])).toEqual(FAULTS);
  });
});
