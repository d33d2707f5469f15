import { hasCode, isRetriable, OperationalError, topicPartitionName, type LeaderEpoch, type Offset, type TopicPartition } from '@millrace/foundation';
import { ErrorCode, OffsetCommit, OffsetFetch, ProtocolError } from '@millrace/protocol';
import type { KafkaClient } from '../cluster/kafka-client.js';

export interface CommittedOffset extends TopicPartition {
  /** The next record to be read. */
  readonly offset: Offset;
  readonly leaderEpoch: LeaderEpoch;
  /** Whatever the committer added; '' for nothing. */
  readonly metadata: string;
}

/** Who commits: a member in its generation, or nobody's member (-1, '') for a group that has no members. */
export interface Committer {
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export const NO_MEMBER: Committer = { generationId: -1, memberId: '', groupInstanceId: null };
/** Topic ids in these requests (version 10) are not used: names serve every broker. */
const VERSION_MAX = 9;

/** Rejects with the ProtocolError of the first partition that was refused; retriable failures are tried again until `timeoutMs`. */
export function commitOffsets(client: KafkaClient, groupId: string, offsets: readonly CommittedOffset[], committer: Committer, timeoutMs?: number): Promise<void> {
  if (offsets.length === 0) return Promise.resolve();
  const topics = [...grouped(offsets)].map(([name, list]) => ({
    name,
    partitions: list.map((it) => ({ partitionIndex: it.partition, committedOffset: it.offset, committedLeaderEpoch: it.leaderEpoch, committedMetadata: it.metadata })),
  }));
  return client.retrying(async () => {
    const nodeId = await client.coordinator(groupId);
    try {
      const request = { groupId, generationIdOrMemberEpoch: committer.generationId, memberId: committer.memberId, topics };
      const response = await client.request(nodeId, OffsetCommit, (version) => (version >= 7 ? { ...request, groupInstanceId: committer.groupInstanceId } : request), { versionMax: VERSION_MAX });
      for (const topic of response.topics) for (const it of topic.partitions) throwUnlessNone(it.errorCode, { topic: topic.name, partition: it.partitionIndex });
    } catch (error) {
      throw moved(client, groupId, error);
    }
  }, timeoutMs);
}

/** What the group has committed; partitions without a commit are left out. `partitions` undefined: all that it ever committed. */
export function fetchCommitted(client: KafkaClient, groupId: string, partitions: readonly TopicPartition[] | undefined, timeoutMs?: number): Promise<CommittedOffset[]> {
  const topics = partitions === undefined ? null : [...grouped(partitions)].map(([name, list]) => ({ name, partitionIndexes: list.map((it) => it.partition) }));
  return client.retrying(async () => {
    const nodeId = await client.coordinator(groupId);
    try {
      const response = await client.request(nodeId, OffsetFetch, (version) => (version >= 8 ? { groups: [{ groupId, topics }], requireStable: true } : { groupId, topics, ...(version >= 7 ? { requireStable: true } : {}) }), { versionMax: VERSION_MAX });
      const group = response.groups[0] ?? response;
      throwUnlessNone(group.errorCode, undefined);
      const found: CommittedOffset[] = [];
      for (const topic of group.topics) {
        for (const it of topic.partitions) {
          throwUnlessNone(it.errorCode, { topic: topic.name, partition: it.partitionIndex });
          if (it.committedOffset >= 0) found.push({ topic: topic.name, partition: it.partitionIndex, offset: it.committedOffset, leaderEpoch: it.committedLeaderEpoch, metadata: it.metadata ?? '' });
        }
      }
      return found;
    } catch (error) {
      throw moved(client, groupId, error);
    }
  }, timeoutMs);
}

/** The commit of a member that is no member any more, told apart from other failures. */
export function isCommitFenced(error: unknown): boolean {
  return hasCode(error, 'KAFKA_UNKNOWN_MEMBER_ID') || hasCode(error, 'KAFKA_ILLEGAL_GENERATION') || hasCode(error, 'KAFKA_FENCED_INSTANCE_ID') || hasCode(error, 'KAFKA_REBALANCE_IN_PROGRESS');
}

export function commitFailed(cause: unknown): OperationalError {
  return new OperationalError('COMMIT_FAILED', 'Offset commit cannot be completed since the consumer is not part of an active group for auto partition assignment; it is likely that the consumer was kicked out of the group, or that a rebalance is under way.', { cause });
}

function throwUnlessNone(errorCode: number, at: TopicPartition | undefined): void {
  if (errorCode === ErrorCode.NONE) return;
  const error = new ProtocolError(errorCode);
  throw at === undefined ? error : new ProtocolError(errorCode, `${topicPartitionName(at)}: ${error.message}`);
}

/** Whatever may be cured by another coordinator makes this client look for it anew. */
function moved(client: KafkaClient, groupId: string, error: unknown): unknown {
  if (isRetriable(error) && !hasCode(error, 'KAFKA_COORDINATOR_LOAD_IN_PROGRESS')) client.forgetCoordinator(groupId);
  return error;
}

function grouped<T extends TopicPartition>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const it of items) {
    const list = groups.get(it.topic);
    if (list === undefined) groups.set(it.topic, [it]);
    else list.push(it);
  }
  return groups;
}
