import type { Durability } from '../cluster/simulated-cluster.js';
import type { Fault } from '../faults/fault-menu.js';
import type { RunOutcome } from '../run-seed.js';
import type { VoterKind } from '../scenario.js';

/** One seed to run, as it is sent to a process. */
export interface SeedTask {
  readonly seed: number;
  readonly minutes: number;
  readonly nodes: number;
  readonly durability?: Durability;
  readonly faults?: readonly Fault[];
  readonly voters?: VoterKind;
  /** Name of a bug to plant. */
  readonly bug?: string;
}

/** What a process answers. */
export interface SeedResult {
  readonly task: SeedTask;
  readonly outcome: RunOutcome;
  readonly cpuMs: number;
}

/** Of ten neighbouring seeds seven have three brokers, two have one, and one has four, which is where replicas move to brokers that had none. */
export function nodesOf(seed: number): number {
  const last = seed % 10;
  return last === 4 ? 1 : last === 8 ? 1 : last === 9 ? 4 : 3;
}
