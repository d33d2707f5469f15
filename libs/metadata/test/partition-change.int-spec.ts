import fc from 'fast-check';
import { peersMissing } from '@millrace/testkit';
import { changePartition, type Election, type PartitionGoal } from '../src/controller/partition-change.js';
import { reassignment, revertedReassignment } from '../src/controller/reassignment.js';
import { changed, type PartitionRegistration } from '../src/image/topic-image.js';
import { askKafkaController, withoutKnownDefects } from './kafka-controller.js';

interface Case {
  readonly partition: PartitionRegistration;
  readonly goal: PartitionGoal;
  readonly fit: readonly number[];
  readonly minInSyncReplicas: number;
  readonly hasEligibleReplicas: boolean;
  readonly directoryOfNew: string;
}

const BROKERS = [0, 1, 2, 3, 4, 5];
const DIRECTORIES = ['AAAAAAAAAAAAAAAAAAAAAA', 'q0J7fV6cQ2y0d2eYw2m1bA', 'r0J7fV6cQ2y0d2eYw2m1bA'];
const directory = fc.constantFrom(...DIRECTORIES);
const distinct = (min = 0, max = BROKERS.length): fc.Arbitrary<number[]> => fc.shuffledSubarray(BROKERS, { minLength: min, maxLength: max });

/** A partition as a controller may have left it: sets within the replicas, none in two of them, a leader of those in sync. */
const partitions = (hasEligibleReplicas: boolean): fc.Arbitrary<PartitionRegistration> =>
  distinct(1, 5).chain((replicas) =>
    fc
      .record({
        sets: fc.array(fc.constantFrom('isr', 'isr', 'elr', 'out'), { minLength: replicas.length, maxLength: replicas.length }),
        moves: fc.array(fc.constantFrom('stays', 'stays', 'adding', 'removing'), { minLength: replicas.length, maxLength: replicas.length }),
        isReassigning: fc.boolean(),
        leader: fc.nat(5),
        lastKnown: fc.constantFrom(...replicas),
        hasLastKnown: fc.boolean(),
        directories: fc.array(directory, { minLength: replicas.length, maxLength: replicas.length }),
        isRecovering: fc.boolean(),
        leaderEpoch: fc.nat(9),
        partitionEpoch: fc.nat(9),
      })
      .map((it): PartitionRegistration => {
        const members = (set: string): number[] => replicas.filter((_, i) => it.sets[i] === set);
        const moving = (kind: string): number[] => (it.isReassigning ? replicas.filter((_, i) => it.moves[i] === kind) : []);
        const isr = members('isr').length === 0 && !hasEligibleReplicas ? [replicas[0] ?? 0] : members('isr');
        const leader = [-1, ...isr][it.leader % (isr.length + 1)] ?? -1;
        return {
          partitionId: 0,
          replicas,
          directories: it.directories,
          isr,
          removingReplicas: moving('removing').length < replicas.length ? moving('removing') : [],
          addingReplicas: moving('adding'),
          eligibleLeaderReplicas: hasEligibleReplicas ? members('elr').sort((a, b) => a - b) : [],
          lastKnownElr: hasEligibleReplicas && leader === -1 && it.hasLastKnown ? [it.lastKnown] : [],
          leader,
          isRecovering: it.isRecovering,
          leaderEpoch: it.leaderEpoch,
          partitionEpoch: it.partitionEpoch,
        };
      }),
  );

const goals = (partition: PartitionRegistration): fc.Arbitrary<PartitionGoal> => {
  const election = fc.constantFrom<Election>('online', 'preferred', 'unclean');
  const { isr, replicas, leader } = partition;
  const anySet = fc.shuffledSubarray([...replicas], { minLength: 1 });
  return fc.oneof(
    // A check, a broker that leaves (as it should or not), a proposal of the leader, a reassignment, its cancellation, a directory.
    fc.record({ election }),
    fc.record({ election, isr: fc.constantFrom(...replicas).map((id) => isr.filter((it) => it !== id)) }),
    fc.constantFrom(...replicas).chain((id) => fc.record({ election, isr: fc.constant(isr.filter((it) => it !== id)), uncleanShutdown: fc.constant(id) })),
    fc.record({ election, isr: anySet.map((it) => (leader === -1 || it.includes(leader) ? it : [leader, ...it])), isRecovering: fc.boolean() }),
    distinct(1, 5).map((target) => reassignmentGoal(partition, target)),
    election.map((it) => cancellationGoal(partition, it)),
    fc.record({ election: fc.constant<Election>('online'), directory: fc.record({ brokerId: fc.constantFrom(...replicas), directory }) }),
  );
};

function reassignmentGoal(partition: PartitionRegistration, target: readonly number[]): PartitionGoal {
  const { replicas, addingReplicas, removingReplicas } = reassignment(partition.replicas, target);
  return { election: 'online', replicas, ...(addingReplicas.length > 0 ? { addingReplicas } : {}), ...(removingReplicas.length > 0 ? { removingReplicas } : {}) };
}

function cancellationGoal(partition: PartitionRegistration, election: Election): PartitionGoal {
  const reverted = revertedReassignment(partition, partition.isr);
  return reverted === null ? { election } : { election, isr: reverted.isr, replicas: reverted.replicas, addingReplicas: [], removingReplicas: [] };
}

const cases: fc.Arbitrary<Case> = fc.boolean().chain((hasEligibleReplicas) =>
  partitions(hasEligibleReplicas).chain((partition) =>
    fc.record({
      partition: fc.constant(partition),
      goal: goals(partition).map((goal): PartitionGoal => ({ election: 'online', ...goal })),
      fit: distinct(),
      minInSyncReplicas: fc.integer({ min: 1, max: 4 }),
      hasEligibleReplicas: fc.constant(hasEligibleReplicas),
      directoryOfNew: directory,
    }),
  ),
);

function ours({ partition, goal, fit, minInSyncReplicas, hasEligibleReplicas, directoryOfNew }: Case): unknown {
  const record = changePartition(DIRECTORIES[1] ?? '', partition, goal, { isFit: (id) => fit.includes(id), minInSyncReplicas, hasEligibleReplicas, directoryFor: () => directoryOfNew });
  if (record === null) return null;
  const { partitionId: _, ...after } = changed(partition, record);
  return after;
}

const missing = peersMissing();
(missing === undefined ? describe : describe.skip)(`Apache Kafka's PartitionChangeBuilder${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  it('makes the same of a partition: leader, sets, replicas, epochs', () => {
    const sample = fc.sample(cases, { numRuns: Number(process.env['JUDGE_RUNS'] ?? 10_000), seed: Number(process.env['SEED'] ?? 20261121) });
    const theirs = askKafkaController('change', sample).map(withoutKnownDefects);
    expect(theirs).toHaveLength(sample.length);
    const wrong = sample.flatMap((it, i) => (JSON.stringify(sorted(ours(it))) === JSON.stringify(sorted(theirs[i])) ? [] : [`${JSON.stringify(it)}\n  ours  ${JSON.stringify(ours(it))}\n  kafka ${JSON.stringify(theirs[i])}`]));
    expect(wrong.slice(0, 5).join('\n')).toBe('');
    // The sample is of use: it has partitions that change and others that do not, of every kind.
    const results = theirs.filter((it): it is PartitionRegistration => it !== null);
    expect(results.length).toBeGreaterThan(sample.length / 2);
    expect(results.filter((it) => it.eligibleLeaderReplicas.length > 0).length).toBeGreaterThan(sample.length / 20);
    expect(results.filter((it) => it.lastKnownElr.length > 0).length).toBeGreaterThan(sample.length / 100);
  }, 120_000);
});

/** The same order of fields on both sides. */
function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
