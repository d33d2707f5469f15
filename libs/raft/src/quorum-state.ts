import type { BrokerId, LeaderEpoch, Uuid } from '@millrace/foundation';

/**
 * What a node must remember of elections, as Kafka's `quorum-state` file has it. Version 0 of the file (kraft.version 0) has `currentVoters` and no directory,
 * version 1 has `votedDirectoryId` and no voters. Written whole, and durable, before anything later in the effects.
 */
export interface QuorumState {
  /** The version of the file to write: 0 while kraft.version is 0, else 1. */
  readonly dataVersion: 0 | 1;
  /** -1: no leader known. */
  readonly leaderId: BrokerId;
  readonly leaderEpoch: LeaderEpoch;
  /** -1: no vote in this epoch. */
  readonly votedId: BrokerId;
  /** The zero uuid: none, or not known. */
  readonly votedDirectoryId: Uuid;
  /** The ids of the voters at the time. Only in version 0, and never read back. */
  readonly currentVoters: readonly { readonly voterId: BrokerId }[];
}
