import { ErrorCode, type SyncGroupRequest } from '@millrace/protocol';
import type { GroupCaller, GroupOutcome } from '../group-effects.js';
import { groupMetadataRecord } from '../group-record.js';
import { syncKey } from '../group-timer.js';
import type { ClassicGroup } from './classic-group.js';
import { NO_BYTES } from './classic-member.js';
import { endSession, failSyncs, memberError, prepareRebalance, rebalanceOrComplete, renewSession, type ClassicContext } from './rebalance.js';

/** SyncGroup. The leader's carries the assignment: it is stored before anyone is answered (Invariant 3). */
export function syncGroup(context: ClassicContext, group: ClassicGroup, caller: GroupCaller, request: SyncGroupRequest, outcome: GroupOutcome): void {
  const error = syncError(group, request);
  if (error !== ErrorCode.NONE) {
    outcome.syncFailed(caller.token, error);
    return;
  }
  const member = group.member(request.memberId);
  noteSynced(context, group, member.memberId);
  if (group.state === 'Stable') {
    outcome.synced(caller.token, { errorCode: ErrorCode.NONE, protocolType: group.protocolType, protocolName: group.protocolName, assignment: member.assignment });
    return;
  }
  if (member.syncToken !== null) outcome.syncFailed(member.syncToken, ErrorCode.REBALANCE_IN_PROGRESS);
  member.syncToken = caller.token;
  if (group.leaderId === member.memberId) storeAssignment(context, group, request, outcome);
}

function syncError(group: ClassicGroup, request: SyncGroupRequest): number {
  if (group.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  const error = memberError(group, request.memberId, request.groupInstanceId);
  if (error !== ErrorCode.NONE) return error;
  if (request.generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  if (request.protocolType !== null && request.protocolType !== group.protocolType) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  if (request.protocolName !== null && request.protocolName !== group.protocolName) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  return group.state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

function noteSynced(context: ClassicContext, group: ClassicGroup, memberId: string): void {
  group.pendingSyncIds.delete(memberId);
  if (group.pendingSyncIds.size === 0) context.deadlines.cancel(syncKey(group.groupId));
}

/** The group becomes Stable when the record is replayed; members whom the leader forgot get an empty assignment. */
function storeAssignment(context: ClassicContext, group: ClassicGroup, request: SyncGroupRequest, outcome: GroupOutcome): void {
  const assignments = new Map<string, Uint8Array>();
  for (const memberId of group.members.keys()) assignments.set(memberId, NO_BYTES);
  for (const it of request.assignments) if (assignments.has(it.memberId)) assignments.set(it.memberId, new Uint8Array(it.assignment));
  outcome.records.push(groupMetadataRecord(group, assignments));
  outcome.undo = { kind: 'assignment', groupId: group.groupId, generationId: group.generationId };
  for (const member of group.members.values()) {
    if (member.syncToken === null) continue;
    outcome.synced(member.syncToken, { errorCode: ErrorCode.NONE, protocolType: group.protocolType, protocolName: group.protocolName, assignment: assignments.get(member.memberId) ?? NO_BYTES });
    member.syncToken = null;
    renewSession(context, group, member, outcome.nowMs);
  }
}

/** The assignment could not be stored: everyone joins again. */
export function assignmentFailed(context: ClassicContext, group: ClassicGroup, generationId: number, outcome: GroupOutcome): void {
  if (group.state !== 'CompletingRebalance' || group.generationId !== generationId) return;
  failSyncs(context, group, ErrorCode.COORDINATOR_NOT_AVAILABLE, outcome);
  rebalanceOrComplete(context, group, outcome);
}

/** Members that joined this generation but did not sync in time are out. */
export function syncTimedOut(context: ClassicContext, group: ClassicGroup, generationId: number, outcome: GroupOutcome): void {
  if (group.generationId !== generationId || (group.state !== 'CompletingRebalance' && group.state !== 'Stable') || group.pendingSyncIds.size === 0) return;
  for (const memberId of [...group.pendingSyncIds]) {
    endSession(context, group, memberId);
    group.remove(memberId);
  }
  prepareRebalance(context, group, outcome);
}
