import { GroupCoordinator } from '@millrace/coordinator';
import { Controller } from '@millrace/metadata';
import { ProtocolServer } from '@millrace/network';
import { PartitionMachine, type EpochEnd, type PartitionAssignment, type PartitionEffects } from '@millrace/partition';
import type { AlterPartitionRequest } from '@millrace/protocol';
import { RaftMachine, type RaftRequest } from '@millrace/raft';
import { PartitionLog, ProducerStateTable, QuorumStateFile, type PartitionLogOptions } from '@millrace/storage';

/** As a breach says it: the number of an invariant, or what else was expected. */
type Finding = number | 'everything can be read within 120 s' | 'the cluster recovers within 120 s';

/** A fault in the code itself, put in while a simulation runs and taken out behind it: what the checkers must find. */
export interface PlantedBug {
  readonly name: string;
  /** The cluster in which it can do harm. */
  readonly nodes: 1 | 3 | 4;
  readonly durability: 'page-cache' | 'flush';
  /** Left out: the seed decides. */
  readonly voters?: 'dynamic';
  /** What it breaks first: one of these. */
  readonly breaks: readonly Finding[];
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

const NOTHING: PartitionEffects = { assignEpoch: null, truncateTo: null, proposeIsr: null, highWatermarkAdvancedTo: null, wake: { followers: false, consumers: false, producers: false, deletions: false } };

function both(first: () => void, second: () => void): () => void {
  return () => {
    first();
    second();
  };
}

const ONE_FLUSHING = { nodes: 1, durability: 'flush' } as const;
const ONE = { nodes: 1, durability: 'page-cache' } as const;
/** Where a leader that is told of another syncs its log before it takes that up. */
const THREE_FLUSHING = { nodes: 3, durability: 'flush' } as const;
const THREE = { nodes: 3, durability: 'page-cache' } as const;
/** Where replicas move away from a leader that stays, which begins another epoch. */
const FOUR = { nodes: 4, durability: 'page-cache' } as const;
const THREE_CHANGING = { ...THREE, voters: 'dynamic' } as const;

function bug(name: string, cluster: Pick<PlantedBug, 'nodes' | 'durability' | 'voters'>, breaks: Finding | readonly Finding[], plant: () => () => void): PlantedBug {
  return { name, ...cluster, breaks: [breaks].flat(), plant };
}

interface ConnectionInside {
  mayBegin: (frame: Uint8Array) => boolean;
  run: (frame: Uint8Array) => void;
  readonly handle: (frame: Uint8Array) => unknown;
  readonly settle: (outcome: unknown) => void;
}

const OF_ONE_BROKER: readonly PlantedBug[] = [
  bug('acknowledge before the flush', ONE_FLUSHING, 7, () => replaced(PartitionLog.prototype, 'flush', () => function (this: PartitionLog): Promise<number> {
    return Promise.resolve(this.logEndOffset);
  })),
  bug('believe every shutdown to have been clean', ONE_FLUSHING, [26, 'everything can be read within 120 s'], () => replaced(PartitionLog, 'open', (open) => (options: PartitionLogOptions) => Reflect.apply(open, PartitionLog, [{ ...options, hadCleanShutdown: true, recoveryPoint: Number.MAX_SAFE_INTEGER } as never]))),
  bug('forget producers at a restart', ONE, 18, () => replaced(ProducerStateTable.prototype, 'load', () => function (this: ProducerStateTable): void {
    this.clear();
  })),
  bug('remember only the last batch of a producer over a restart', ONE, 18, () => replaced(ProducerStateTable.prototype, 'load', (load) => function (this: ProducerStateTable, states: { batches: unknown[] }[], nowMs: number): void {
    Reflect.apply(load, this, [states.map((it) => ({ ...it, batches: it.batches.slice(-1) })), nowMs] as never);
  })),
  bug('lose the commits of a group at a restart', ONE, 24, plantLostCommits),
  bug('answer first what is ready first', ONE, 27, () => replaced(ProtocolServer.prototype, 'accept', (accept) => function (this: ProtocolServer, ...args: never[]): void {
    Reflect.apply(accept, this, args);
    const connection = [...(this['connections'] as unknown as ReadonlySet<ConnectionInside>)].at(-1);
    if (connection === undefined) return;
    connection.mayBegin = () => true;
    connection.run = (frame) => {
      const outcome = connection.handle(frame);
      if (outcome instanceof Promise) outcome.then((it) => connection.settle(it), () => undefined);
      else connection.settle(outcome);
    };
  })),
];

const OF_REPLICATION: readonly PlantedBug[] = [
  bug('lose the commits of a group at fail-over', THREE, 24, plantLostCommits),
  bug('tell of commits that could still be lost', THREE, 24, () => replaced(GroupCoordinator.prototype, 'committedTo', (committedTo) => function (this: GroupCoordinator): void {
    Reflect.apply(committedTo, this, [Number.MAX_SAFE_INTEGER] as never);
  })),
  bug('serve past the high watermark', THREE, 1, () => replaced(PartitionMachine.prototype, 'readableEnd', () => function (this: PartitionMachine): number {
    return this.logEndOffset;
  })),
  bug('acknowledge before the in-sync replicas have it', THREE, 4, () => replaced(PartitionMachine.prototype, 'appendStatus', (status) => function (this: PartitionMachine, ...args: never[]): unknown {
    const real = Reflect.apply(status, this, args);
    return real === 'pending' ? 'complete' : real;
  })),
  bug('acknowledge with too few in sync', THREE, 4, () => replaced(PartitionMachine.prototype, 'effectiveMinIsr', () => () => 1)),
  bug('take the high watermark from the leader alone', THREE, 12, () => replaced(PartitionMachine.prototype, 'advanceHighWatermark', (advance) => function (this: PartitionMachine, ...args: never[]): unknown {
    const { maximal } = this.isr;
    this.isr.maximal = this.isr.maximal.slice(0, 0);
    const effects = Reflect.apply(advance, this, args);
    this.isr.maximal = maximal;
    return effects;
  })),
  bug('ignore the epoch of a fetch', FOUR, 9, () => replaced(PartitionMachine.prototype, 'fetchDecision', (decide) => function (this: PartitionMachine, question: object): unknown {
    return Reflect.apply(decide, this, [{ ...question, currentLeaderEpoch: -1 }] as never);
  })),
  bug('ignore the epoch of the last record that a fetch names', THREE, [7, 12, 'the cluster recovers within 120 s'], () => replaced(PartitionMachine.prototype, 'fetchDecision', (decide) => function (this: PartitionMachine, question: object): unknown {
    return Reflect.apply(decide, this, [{ ...question, lastFetchedEpoch: -1 }] as never);
  })),
  bug('go on to lead when another was elected', THREE, 9, () =>
    both(
      replaced(PartitionMachine.prototype, 'superseded', () => () => undefined),
      replaced(PartitionMachine.prototype, 'assigned', (assigned) => function (this: PartitionMachine, assignment: PartitionAssignment, nowMs: number): unknown {
        if (this.role !== 'leader' || assignment.leader === this.leader || assignment.leader < 0) return Reflect.apply(assigned, this, [assignment, nowMs] as never);
        return NOTHING;
      }),
    )),
  bug('superseded is not heard', THREE_FLUSHING, 9, () => replaced(PartitionMachine.prototype, 'superseded', () => () => undefined)),
  bug('truncate to the high watermark', THREE, 13, () => replaced(PartitionMachine.prototype, 'diverged', (diverged) => function (this: PartitionMachine, leaderEnd: EpochEnd): PartitionEffects {
    const effects = Reflect.apply(diverged, this, [leaderEnd] as never) as PartitionEffects;
    return { ...effects, truncateTo: this.highWatermark };
  })),
  bug('do not truncate what diverged', THREE, 'the cluster recovers within 120 s', () => replaced(PartitionMachine.prototype, 'diverged', () => function (this: PartitionMachine): PartitionEffects {
    return { ...NOTHING, truncateTo: this.logEndOffset };
  })),
  bug('shrink the in-sync replicas without the controller', THREE, 11, () => replaced(PartitionMachine.prototype, 'tick', (tick) => function (this: PartitionMachine, nowMs: number): unknown {
    const effects = Reflect.apply(tick, this, [nowMs] as never);
    if (this.isr.pending?.kind === 'shrink') this.isr.commit(this.isr.pending.proposal.isr.map((it) => it.brokerId));
    return effects;
  })),
];

const OF_CONTROLLERS: readonly PlantedBug[] = [
  bug('take a stale proposal of in-sync replicas', THREE, 11, () => replaced(Controller.prototype, 'alterPartition', (alter) => function (this: Controller, request: AlterPartitionRequest): unknown {
    const topics = request.topics.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((it) => ({ ...it, partitionEpoch: this.image.topicById(topic.topicId)?.partitions[it.partitionIndex]?.partitionEpoch ?? it.partitionEpoch })),
    }));
    return Reflect.apply(alter, this, [{ ...request, topics }] as never);
  })),
  bug('let brokers in sync that are fenced or shut down', THREE, 10, () =>
    both(
      replaced(PartitionMachine.prototype, 'followerFetched', (fetched) => function (this: PartitionMachine, fetch: object, logEndOffset: number): unknown {
        return Reflect.apply(fetched, this, [{ ...fetch, isEligible: true }, logEndOffset] as never);
      }),
      replaced(Controller.prototype, 'alterPartition', (alter) => function (this: Controller, ...args: never[]): unknown {
        const { image } = this;
        const put = replaced(image, 'broker', (broker) => (id: number) => {
          const real = Reflect.apply(broker, image, [id] as never) as object | undefined;
          return real === undefined ? undefined : { ...real, isFenced: false, isShuttingDown: false };
        });
        try {
          return Reflect.apply(alter, this, args);
        } finally {
          put();
        }
      }),
    )),
  bug('vote twice in an epoch', THREE, 15, () => replaced(RaftMachine.prototype, 'request', (request) => function (this: RaftMachine, id: number, asked: RaftRequest, nowMs: number): unknown {
    const { state } = this['core'] as unknown as { readonly state: { readonly role: string; votedKey: unknown } };
    if (asked.api === 'vote' && !asked.preVote && (state.role === 'unattached' || state.role === 'prospective')) state.votedKey = null;
    return Reflect.apply(request, this, [id, asked, nowMs] as never);
  })),
  bug('forget the vote at a restart', THREE, 15, () => replaced(QuorumStateFile.prototype, 'read', () => () => undefined)),
  bug('answer a vote before it is durable', THREE, 15, () => replaced(QuorumStateFile.prototype, 'write', (write) => function (this: QuorumStateFile, ...args: never[]): Promise<void> {
    (Reflect.apply(write, this, args) as Promise<void>).catch(() => undefined);
    return Promise.resolve();
  })),
];

/** What the bugs of voter changes touch inside of a machine. */
interface QuorumCore {
  readonly state: { readonly role: string; pendingChange: unknown; readonly progress: { setVoters(voters: unknown, nowMs: number): void } };
  readonly control: { readonly voters: unknown };
  newElection: () => object;
}

const coreOf = (machine: RaftMachine): QuorumCore => machine['core'] as unknown as QuorumCore;

const OF_VOTER_CHANGES: readonly PlantedBug[] = [
  bug('change the voters while a change is not committed', THREE_CHANGING, 17, () => replaced(RaftMachine.prototype, 'request', (request) => function (this: RaftMachine, ...args: readonly [number, RaftRequest, number]): unknown {
    const { state, control } = coreOf(this);
    if (args[1].api !== 'addRaftVoter' && args[1].api !== 'removeRaftVoter') return Reflect.apply(request, this, args as never);
    if (state.role === 'leader') state.pendingChange = null;
    Object.defineProperty(control, 'votersOffset', { configurable: true, get: () => -1 });
    try {
      return Reflect.apply(request, this, args as never);
    } finally {
      Reflect.deleteProperty(control, 'votersOffset');
    }
  })),
  bug('count the voters from before a change', THREE_CHANGING, 17, () => both(replaced(RaftMachine.prototype, 'request', countingFormerVoters), replaced(RaftMachine.prototype, 'response', countingFormerVoters))),
  bug('lead with the votes of half of the voters', THREE_CHANGING, 17, () => replaced(RaftMachine.prototype, 'start', (start) => function (this: RaftMachine, ...args: never[]): unknown {
    const core = coreOf(this);
    const real = core.newElection.bind(core);
    core.newElection = () => {
      const election = real() as { majority: number };
      election.majority = Math.max(1, election.majority - 1);
      return election;
    };
    return Reflect.apply(start, this, args);
  })),
  bug('write the voters from before a change into a snapshot', THREE_CHANGING, 17, () => {
    const firstTold = new WeakMap<RaftMachine, unknown>();
    return replaced(RaftMachine.prototype, 'controlStateAt', (real) => function (this: RaftMachine, ...args: never[]): unknown {
      const state = Reflect.apply(real, this, args) as { readonly voters: unknown };
      const voters = firstTold.get(this) ?? state.voters;
      firstTold.set(this, voters);
      return { ...state, voters };
    });
  }),
];

/** One cluster's bugs after another's. */
export const PLANTED_BUGS: readonly PlantedBug[] = [...OF_ONE_BROKER, ...OF_REPLICATION, ...OF_CONTROLLERS, ...OF_VOTER_CHANGES];

function countingFormerVoters(real: (this: unknown, ...args: never[]) => unknown) {
  return function (this: RaftMachine, ...args: never[]): unknown {
    const core = coreOf(this);
    const former = core.control.voters;
    const wasLeader = core.state.role === 'leader';
    const effects = Reflect.apply(real, this, args);
    if (wasLeader && core.state.role === 'leader' && core.control.voters !== former) core.state.progress.setVoters(former, args.at(-1) as unknown as number);
    return effects;
  };
}

function plantLostCommits(): () => void {
  return replaced(GroupCoordinator.prototype, 'loaded', (loaded) => function (this: GroupCoordinator, nowMs: number): void {
    Reflect.apply(loaded, this, [nowMs] as never);
    this.committedOffsets['byGroup']?.clear();
  });
}
