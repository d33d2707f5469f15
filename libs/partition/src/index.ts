export { LeaderEpochs, type EpochEnd, type EpochLookup, type EpochStart } from './leader-epochs.js';
export type { PartitionError } from './partition-error.js';
export { type IsrProposal, type PartitionEffects, type Wake } from './partition-effects.js';
export { type FollowerProgress } from './follower-progress.js';
export type { InSyncReplicas, PendingIsr } from './in-sync-replicas.js';
export type { FetchDecision, FetchIsolation, FetchQuestion } from './fetch-decision.js';
export {
  LIST_OFFSETS_EARLIEST,
  LIST_OFFSETS_EARLIEST_LOCAL,
  LIST_OFFSETS_LATEST,
  LIST_OFFSETS_LATEST_TIERED,
  LIST_OFFSETS_MAX_TIMESTAMP,
  type ListOffsetsDecision,
  type ListOffsetsQuestion,
} from './list-offsets-decision.js';
export { PartitionMachine, type AppendStatus, type FollowerFetch, type PartitionAssignment, type PartitionMachineOptions, type PartitionRole } from './partition-machine.js';
