import type { Durability } from '../cluster/simulated-cluster.js';
import type { Fault } from './fault-menu.js';

/** What the promise looks at in a machine. */
export interface MachineAtRisk {
  readonly disk: {
    /** Something on it may still fail, or has failed in this life of the process: the broker may be about to end without an orderly stop. */
    readonly isTroubled: boolean;
  };
}

export interface LossPromiseOptions {
  readonly durability: Durability;
  readonly minInsyncReplicas: number;
  readonly machines: readonly MachineAtRisk[];
  /** Every broker is up, and every replica has what it had before the last loss of power. */
  readonly isAllInSync: () => boolean;
}

/** Faults after which a broker may end without an orderly stop. A full disk takes no marker of a clean one. */
const UNCLEAN: ReadonlySet<Fault> = new Set<Fault>(['kill', 'kill at a write', 'kill at a vote', 'disk error', 'disk full']);

/**
 * Invariant 3. Without a flush per record a cluster survives the loss of unsynced bytes on one machine, as Kafka's does, and no other broker may end uncleanly until that
 * one has everything again: a controller cannot tell a killed process, or one that gave up on its disk, from a machine that lost power, and takes all of them for replicas
 * that lack something; of replicas that all lack something it can only take the one that led last.
 */
export class LossPromise {
  /** Lost unsynced bytes, and may not have them back yet. */
  private loser: MachineAtRisk | undefined;

  constructor(private readonly options: LossPromiseOptions) {}

  /** Whether what the fault may do to this machine now is still within the promise. */
  permits(fault: Fault, machine: MachineAtRisk): boolean {
    const { durability, minInsyncReplicas, machines, isAllInSync } = this.options;
    if (durability === 'flush') return true;
    if (this.loser !== undefined && isAllInSync()) this.loser = undefined;
    if (fault === 'power loss') return minInsyncReplicas > 1 && isAllInSync() && machines.every((it) => it === machine || !it.disk.isTroubled);
    return !UNCLEAN.has(fault) || this.loser === undefined || this.loser === machine;
  }

  lostPower(machine: MachineAtRisk): void {
    this.loser = machine;
  }
}
