import { topicPartitionName, type TopicPartition } from '@millrace/foundation';
import type { Assignor, GroupSubscriber } from './assignors.js';
import { assignStickily, type StickyMember } from './sticky-assignment.js';
import { decodeGeneration, decodePrevious, encodeGeneration, encodePrevious } from './sticky-user-data.js';

/**
 * Java's CooperativeStickyAssignor (without racks). A partition that is to go from one member to another is given to nobody at first: the
 * member that holds it sees that it is not assigned any more, lets go of it and joins again, and then it is given to the other.
 */
export const cooperativeStickyAssignor: Assignor = {
  name: 'cooperative-sticky',
  isCooperative: true,
  userData: (last) => encodeGeneration(last?.generationId ?? -1),
  assign: (members, partitionCounts) => withoutWhatIsHeld(members, assignStickily(members.map(cooperativeMember), partitionCounts)),
};

/** Java's StickyAssignor (without racks): all is revoked before a rebalance, but who had it before gets it again. */
export const stickyAssignor: Assignor = {
  name: 'sticky',
  userData: (last) => (last === undefined ? null : encodePrevious(last)),
  assign: (members, partitionCounts) => assignStickily(members.map(eagerMember), partitionCounts),
};

function cooperativeMember({ memberId, topics, ownedPartitions, generationId, userData }: GroupSubscriber): StickyMember {
  // Before version 2 of the subscription the generation was in the user data only.
  return { memberId, topics, claimed: ownedPartitions, generationId: generationId >= 0 ? generationId : decodeGeneration(userData) };
}

function eagerMember({ memberId, topics, userData }: GroupSubscriber): StickyMember {
  const { partitions, generationId } = decodePrevious(userData);
  return { memberId, topics, claimed: partitions, generationId };
}

/** Of what one member or several hold, nothing for anybody else. */
function withoutWhatIsHeld(members: readonly GroupSubscriber[], shares: ReadonlyMap<string, readonly TopicPartition[]>): Map<string, TopicPartition[]> {
  const holders = new Map<string, Set<string>>();
  for (const { memberId, ownedPartitions } of members) {
    for (const name of ownedPartitions.map(topicPartitionName)) {
      const known = holders.get(name);
      if (known === undefined) holders.set(name, new Set([memberId]));
      else known.add(memberId);
    }
  }
  return new Map([...shares].map(([memberId, partitions]) => [memberId, partitions.filter((it) => holders.get(topicPartitionName(it))?.has(memberId) ?? true)]));
}
