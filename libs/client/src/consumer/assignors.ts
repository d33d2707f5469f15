import type { TopicPartition } from '@millrace/foundation';

/** A member of a group as its leader sees it. */
export interface GroupSubscriber {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly topics: readonly string[];
  /** What it holds while it joins: nothing when everything is revoked before. */
  readonly ownedPartitions: readonly TopicPartition[];
  /** In which it got them; -1: none yet, or its client is too old to tell. */
  readonly generationId: number;
  /** What the assignor's own half in that member wrote (`Assignor.userData`). */
  readonly userData: Uint8Array | null;
}

/** What a member was given last. */
export interface MemberAssignment {
  readonly partitions: readonly TopicPartition[];
  readonly generationId: number;
}

/** Assigns partitions to members. Every member of a group must know a common one by its name. */
export interface Assignor {
  readonly name: string;
  /**
   * It never gives a partition to one member while another still holds it, so members may keep what they have while they join again (KIP-429).
   * A consumer does so when all of its assignors are cooperative.
   */
  readonly isCooperative?: boolean;
  /** What a member tells the leader besides its topics; asked before each join. */
  userData?(last: MemberAssignment | undefined): Uint8Array | null;
  /** `partitionCounts`: the topics that exist. */
  assign(members: readonly GroupSubscriber[], partitionCounts: ReadonlyMap<string, number>): Map<string, TopicPartition[]>;
}

/** Java's RangeAssignor (without racks): each topic by itself, contiguous ranges, the first members get one more. */
export const rangeAssignor: Assignor = {
  name: 'range',
  assign(members, partitionCounts) {
    const shares = new Map<string, TopicPartition[]>(members.map((it) => [it.memberId, []]));
    for (const topic of [...partitionCounts.keys()].sort()) {
      const subscribed = inOrder(members).filter((it) => it.topics.includes(topic));
      const count = partitionCounts.get(topic) ?? 0;
      const each = Math.floor(count / subscribed.length);
      const extra = count % subscribed.length;
      let partition = 0;
      for (const [index, { memberId }] of subscribed.entries()) {
        const end = partition + each + (index < extra ? 1 : 0);
        for (; partition < end; partition++) shares.get(memberId)?.push({ topic, partition });
      }
    }
    return shares;
  },
};

/** Java's RoundRobinAssignor: all partitions in a row, dealt to the members in turn. */
export const roundRobinAssignor: Assignor = {
  name: 'roundrobin',
  assign(members, partitionCounts) {
    const shares = new Map<string, TopicPartition[]>(members.map((it) => [it.memberId, []]));
    const ring = inOrder(members);
    let turn = 0;
    for (const topic of [...partitionCounts.keys()].sort()) {
      if (!ring.some((it) => it.topics.includes(topic))) continue;
      for (let partition = 0; partition < (partitionCounts.get(topic) ?? 0); partition++) {
        while (!ring[turn]!.topics.includes(topic)) turn = (turn + 1) % ring.length;
        shares.get(ring[turn]!.memberId)?.push({ topic, partition });
        turn = (turn + 1) % ring.length;
      }
    }
    return shares;
  },
};

/** Static members first, by their instance id; the others by member id: the order stays when a member restarts. */
function inOrder(members: readonly GroupSubscriber[]): GroupSubscriber[] {
  return [...members].sort((a, b) => {
    if (a.groupInstanceId !== null && b.groupInstanceId !== null) return compare(a.groupInstanceId, b.groupInstanceId);
    if (a.groupInstanceId !== null) return -1;
    if (b.groupInstanceId !== null) return 1;
    return compare(a.memberId, b.memberId);
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
