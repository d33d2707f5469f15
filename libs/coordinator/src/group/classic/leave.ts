import { ErrorCode, type LeaveGroupRequest, type LeaveGroupResponseInput } from '@millrace/protocol';
import type { GroupCaller, GroupOutcome } from '../group-effects.js';
import type { ClassicGroup } from './classic-group.js';
import { endSession, expel, maybeCompleteJoin, memberError, rebalanceOrComplete, type ClassicContext } from './rebalance.js';

/** From this version on one request can take out several members, each with its own result. */
const BATCHED = 3;

interface Leaver {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

function leavers(request: LeaveGroupRequest, apiVersion: number): readonly Leaver[] {
  return apiVersion >= BATCHED ? request.members : [{ memberId: request.memberId, groupInstanceId: null }];
}

/** The whole request answered with one error, in the form of its version. */
export function leaveFailed(request: LeaveGroupRequest, apiVersion: number, errorCode: number): LeaveGroupResponseInput {
  if (apiVersion < BATCHED) return { errorCode, members: [] };
  return { errorCode: ErrorCode.NONE, members: leavers(request, apiVersion).map((it) => ({ memberId: it.memberId, groupInstanceId: it.groupInstanceId, errorCode })) };
}

/** LeaveGroup: by member id, or (an administrator) by instance id alone. */
export function leaveGroup(context: ClassicContext, group: ClassicGroup, caller: GroupCaller, request: LeaveGroupRequest, outcome: GroupOutcome): void {
  const members = leavers(request, caller.apiVersion).map((it) => ({ memberId: it.memberId, groupInstanceId: it.groupInstanceId, errorCode: leaveOne(context, group, it, outcome) }));
  const hasLeft = members.some((it) => it.errorCode === ErrorCode.NONE);
  if (hasLeft && group.state === 'PreparingRebalance') maybeCompleteJoin(context, group, outcome);
  else if (hasLeft && (group.state === 'Stable' || group.state === 'CompletingRebalance')) rebalanceOrComplete(context, group, outcome);
  const response: LeaveGroupResponseInput = caller.apiVersion >= BATCHED ? { errorCode: ErrorCode.NONE, members } : { errorCode: members[0]?.errorCode ?? ErrorCode.NONE, members: [] };
  outcome.replies.push({ token: caller.token, api: 'LeaveGroup', response });
}

function leaveOne(context: ClassicContext, group: ClassicGroup, leaver: Leaver, outcome: GroupOutcome): number {
  if (leaver.memberId === '') {
    const memberId = leaver.groupInstanceId === null ? undefined : group.staticMemberId(leaver.groupInstanceId);
    if (memberId === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    expel(context, group, group.member(memberId), outcome);
    return ErrorCode.NONE;
  }
  if (group.pendingMemberIds.has(leaver.memberId)) {
    endSession(context, group, leaver.memberId);
    group.remove(leaver.memberId);
    return ErrorCode.NONE;
  }
  const error = memberError(group, leaver.memberId, leaver.groupInstanceId);
  if (error === ErrorCode.NONE) expel(context, group, group.member(leaver.memberId), outcome);
  return error;
}
