import type { BrokerId, LeaderEpoch, Offset, Uuid } from '@millrace/foundation';
import type { Voter } from './voter-set.js';

/** As in version 0 of the record, which Kafka writes: the directory is the zero uuid. */
export interface LeaderChangeVoter {
  readonly voterId: BrokerId;
  readonly voterDirectoryId: Uuid;
}

/** The values of control records that the machine writes or reads, field by field as their messages. */
export type ControlRecord =
  | { readonly type: 'leaderChange'; readonly version: 0; readonly leaderId: BrokerId; readonly voters: readonly LeaderChangeVoter[]; readonly grantingVoters: readonly LeaderChangeVoter[] }
  | { readonly type: 'kRaftVersion'; readonly version: 0; readonly kRaftVersion: number }
  | { readonly type: 'voters'; readonly version: 0; readonly voters: readonly Voter[] };

/** A batch of the log as a Fetch brought it. The bytes are the driver's; of the records the machine needs those of control batches only. */
export interface FetchedBatch {
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  readonly leaderEpoch: LeaderEpoch;
  readonly bytes: Uint8Array;
  /** The kRaftVersion and voters records in the batch with their offsets; others may be left out. */
  readonly control: readonly { readonly offset: Offset; readonly record: ControlRecord }[];
}
