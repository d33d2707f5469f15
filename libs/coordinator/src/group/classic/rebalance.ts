import { ErrorCode, type JoinGroupResponseInput } from '@millrace/protocol';
import type { Random } from '@millrace/foundation';
import type { Deadlines } from '../../deadlines.js';
import type { GroupConfig } from '../group-config.js';
import type { GroupOutcome } from '../group-effects.js';
import { groupMetadataRecord } from '../group-record.js';
import { joinKey, sessionKey, syncKey, type GroupTimer } from '../group-timer.js';
import type { ClassicGroup } from './classic-group.js';
import type { ClassicMember } from './classic-member.js';
import { canTransition } from './states.js';

/** What the request files of the classic protocol share. */
export interface ClassicContext {
  readonly config: GroupConfig;
  readonly deadlines: Deadlines<GroupTimer>;
  readonly random: Random;
}

/** The member was heard of: its session begins anew. */
export function renewSession(context: ClassicContext, group: ClassicGroup, member: ClassicMember, nowMs: number, timeoutMs = member.sessionTimeoutMs): void {
  context.deadlines.schedule(sessionKey(group.groupId, member.memberId), nowMs + timeoutMs, { kind: 'session', groupId: group.groupId, memberId: member.memberId });
}

export function endSession(context: ClassicContext, group: ClassicGroup, memberId: string): void {
  context.deadlines.cancel(sessionKey(group.groupId, memberId));
}

/** Begins a rebalance where that makes sense, else sees whether the one that is on can go on. */
export function rebalanceOrComplete(context: ClassicContext, group: ClassicGroup, outcome: GroupOutcome): void {
  if (canTransition(group.state, 'PreparingRebalance')) prepareRebalance(context, group, outcome);
  else maybeCompleteJoin(context, group, outcome);
}

export function prepareRebalance(context: ClassicContext, group: ClassicGroup, outcome: GroupOutcome): void {
  if (group.state === 'CompletingRebalance') failSyncs(context, group, ErrorCode.REBALANCE_IN_PROGRESS, outcome);
  group.pendingSyncIds.clear();
  context.deadlines.cancel(syncKey(group.groupId));
  const isInitial = group.state === 'Empty';
  group.transitionTo('PreparingRebalance', outcome.nowMs);
  if (isInitial) {
    const delayMs = context.config.initialRebalanceDelayMs;
    const remainingMs = Math.max(group.rebalanceTimeoutMs - delayMs, 0);
    context.deadlines.schedule(joinKey(group.groupId), outcome.nowMs + delayMs, { kind: 'initial-join', groupId: group.groupId, delayMs, remainingMs });
  } else if (group.hasAllMembersJoined) {
    completeJoin(context, group, outcome);
  } else {
    context.deadlines.schedule(joinKey(group.groupId), outcome.nowMs + group.rebalanceTimeoutMs, { kind: 'join', groupId: group.groupId });
  }
}

/** Ends the join phase when everyone is there; the first rebalance of an empty group waits for its delay instead. */
export function maybeCompleteJoin(context: ClassicContext, group: ClassicGroup, outcome: GroupOutcome): void {
  if (group.state === 'PreparingRebalance' && group.previousState !== 'Empty' && group.hasAllMembersJoined) completeJoin(context, group, outcome);
}

/** The initial delay is over: once more if members keep coming and the rebalance timeout allows it. */
export function endInitialDelay(context: ClassicContext, group: ClassicGroup, timer: { delayMs: number; remainingMs: number }, outcome: GroupOutcome): void {
  if (!group.hasNewMember || timer.remainingMs === 0) {
    completeJoin(context, group, outcome);
    return;
  }
  group.hasNewMember = false;
  const delayMs = Math.min(context.config.initialRebalanceDelayMs, timer.remainingMs);
  const remainingMs = Math.max(timer.remainingMs - timer.delayMs, 0);
  context.deadlines.schedule(joinKey(group.groupId), outcome.nowMs + delayMs, { kind: 'initial-join', groupId: group.groupId, delayMs, remainingMs });
}

/** The join phase ends: dynamic members that did not come are out, the generation goes up, every parked join is answered. */
export function completeJoin(context: ClassicContext, group: ClassicGroup, outcome: GroupOutcome): void {
  context.deadlines.cancel(joinKey(group.groupId));
  if (group.state !== 'PreparingRebalance') return;
  for (const member of [...group.members.values()]) {
    if (member.joinToken !== null || member.groupInstanceId !== null) continue;
    endSession(context, group, member.memberId);
    group.remove(member.memberId);
  }
  if (group.members.size > 0 && !group.electJoinedLeader()) {
    // Only static members are left and none came back: wait for them until their sessions end.
    context.deadlines.schedule(joinKey(group.groupId), outcome.nowMs + group.rebalanceTimeoutMs, { kind: 'join', groupId: group.groupId });
    return;
  }
  group.hasNewMember = false;
  group.nextGeneration(outcome.nowMs);
  if (group.members.size === 0) {
    outcome.records.push(groupMetadataRecord(group));
    return;
  }
  for (const member of group.members.values()) {
    if (member.joinToken !== null) {
      outcome.joined(member.joinToken, joinedResponse(group, member));
      group.parkJoin(member, null);
    }
    renewSession(context, group, member, outcome.nowMs);
    member.isNew = false;
    group.pendingSyncIds.add(member.memberId);
  }
  context.deadlines.schedule(syncKey(group.groupId), outcome.nowMs + group.rebalanceTimeoutMs, { kind: 'sync', groupId: group.groupId, generationId: group.generationId });
}

/** What a member is told of the current generation; the leader alone gets the members. */
export function joinedResponse(group: ClassicGroup, member: ClassicMember, options: { skipAssignment?: boolean; leader?: string; withMembers?: boolean } = {}): JoinGroupResponseInput {
  const withMembers = options.withMembers ?? group.leaderId === member.memberId;
  return {
    errorCode: ErrorCode.NONE,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName ?? '',
    leader: options.leader ?? group.leaderId ?? '',
    skipAssignment: options.skipAssignment ?? false,
    memberId: member.memberId,
    members: withMembers ? [...group.members.values()].map((it) => ({ memberId: it.memberId, groupInstanceId: it.groupInstanceId, metadata: it.metadataFor(group.protocolName) })) : [],
  };
}

/** Every parked sync is answered with this error; nobody has an assignment. */
export function failSyncs(context: ClassicContext, group: ClassicGroup, errorCode: number, outcome: GroupOutcome): void {
  group.clearAssignments();
  for (const member of group.members.values()) {
    if (member.syncToken === null) continue;
    outcome.syncFailed(member.syncToken, errorCode);
    member.syncToken = null;
    renewSession(context, group, member, outcome.nowMs);
  }
}

/** Takes a member out of the group; a parked request of it is answered UNKNOWN_MEMBER_ID, so that a client that still lives joins again. */
export function expel(context: ClassicContext, group: ClassicGroup, member: ClassicMember, outcome: GroupOutcome): void {
  if (member.joinToken !== null) {
    outcome.joinFailed(member.joinToken, '', ErrorCode.UNKNOWN_MEMBER_ID);
    group.parkJoin(member, null);
  }
  if (member.syncToken !== null) {
    outcome.syncFailed(member.syncToken, ErrorCode.UNKNOWN_MEMBER_ID);
    member.syncToken = null;
  }
  endSession(context, group, member.memberId);
  group.remove(member.memberId);
}

/** 0 when this member may speak for the group. */
export function memberError(group: ClassicGroup, memberId: string, groupInstanceId: string | null): number {
  if (groupInstanceId !== null) {
    const current = group.staticMemberId(groupInstanceId);
    if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (current !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
  }
  return group.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
}
