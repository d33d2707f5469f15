import { ErrorCode, type JoinGroupRequest } from '@millrace/protocol';
import type { Random } from '@millrace/foundation';
import type { ResponseToken } from '../../coordinator-shard.js';
import type { GroupCaller, GroupOutcome } from '../group-effects.js';
import { groupMetadataRecord } from '../group-record.js';
import { sessionKey } from '../group-timer.js';
import type { ClassicGroup } from './classic-group.js';
import { ClassicMember, type MemberProtocol } from './classic-member.js';
import { selectProtocol } from './protocol-selection.js';
import { joinedResponse, maybeCompleteJoin, memberError, prepareRebalance, rebalanceOrComplete, renewSession, endSession, type ClassicContext } from './rebalance.js';

/** From this version on a dynamic member must come back with the id that it is given (KIP-394). */
const REQUIRES_MEMBER_ID = 4;
/** From this version on a static leader that comes back may be told to skip the assignment (KIP-814). */
const SKIPS_ASSIGNMENT = 9;

interface Join {
  readonly caller: GroupCaller;
  readonly request: JoinGroupRequest;
  readonly rebalanceTimeoutMs: number;
}

/** JoinGroup. The group exists (the shard makes one for a member without an id). */
export function joinGroup(context: ClassicContext, group: ClassicGroup, caller: GroupCaller, request: JoinGroupRequest, outcome: GroupOutcome): void {
  const { token } = caller;
  // Version 0 has no rebalance timeout of its own.
  const join: Join = { caller, request, rebalanceTimeoutMs: caller.apiVersion === 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs };
  if (!hasRoom(context, group, request.memberId)) {
    const member = group.members.get(request.memberId);
    if (member !== undefined) {
      endSession(context, group, member.memberId);
      group.remove(member.memberId);
    }
    group.pendingMemberIds.delete(request.memberId);
    outcome.joinFailed(token, '', ErrorCode.GROUP_MAX_SIZE_REACHED);
    if (member !== undefined) maybeCompleteJoin(context, group, outcome);
    return;
  }
  if (!group.supports(request.protocolType, request.protocols)) outcome.joinFailed(token, request.memberId, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  else if (request.memberId === '') joinNewMember(context, group, join, outcome);
  else joinKnownMember(context, group, join, outcome);
}

/** While a rebalance gathers, those that are parked count, so that the last to come are left out when the limit was lowered. */
function hasRoom(context: ClassicContext, group: ClassicGroup, memberId: string): boolean {
  const { groupSizeMax } = context.config;
  if (group.state === 'Empty') return true;
  const member = group.members.get(memberId);
  if (group.state === 'PreparingRebalance') return (member !== undefined && member.joinToken !== null) || group.parkedJoinCount < groupSizeMax;
  return member !== undefined || group.members.size < groupSizeMax;
}

function joinNewMember(context: ClassicContext, group: ClassicGroup, join: Join, outcome: GroupOutcome): void {
  const { caller, request } = join;
  const memberId = `${request.groupInstanceId ?? caller.clientId}-${randomJavaUuid(context.random)}`;
  if (request.groupInstanceId !== null) {
    const oldMemberId = group.staticMemberId(request.groupInstanceId);
    if (oldMemberId === undefined) addMember(context, group, join, memberId, outcome);
    else takeOver(context, group, join, oldMemberId, memberId, outcome);
  } else if (caller.apiVersion >= REQUIRES_MEMBER_ID) {
    group.pendingMemberIds.add(memberId);
    context.deadlines.schedule(sessionKey(group.groupId, memberId), outcome.nowMs + request.sessionTimeoutMs, { kind: 'session', groupId: group.groupId, memberId });
    outcome.joinFailed(caller.token, memberId, ErrorCode.MEMBER_ID_REQUIRED);
  } else {
    addMember(context, group, join, memberId, outcome);
  }
}

function joinKnownMember(context: ClassicContext, group: ClassicGroup, join: Join, outcome: GroupOutcome): void {
  const { request, caller } = join;
  const { memberId } = request;
  if (group.pendingMemberIds.has(memberId)) {
    if (request.groupInstanceId === null) addMember(context, group, join, memberId, outcome);
    else outcome.joinFailed(caller.token, memberId, ErrorCode.UNKNOWN_MEMBER_ID);
    return;
  }
  const error = memberError(group, memberId, request.groupInstanceId);
  if (error !== ErrorCode.NONE) {
    outcome.joinFailed(caller.token, memberId, error);
    return;
  }
  const member = group.member(memberId);
  const isUnchanged = member.hasProtocols(request.protocols);
  switch (group.state) {
    case 'PreparingRebalance':
      rejoin(context, group, member, join, outcome);
      return;
    case 'CompletingRebalance':
      // The same again: it may have missed the answer. Changed: everybody has to hear of it.
      if (isUnchanged) outcome.joined(caller.token, joinedResponse(group, member));
      else rejoin(context, group, member, join, outcome);
      return;
    case 'Stable':
      // A leader that joins wants a new assignment, for reasons that the coordinator cannot see (new partitions).
      if (isUnchanged && group.leaderId !== memberId) outcome.joined(caller.token, joinedResponse(group, member));
      else rejoin(context, group, member, join, outcome);
      return;
    case 'Empty':
    case 'Dead':
      outcome.joinFailed(caller.token, memberId, ErrorCode.UNKNOWN_MEMBER_ID);
  }
}

function rejoin(context: ClassicContext, group: ClassicGroup, member: ClassicMember, join: Join, outcome: GroupOutcome): void {
  updateMember(group, member, join, outcome);
  rebalanceOrComplete(context, group, outcome);
}

/** The member's newest request is the one that counts; an older one that is still parked is answered, so that no connection hangs. */
function updateMember(group: ClassicGroup, member: ClassicMember, join: Join, outcome: GroupOutcome): void {
  if (member.joinToken !== null) outcome.joinFailed(member.joinToken, member.memberId, ErrorCode.REBALANCE_IN_PROGRESS);
  member.protocols = ownProtocols(join.request);
  member.rebalanceTimeoutMs = join.rebalanceTimeoutMs;
  member.sessionTimeoutMs = join.request.sessionTimeoutMs;
  group.parkJoin(member, join.caller.token);
}

function addMember(context: ClassicContext, group: ClassicGroup, join: Join, memberId: string, outcome: GroupOutcome): void {
  const { caller, request } = join;
  const member = newMember(join, memberId, caller.token);
  member.isNew = true;
  if (group.state === 'PreparingRebalance' && group.previousState === 'Empty') group.hasNewMember = true;
  group.add(member, request.protocolType);
  // It cannot heartbeat before it knows its id, and a client that went away is not seen while its join is parked: so its patience is limited.
  renewSession(context, group, member, outcome.nowMs, context.config.newMemberJoinTimeoutMs);
  rebalanceOrComplete(context, group, outcome);
}

function newMember(join: Join, memberId: string, token: ResponseToken): ClassicMember {
  const { caller, request } = join;
  const member = new ClassicMember({
    memberId,
    groupInstanceId: request.groupInstanceId,
    clientId: caller.clientId,
    clientHost: caller.clientHost,
    rebalanceTimeoutMs: join.rebalanceTimeoutMs,
    sessionTimeoutMs: request.sessionTimeoutMs,
    protocols: ownProtocols(request),
  });
  member.joinToken = token;
  return member;
}

/**
 * A static member comes back without its id (KIP-345): it gets a new one, and whoever holds the old one is fenced. A stable group whose protocol stays the same
 * only stores the new id; the answer waits for that.
 */
function takeOver(context: ClassicContext, group: ClassicGroup, join: Join, oldMemberId: string, memberId: string, outcome: GroupOutcome): void {
  const { caller, request } = join;
  const oldMember = group.member(oldMemberId);
  if (oldMember.joinToken !== null) {
    outcome.joinFailed(oldMember.joinToken, oldMemberId, ErrorCode.FENCED_INSTANCE_ID);
    group.parkJoin(oldMember, null);
  }
  if (oldMember.syncToken !== null) {
    outcome.syncFailed(oldMember.syncToken, ErrorCode.FENCED_INSTANCE_ID);
    oldMember.syncToken = null;
  }
  const leaderBefore = group.leaderId;
  const member = new ClassicMember({
    memberId,
    groupInstanceId: oldMember.groupInstanceId,
    clientId: oldMember.clientId,
    clientHost: oldMember.clientHost,
    rebalanceTimeoutMs: join.rebalanceTimeoutMs,
    sessionTimeoutMs: request.sessionTimeoutMs,
    protocols: ownProtocols(request),
    assignment: oldMember.assignment,
  });
  group.replace(oldMemberId, member);
  endSession(context, group, oldMemberId);
  renewSession(context, group, member, outcome.nowMs);
  if (group.state === 'CompletingRebalance') {
    // The leader may be computing an assignment for the old id.
    group.parkJoin(member, caller.token);
    prepareRebalance(context, group, outcome);
  } else if (group.state === 'Stable' && selectProtocol([...group.members.values()]) === group.protocolName) {
    const isLeader = group.leaderId === memberId;
    const response = caller.apiVersion >= SKIPS_ASSIGNMENT
      ? joinedResponse(group, member, { skipAssignment: isLeader })
      : joinedResponse(group, member, { leader: leaderBefore ?? '', withMembers: false });
    outcome.joined(caller.token, response);
    outcome.records.push(groupMetadataRecord(group));
    outcome.undo = { kind: 'static-member', groupId: group.groupId, newMemberId: memberId, oldMember };
  } else {
    group.parkJoin(member, caller.token);
    rebalanceOrComplete(context, group, outcome);
  }
}

/** Copies: a request's bytes are views of its frame. */
function ownProtocols(request: JoinGroupRequest): MemberProtocol[] {
  return request.protocols.map((it) => ({ name: it.name, metadata: new Uint8Array(it.metadata) }));
}

/** As Java's `UUID.randomUUID().toString()`. */
function randomJavaUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (it) => it.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
