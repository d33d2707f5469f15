import { ZERO_UUID, type BrokerId, type Uuid } from '@millrace/foundation';
import { isNamedBy, isSameReplica, type ReplicaKey } from './replica-key.js';

/** An address of a node under the name of a listener. */
export interface RaftEndpoint {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface KRaftVersionRange {
  readonly minSupportedVersion: number;
  readonly maxSupportedVersion: number;
}

/** A voter as a VotersRecord has it, field by field. */
export interface Voter {
  readonly voterId: BrokerId;
  /** The zero uuid for voters of `controller.quorum.voters` (kraft.version 0). */
  readonly voterDirectoryId: Uuid;
  readonly endpoints: readonly RaftEndpoint[];
  readonly kRaftVersionFeature: KRaftVersionRange;
}

export function voterKey(voter: Voter): ReplicaKey {
  return { nodeId: voter.voterId, directoryId: voter.voterDirectoryId };
}

/** Who votes. A value: changes make a new set. Voters are in the order of their ids. */
export class VoterSet {
  static readonly EMPTY = new VoterSet([]);
  readonly voters: readonly Voter[];

  constructor(voters: readonly Voter[]) {
    this.voters = [...voters].sort((a, b) => a.voterId - b.voterId);
  }

  get size(): number {
    return this.voters.length;
  }

  get ids(): readonly BrokerId[] {
    return this.voters.map((it) => it.voterId);
  }

  /** The smallest number of voters that is more than half of them. */
  get majority(): number {
    return Math.floor(this.voters.length / 2) + 1;
  }

  voter(nodeId: BrokerId): Voter | undefined {
    return this.voters.find((it) => it.voterId === nodeId);
  }

  isVoter(replica: ReplicaKey): boolean {
    return this.voters.some((it) => isNamedBy(voterKey(it), replica));
  }

  isOnlyVoter(replica: ReplicaKey): boolean {
    return this.voters.length === 1 && this.isVoter(replica);
  }

  endpointsOf(nodeId: BrokerId): readonly RaftEndpoint[] {
    return this.voter(nodeId)?.endpoints ?? [];
  }

  /** Null when a voter with this id is there already. */
  withAdded(voter: Voter): VoterSet | null {
    return this.voter(voter.voterId) === undefined ? new VoterSet([...this.voters, voter]) : null;
  }

  /** Null when the voter (id and directory) is not there, or is the last one. */
  withRemoved(replica: ReplicaKey): VoterSet | null {
    const old = this.voter(replica.nodeId);
    if (old === undefined || !isSameReplica(voterKey(old), replica) || this.voters.length === 1) return null;
    return new VoterSet(this.voters.filter((it) => it !== old));
  }

  /** Null when the voter (id and directory) is not there. */
  withUpdated(voter: Voter): VoterSet | null {
    const old = this.voter(voter.voterId);
    if (old === undefined || !isNamedBy(voterKey(old), voterKey(voter))) return null;
    return new VoterSet(this.voters.map((it) => (it === old ? voter : it)));
  }

  /** Whether the entry of this voter differs from `voter` in its directory, endpoints or versions. False when it is not a voter. */
  needsUpdate(voter: Voter): boolean {
    const known = this.voter(voter.voterId);
    return known !== undefined && isNamedBy(voterKey(known), voterKey(voter)) && !isSameVoter(known, voter);
  }
}

function isSameVoter(a: Voter, b: Voter): boolean {
  return (
    a.voterDirectoryId === b.voterDirectoryId &&
    a.kRaftVersionFeature.minSupportedVersion === b.kRaftVersionFeature.minSupportedVersion &&
    a.kRaftVersionFeature.maxSupportedVersion === b.kRaftVersionFeature.maxSupportedVersion &&
    a.endpoints.length === b.endpoints.length &&
    a.endpoints.every((it) => b.endpoints.some((other) => other.name === it.name && other.host === it.host && other.port === it.port))
  );
}

/** The voters of `controller.quorum.voters`: ids and addresses, no directories. */
export function staticVoters(voters: readonly { readonly id: BrokerId; readonly host: string; readonly port: number }[], listenerName: string): readonly Voter[] {
  return voters.map(({ id, host, port }) => ({
    voterId: id,
    voterDirectoryId: ZERO_UUID,
    endpoints: [{ name: listenerName, host, port }],
    kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 0 },
  }));
}
