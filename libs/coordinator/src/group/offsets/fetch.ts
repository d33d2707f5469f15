import { ErrorCode, type OffsetFetchResponseInput } from '@millrace/protocol';
import type { CommittedOffset, CommittedOffsets } from './committed-offsets.js';

/** One group of an OffsetFetch. Topics of null: all that there are. Topics by id are given by the name that they have now. */
export interface OffsetFetchQuestion {
  readonly groupId: string;
  readonly topics: readonly { readonly name: string; readonly topicId: string; readonly partitionIndexes: readonly number[] }[] | null;
  /** A partition with an offset in an open transaction is answered UNSTABLE_OFFSET_COMMIT instead of its last committed offset. */
  readonly requireStable: boolean;
}

/** Where the offsets are. `before`: of partitions whose change is not committed, what to show in its place; undefined: nothing. */
export interface OffsetsInView {
  readonly offsets: CommittedOffsets;
  readonly before: ReadonlyMap<string, ReadonlyMap<number, CommittedOffset | undefined>>;
}

/** A group that does not exist has no offsets: that is no error. */
export function fetchOffsets({ offsets, before }: OffsetsInView, question: OffsetFetchQuestion, topicIdOf: (name: string) => string): OffsetFetchResponseInput.Group {
  const { groupId, requireStable } = question;
  const shown = (topic: string, partition: number): CommittedOffset | undefined => {
    const changing = before.get(topic);
    return changing?.has(partition) === true ? changing.get(partition) : offsets.get(groupId, topic, partition);
  };
  const shownTopics = (): { name: string; partitionIndexes: readonly number[] }[] => {
    const names = new Set([...offsets.ofGroup(groupId).keys(), ...before.keys()]);
    return [...names]
      .map((name) => ({ name, partitionIndexes: [...new Set([...(offsets.ofGroup(groupId).get(name)?.keys() ?? []), ...(before.get(name)?.keys() ?? [])])].filter((it) => shown(name, it) !== undefined) }))
      .filter((it) => it.partitionIndexes.length > 0);
  };
  const answer = (topic: string, partition: number, committed: CommittedOffset | undefined): OffsetFetchResponseInput.GroupTopicPartition => {
    if (requireStable && offsets.isPending(groupId, topic, partition)) return nothing(partition, ErrorCode.UNSTABLE_OFFSET_COMMIT);
    if (committed === undefined) return nothing(partition, ErrorCode.NONE);
    return { partitionIndex: partition, committedOffset: committed.offset, committedLeaderEpoch: committed.leaderEpoch, metadata: committed.metadata, errorCode: ErrorCode.NONE };
  };
  const asked = question.topics ?? shownTopics().map((it) => ({ ...it, topicId: topicIdOf(it.name) }));
  const topics = asked.map(({ name, topicId, partitionIndexes }) => ({ name, topicId, partitions: partitionIndexes.map((partition) => answer(name, partition, shown(name, partition))) }));
  return { groupId, topics, errorCode: ErrorCode.NONE };
}

function nothing(partitionIndex: number, errorCode: number): OffsetFetchResponseInput.GroupTopicPartition {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode };
}
