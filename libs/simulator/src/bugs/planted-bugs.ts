import { GroupCoordinator } from '@millrace/coordinator';
import { PartitionMachine, type EpochEnd, type PartitionEffects } from '@millrace/partition';
import { PartitionLog, ProducerStateTable, QuorumStateFile, type PartitionLogOptions } from '@millrace/storage';

/** A fault in the code itself, put in while a simulation runs and taken out behind it: what the checkers must find. */
export interface PlantedBug {
  readonly name: string;
  /** The cluster in which it can do harm. */
  readonly nodes: 1 | 3;
  readonly durability: 'page-cache' | 'flush';
  /** Puts it in; returns what takes it out. */
  readonly plant: () => () => void;
}

type Methods = Record<string, unknown>;

/** Another method in the place of one, on a prototype or a class. `make` is given the real one. */
function replaced(owner: object, name: string, make: (real: (this: unknown, ...args: never[]) => unknown) => unknown): () => void {
  const methods = owner as Methods;
  const real = methods[name];
  if (typeof real !== 'function') throw new Error(`there is no method ${name} to plant a bug in`);
  methods[name] = make(real as (this: unknown, ...args: never[]) => unknown);
  return () => (methods[name] = real);
}

function bug(name: string, cluster: { readonly nodes: 1 | 3; readonly durability: 'page-cache' | 'flush' }, plant: () => () => void): PlantedBug {
  return { name, ...cluster, plant };
}

const ONE_FLUSHING = { nodes: 1, durability: 'flush' } as const;
const ONE = { nodes: 1, durability: 'page-cache' } as const;
const THREE = { nodes: 3, durability: 'page-cache' } as const;

export const PLANTED_BUGS: readonly PlantedBug[] = [
  bug('acknowledge before the flush', ONE_FLUSHING, () => replaced(PartitionLog.prototype, 'flush', () => function (this: PartitionLog): Promise<number> {
    return Promise.resolve(this.logEndOffset);
  })),
  bug('believe every shutdown to have been clean', ONE_FLUSHING, () => replaced(PartitionLog, 'open', (open) => (options: PartitionLogOptions) => Reflect.apply(open, PartitionLog, [{ ...options, hadCleanShutdown: true } as never]))),
  bug('forget producers at a restart', ONE, () => replaced(ProducerStateTable.prototype, 'load', () => function (this: ProducerStateTable): void {
    this.clear();
  })),
  bug('remember only the last batch of a producer over a restart', ONE, () => replaced(ProducerStateTable.prototype, 'load', (load) => function (this: ProducerStateTable, states: { batches: unknown[] }[], nowMs: number): void {
    Reflect.apply(load, this, [states.map((it) => ({ ...it, batches: it.batches.slice(-1) })), nowMs] as never);
  })),
  bug('lose the commits of a group when it is loaded', ONE, () => replaced(GroupCoordinator.prototype, 'loaded', (loaded) => function (this: GroupCoordinator, nowMs: number): void {
    Reflect.apply(loaded, this, [nowMs] as never);
    this.committedOffsets['byGroup']?.clear();
  })),
  bug('serve past the high watermark', THREE, () => replaced(PartitionMachine.prototype, 'readableEnd', () => function (this: PartitionMachine): number {
    return this.logEndOffset;
  })),
  bug('acknowledge before the in-sync replicas have it', THREE, () => replaced(PartitionMachine.prototype, 'appendStatus', (status) => function (this: PartitionMachine, ...args: never[]): unknown {
    const real = Reflect.apply(status, this, args);
    return real === 'pending' ? 'complete' : real;
  })),
  bug('truncate to the high watermark', THREE, () => replaced(PartitionMachine.prototype, 'diverged', (diverged) => function (this: PartitionMachine, leaderEnd: EpochEnd): PartitionEffects {
    const effects = Reflect.apply(diverged, this, [leaderEnd] as never) as PartitionEffects;
    return { ...effects, truncateTo: this.highWatermark };
  })),
  bug('do not truncate what diverged', THREE, () => replaced(PartitionMachine.prototype, 'diverged', () => function (this: PartitionMachine): PartitionEffects {
    return { assignEpoch: null, truncateTo: this.logEndOffset, proposeIsr: null, highWatermarkAdvancedTo: null, wake: { followers: false, consumers: false, producers: false, deletions: false } };
  })),
  bug('ignore the epoch of a fetch', THREE, () => replaced(PartitionMachine.prototype, 'fetchDecision', (decide) => function (this: PartitionMachine, question: object): unknown {
    return Reflect.apply(decide, this, [{ ...question, currentLeaderEpoch: -1, lastFetchedEpoch: -1 }] as never);
  })),
  bug('shrink the in-sync replicas without the controller', THREE, () => replaced(PartitionMachine.prototype, 'tick', (tick) => function (this: PartitionMachine, nowMs: number): unknown {
    const effects = Reflect.apply(tick, this, [nowMs] as never);
    if (this.isr.pending?.kind === 'shrink') this.isr.commit(this.isr.pending.proposal.isr.map((it) => it.brokerId));
    return effects;
  })),
  bug('take the high watermark from the leader alone', THREE, () => replaced(PartitionMachine.prototype, 'advanceHighWatermark', (advance) => function (this: PartitionMachine, ...args: never[]): unknown {
    const { maximal } = this.isr;
    this.isr.maximal = this.isr.maximal.slice(0, 0);
    const effects = Reflect.apply(advance, this, args);
    this.isr.maximal = maximal;
    return effects;
  })),
  bug('forget the vote at a restart', THREE, () => replaced(QuorumStateFile.prototype, 'read', () => () => undefined)),
];
