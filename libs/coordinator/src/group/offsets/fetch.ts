import { ErrorCode, type OffsetFetchResponseInput } from '@millrace/protocol';
import type { CommittedOffset, CommittedOffsets } from './committed-offsets.js';

/** One group of an OffsetFetch. Topics of null: all that there are. Topics by id are given by the name that they have now. */
export interface OffsetFetchQuestion {
  readonly groupId: string;
  readonly topics: readonly { readonly name: string; readonly topicId: string; readonly partitionIndexes: readonly number[] }[] | null;
  /** A partition with an offset in an open transaction is answered UNSTABLE_OFFSET_COMMIT instead of its last committed offset. */
  readonly requireStable: boolean;
}

/** A group that does not exist has no offsets: that is no error. */
export function fetchOffsets(offsets: CommittedOffsets, question: OffsetFetchQuestion, topicIdOf: (name: string) => string): OffsetFetchResponseInput.Group {
  const { groupId, requireStable } = question;
  const answer = (topic: string, partition: number, committed: CommittedOffset | undefined): OffsetFetchResponseInput.GroupTopicPartition => {
    if (requireStable && offsets.isPending(groupId, topic, partition)) return nothing(partition, ErrorCode.UNSTABLE_OFFSET_COMMIT);
    if (committed === undefined) return nothing(partition, ErrorCode.NONE);
    return { partitionIndex: partition, committedOffset: committed.offset, committedLeaderEpoch: committed.leaderEpoch, metadata: committed.metadata, errorCode: ErrorCode.NONE };
  };
  const topics =
    question.topics === null
      ? [...offsets.ofGroup(groupId)].map(([name, partitions]) => ({ name, topicId: topicIdOf(name), partitions: [...partitions].map(([partition, committed]) => answer(name, partition, committed)) }))
      : question.topics.map(({ name, topicId, partitionIndexes }) => ({ name, topicId, partitions: partitionIndexes.map((partition) => answer(name, partition, offsets.get(groupId, name, partition))) }));
  return { groupId, topics, errorCode: ErrorCode.NONE };
}

function nothing(partitionIndex: number, errorCode: number): OffsetFetchResponseInput.GroupTopicPartition {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode };
}
