import fc from 'fast-check';
import { topicPartitionName, type TopicPartition } from '@millrace/foundation';
import type { GroupSubscriber } from '../src/consumer/assignors.js';

export type Shares = ReadonlyMap<string, readonly TopicPartition[]>;

/** What a leader is asked to assign. */
export interface Scene {
  readonly counts: ReadonlyMap<string, number>;
  readonly members: readonly GroupSubscriber[];
}

export const TOPICS = ['a', 'b', 'c'];
export const NOBODY: GroupSubscriber = { memberId: '', groupInstanceId: null, topics: TOPICS, ownedPartitions: [], generationId: -1, userData: null };

/** Random groups in the middle of their life. A third of the partitions has no owner; what is owned need not be subscribed to any more. */
export function scene(options: { readonly membersMax: number; readonly partitionsMax: number; readonly isEqual: boolean; readonly topicsMin?: number }): fc.Arbitrary<Scene> {
  const counts = fc.array(fc.nat(options.partitionsMax), { minLength: TOPICS.length, maxLength: TOPICS.length });
  const topics = options.isEqual ? fc.constant(TOPICS) : fc.subarray(TOPICS, { minLength: options.topicsMin ?? 0 });
  const members = fc.array(topics, { minLength: 1, maxLength: options.membersMax });
  return fc.tuple(counts, members, fc.array(fc.nat(), { minLength: 40, maxLength: 40 })).map(([list, subscriptions, dice]) => {
    const partitions = list.flatMap((count, i) => Array.from({ length: count }, (_, partition) => ({ topic: TOPICS[i]!, partition })));
    const owners = partitions.map((it, i) => ({ ...it, owner: dice[i % dice.length]! % Math.ceil(subscriptions.length * 1.5) }));
    return {
      counts: new Map(list.map((count, i) => [TOPICS[i]!, count])),
      members: subscriptions.map((subscribed, i) => ({ ...NOBODY, memberId: `m${i}`, topics: subscribed, generationId: 4, ownedPartitions: owners.filter((it) => it.owner === i).map(({ topic, partition }) => ({ topic, partition })) })),
    };
  });
}

export const names = (partitions: readonly TopicPartition[]): string[] => partitions.map(topicPartitionName);

/** The smaller, the more even. */
export const squares = (shares: Shares): number => [...shares.values()].reduce((sum, it) => sum + it.length * it.length, 0);

/** Partitions that stay with who has them. */
export function kept({ members }: Scene, shares: Shares): number {
  return members.reduce((sum, { memberId, ownedPartitions }) => {
    const share = new Set(names(shares.get(memberId) ?? []));
    return sum + names(ownedPartitions).filter((it) => share.has(it)).length;
  }, 0);
}
