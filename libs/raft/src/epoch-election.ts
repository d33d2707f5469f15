import type { BrokerId } from '@millrace/foundation';
import type { ReplicaKey } from './replica-key.js';
import { voterKey, type VoterSet } from './voter-set.js';

/** The votes of one election among the voters of the moment when it began. */
export class EpochElection {
  private readonly votes = new Map<BrokerId, { readonly key: ReplicaKey; granted: boolean | null }>();
  private readonly majority: number;

  constructor(voters: VoterSet) {
    for (const voter of voters.voters) this.votes.set(voter.voterId, { key: voterKey(voter), granted: null });
    this.majority = voters.majority;
  }

  /** A vote of a node that is no voter counts for nothing. A granted vote is not taken back. */
  record(nodeId: BrokerId, isGranted: boolean): void {
    const vote = this.votes.get(nodeId);
    if (vote !== undefined && vote.granted !== true) vote.granted = isGranted;
  }

  get isGranted(): boolean {
    return this.count(true) >= this.majority;
  }

  /** Whether no majority is possible any more. */
  get isRejected(): boolean {
    return this.count(true) + this.count(null) < this.majority;
  }

  /** The voters that have not answered. */
  get unrecorded(): readonly ReplicaKey[] {
    return [...this.votes.values()].filter((it) => it.granted === null).map((it) => it.key);
  }

  get granting(): readonly ReplicaKey[] {
    return [...this.votes.values()].filter((it) => it.granted === true).map((it) => it.key);
  }

  private count(granted: boolean | null): number {
    let count = 0;
    for (const vote of this.votes.values()) if (vote.granted === granted) count++;
    return count;
  }
}
