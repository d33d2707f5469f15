import { ErrorCode, type DeleteGroupsResponseInput, type JoinGroupResponseInput, type LeaveGroupResponseInput, type OffsetCommitResponseInput, type OffsetDeleteResponseInput, type OffsetFetchResponseInput, type SyncGroupResponseInput, type TxnOffsetCommitResponseInput } from '@millrace/protocol';
import type { ResponseToken, ShardEffects } from '../coordinator-shard.js';
import { NO_BYTES, type ClassicMember } from './classic/classic-member.js';
import type { GroupRecord } from './group-record.js';

/** The answer to one request, for the connection that the token names. */
export type GroupReply =
  | { readonly token: ResponseToken; readonly api: 'JoinGroup'; readonly response: JoinGroupResponseInput }
  | { readonly token: ResponseToken; readonly api: 'SyncGroup'; readonly response: SyncGroupResponseInput }
  | { readonly token: ResponseToken; readonly api: 'LeaveGroup'; readonly response: LeaveGroupResponseInput }
  | { readonly token: ResponseToken; readonly api: 'OffsetCommit'; readonly response: OffsetCommitResponseInput }
  | { readonly token: ResponseToken; readonly api: 'OffsetFetch'; readonly response: OffsetFetchResponseInput.Group }
  | { readonly token: ResponseToken; readonly api: 'TxnOffsetCommit'; readonly response: TxnOffsetCommitResponseInput }
  | { readonly token: ResponseToken; readonly api: 'OffsetDelete'; readonly response: OffsetDeleteResponseInput }
  | { readonly token: ResponseToken; readonly api: 'DeleteGroups'; readonly response: DeleteGroupsResponseInput };

/** What a refused append must take back. */
export type GroupUndo =
  | { readonly kind: 'assignment'; readonly groupId: string; readonly generationId: number }
  | { readonly kind: 'static-member'; readonly groupId: string; readonly newMemberId: string; readonly oldMember: ClassicMember };

export interface GroupEffects extends ShardEffects<GroupRecord, GroupReply> {
  /** The records belong to this transaction: append them in a transactional batch of this producer. */
  readonly transaction: { readonly producerId: number; readonly producerEpoch: number } | null;
  readonly undo: GroupUndo | null;
}

/** Who asks, and when. `clientHost` as Kafka shows it: `/127.0.0.1`. */
export interface GroupCaller {
  readonly token: ResponseToken;
  readonly apiVersion: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly nowMs: number;
}

/** The effects of one input while they are being made. */
export class GroupOutcome implements GroupEffects {
  readonly records: GroupRecord[] = [];
  readonly replies: GroupReply[] = [];
  transaction: { readonly producerId: number; readonly producerEpoch: number } | null = null;
  undo: GroupUndo | null = null;

  constructor(readonly nowMs: number) {}

  joined(token: ResponseToken, response: JoinGroupResponseInput): void {
    this.replies.push({ token, api: 'JoinGroup', response });
  }

  joinFailed(token: ResponseToken, memberId: string, errorCode: number): void {
    this.joined(token, joinError(memberId, errorCode));
  }

  synced(token: ResponseToken, response: SyncGroupResponseInput): void {
    this.replies.push({ token, api: 'SyncGroup', response });
  }

  syncFailed(token: ResponseToken, errorCode: number): void {
    this.synced(token, { errorCode, assignment: NO_BYTES });
  }
}

/** The protocol name is empty, not null: versions before 7 cannot say null. */
function joinError(memberId: string, errorCode: number): JoinGroupResponseInput {
  return { errorCode, generationId: -1, protocolType: null, protocolName: '', leader: '', skipAssignment: false, memberId, members: [] };
}

/** The error that a client sees when the partition of its group refused an append. */
export function replyErrorOf(appendError: number, api: GroupReply['api']): number {
  switch (appendError) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case ErrorCode.REQUEST_TIMED_OUT:
      // Of a fetch consumers before Kafka 3.9 know no other error after which they look for the coordinator again.
      return api === 'OffsetFetch' ? ErrorCode.NOT_COORDINATOR : ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
    case ErrorCode.INVALID_FETCH_SIZE:
      return api === 'OffsetCommit' || api === 'TxnOffsetCommit' ? ErrorCode.INVALID_COMMIT_OFFSET_SIZE : ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return appendError;
  }
}

/** The same request answered with an error instead: its records were not appended, or will never be known to be committed. */
export function failedReply(reply: GroupReply, errorCode: number): GroupReply {
  const { token } = reply;
  switch (reply.api) {
    case 'JoinGroup':
      return { token, api: 'JoinGroup', response: joinError('', errorCode) };
    case 'SyncGroup':
      return { token, api: 'SyncGroup', response: { errorCode, assignment: NO_BYTES } };
    case 'LeaveGroup':
      return { token, api: 'LeaveGroup', response: { errorCode, members: [] } };
    case 'OffsetCommit':
      return { token, api: 'OffsetCommit', response: { topics: reply.response.topics.map((topic) => ({ ...topic, partitions: topic.partitions.map((it) => ({ ...it, errorCode })) })) } };
    case 'OffsetFetch':
      return { token, api: 'OffsetFetch', response: { groupId: reply.response.groupId, topics: [], errorCode } };
    case 'TxnOffsetCommit':
      return { token, api: 'TxnOffsetCommit', response: { topics: reply.response.topics.map((topic) => ({ ...topic, partitions: topic.partitions.map((it) => ({ ...it, errorCode })) })) } };
    case 'OffsetDelete':
      return { token, api: 'OffsetDelete', response: { errorCode, topics: [] } };
    case 'DeleteGroups':
      return { token, api: 'DeleteGroups', response: { results: reply.response.results.map((it) => ({ ...it, errorCode })) } };
  }
}
