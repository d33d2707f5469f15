import { ZERO_UUID } from '@millrace/foundation';
import { ErrorCode, type OffsetCommitRequest, type TxnOffsetCommitRequest } from '@millrace/protocol';
import type { ClassicGroup } from '../classic/classic-group.js';
import { memberError, renewSession, type ClassicContext } from '../classic/rebalance.js';
import type { GroupCaller, GroupOutcome } from '../group-effects.js';
import type { GroupRecord } from '../group-record.js';

/** From this version on a client understands GROUP_ID_NOT_FOUND as the answer to a commit. */
const KNOWS_GROUP_NOT_FOUND = 9;

/** One partition of either kind of commit. */
interface PartitionCommit {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | null;
}

interface CommitIdentity {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
}

/** OffsetCommit. `group` is undefined when nobody has heard of it: a commit without a generation makes a simple group. */
export function commitOffsets(context: ClassicContext, group: ClassicGroup | undefined, caller: GroupCaller, request: OffsetCommitRequest, outcome: GroupOutcome): void {
  const identity = { memberId: request.memberId, groupInstanceId: request.groupInstanceId, generationId: request.generationIdOrMemberEpoch };
  let error = group === undefined ? missingGroupError(identity, caller.apiVersion) : commitError(group, identity, false);
  if (request.groupId === '') error = ErrorCode.INVALID_GROUP_ID;
  const member = error === ErrorCode.NONE && (group?.state === 'Stable' || group?.state === 'PreparingRebalance') ? group.members.get(request.memberId) : undefined;
  // A commit keeps the session up, as a heartbeat does.
  if (group !== undefined && member !== undefined) renewSession(context, group, member, caller.nowMs);
  const expireTimestamp = request.retentionTimeMs === -1 ? -1 : caller.nowMs + request.retentionTimeMs;
  const topics = request.topics.map((topic) => ({
    name: topic.name,
    topicId: topic.topicId,
    partitions: topic.partitions.map((it) => ({
      partitionIndex: it.partitionIndex,
      errorCode: error === ErrorCode.NONE ? commitPartition(context, request.groupId, topic.name, it, expireTimestamp, outcome) : error,
    })),
  }));
  outcome.replies.push({ token: caller.token, api: 'OffsetCommit', response: { topics } });
}

/** TxnOffsetCommit: the same, but the group's state does not matter, and the offsets stay invisible until the transaction commits. */
export function commitOffsetsInTransaction(context: ClassicContext, group: ClassicGroup | undefined, caller: GroupCaller, request: TxnOffsetCommitRequest, outcome: GroupOutcome): void {
  let error: number = group === undefined ? (request.generationId < 0 ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION) : commitError(group, request, true);
  if (request.groupId === '') error = ErrorCode.INVALID_GROUP_ID;
  const topics = request.topics.map((topic) => ({
    name: topic.name,
    partitions: topic.partitions.map((it) => ({
      partitionIndex: it.partitionIndex,
      errorCode: error === ErrorCode.NONE ? commitPartition(context, request.groupId, topic.name, it, -1, outcome) : error,
    })),
  }));
  if (outcome.records.length > 0) outcome.transaction = { producerId: request.producerId, producerEpoch: request.producerEpoch };
  outcome.replies.push({ token: caller.token, api: 'TxnOffsetCommit', response: { topics } });
}

function commitPartition(context: ClassicContext, groupId: string, topic: string, commit: PartitionCommit, expireTimestamp: number, outcome: GroupOutcome): number {
  const metadata = commit.committedMetadata ?? '';
  if (metadata.length > context.config.offsetMetadataLengthMax) return ErrorCode.OFFSET_METADATA_TOO_LARGE;
  const record: GroupRecord = {
    type: 'OffsetCommit',
    key: { group: groupId, topic, partition: commit.partitionIndex },
    value: { offset: commit.committedOffset, leaderEpoch: commit.committedLeaderEpoch, metadata, commitTimestamp: outcome.nowMs, expireTimestamp, topicId: ZERO_UUID },
  };
  outcome.records.push(record);
  return ErrorCode.NONE;
}

function missingGroupError(identity: CommitIdentity, apiVersion: number): number {
  if (identity.generationId < 0) return ErrorCode.NONE;
  return apiVersion >= KNOWS_GROUP_NOT_FOUND ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
}

/** Invariant 4: a commit of an old generation, or of someone who is no member, is refused. */
function commitError(group: ClassicGroup, identity: CommitIdentity, isTransactional: boolean): number {
  if (group.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  if (identity.generationId < 0 && group.state === 'Empty') return ErrorCode.NONE;
  if (identity.generationId >= 0 || identity.memberId !== '' || identity.groupInstanceId !== null) {
    const error = memberError(group, identity.memberId, identity.groupInstanceId);
    if (error !== ErrorCode.NONE) return error;
    if (identity.generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  } else if (!isTransactional) {
    return ErrorCode.UNKNOWN_MEMBER_ID;
  }
  return !isTransactional && group.state === 'CompletingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}
