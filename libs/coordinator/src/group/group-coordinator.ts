import { invariant, ZERO_UUID, type Random } from '@millrace/foundation';
import {
  ErrorCode,
  type DeleteGroupsRequest,
  type DescribeGroupsResponseInput,
  type HeartbeatRequest,
  type JoinGroupRequest,
  type LeaveGroupRequest,
  type ListGroupsResponseInput,
  type OffsetCommitRequest,
  type OffsetDeleteRequest,
  type OffsetFetchResponseInput,
  type SyncGroupRequest,
  type TxnOffsetCommitRequest,
} from '@millrace/protocol';
import type { CoordinatorShard, ReplayPosition } from '../coordinator-shard.js';
import { Deadlines } from '../deadlines.js';
import { deleteGroup, deleteOffsets, descriptionOf, listGroups, missingGroup } from './admin.js';
import { ClassicGroup } from './classic/classic-group.js';
import { heartbeat } from './classic/heartbeat.js';
import { joinGroup } from './classic/join.js';
import { leaveFailed, leaveGroup } from './classic/leave.js';
import { completeJoin, endInitialDelay, prepareRebalance, renewSession, endSession, type ClassicContext } from './classic/rebalance.js';
import { sessionEnded } from './classic/session.js';
import { assignmentFailed, syncGroup, syncTimedOut } from './classic/sync.js';
import type { GroupConfig } from './group-config.js';
import { failedReply, GroupOutcome, replyErrorOf, type GroupCaller, type GroupEffects, type GroupReply } from './group-effects.js';
import { groupTombstone, type GroupRecord } from './group-record.js';
import { EXPIRE_OFFSETS_KEY, type GroupTimer } from './group-timer.js';
import { commitOffsets, commitOffsetsInTransaction } from './offsets/commit.js';
import { CommittedOffsets } from './offsets/committed-offsets.js';
import { expireOffsets, offsetTombstone } from './offsets/expiry.js';
import { fetchOffsets, type OffsetFetchQuestion } from './offsets/fetch.js';
import { restoreGroup } from './restore.js';
import { Uncommitted, type GroupDescription } from './uncommitted.js';

/** Tombstones of expired offsets are written in batches of about this many. */
const EXPIRY_RECORDS_PER_BATCH = 1000;

export interface GroupCoordinatorOptions {
  readonly config: GroupConfig;
  /** For member ids. */
  readonly random: Random;
}

/** One partition of `__consumer_offsets`: the groups whose ids hash to it, and their committed offsets. See CoordinatorShard for the order of calls. */
export class GroupCoordinator implements CoordinatorShard<GroupRecord, GroupReply, GroupEffects> {
  private phase: 'loading' | 'active' | 'unloaded' = 'loading';
  private readonly groups = new Map<string, ClassicGroup>();
  private readonly offsets = new CommittedOffsets();
  private readonly uncommitted = new Uncommitted();
  private readonly deadlines = new Deadlines<GroupTimer>();
  private readonly context: ClassicContext;
  /** Effects whose append has been neither confirmed nor refused. */
  private unsettled: GroupEffects | null = null;
  private expiryQueue: string[] = [];

  constructor(options: GroupCoordinatorOptions) {
    this.context = { config: options.config, deadlines: this.deadlines, random: options.random };
  }

  joinGroup(caller: GroupCaller, request: JoinGroupRequest): GroupEffects {
    const outcome = this.begin(caller.nowMs);
    const { sessionTimeoutMsMin, sessionTimeoutMsMax } = this.context.config;
    if (request.groupId === '') outcome.joinFailed(caller.token, request.memberId, ErrorCode.INVALID_GROUP_ID);
    else if (request.sessionTimeoutMs < sessionTimeoutMsMin || request.sessionTimeoutMs > sessionTimeoutMsMax) outcome.joinFailed(caller.token, request.memberId, ErrorCode.INVALID_SESSION_TIMEOUT);
    else {
      // Only a member that has no id yet can begin a group.
      const group = request.memberId === '' ? this.groupOrNew(request.groupId) : this.groups.get(request.groupId);
      if (group === undefined) outcome.joinFailed(caller.token, request.memberId, ErrorCode.UNKNOWN_MEMBER_ID);
      else joinGroup(this.context, group, caller, request, outcome);
    }
    return this.settleLater(outcome);
  }

  syncGroup(caller: GroupCaller, request: SyncGroupRequest): GroupEffects {
    const outcome = this.begin(caller.nowMs);
    const group = this.groups.get(request.groupId);
    if (request.groupId === '') outcome.syncFailed(caller.token, ErrorCode.INVALID_GROUP_ID);
    else if (group === undefined) outcome.syncFailed(caller.token, ErrorCode.UNKNOWN_MEMBER_ID);
    else syncGroup(this.context, group, caller, request, outcome);
    return this.settleLater(outcome);
  }

  /** The error code to answer; never writes, never waits. */
  heartbeat(request: HeartbeatRequest, nowMs: number): number {
    this.begin(nowMs);
    if (request.groupId === '') return ErrorCode.INVALID_GROUP_ID;
    const group = this.groups.get(request.groupId);
    return group === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : heartbeat(this.context, group, request, nowMs);
  }

  leaveGroup(caller: GroupCaller, request: LeaveGroupRequest): GroupEffects {
    const outcome = this.begin(caller.nowMs);
    const group = this.groups.get(request.groupId);
    if (group !== undefined) leaveGroup(this.context, group, caller, request, outcome);
    else {
      const response = request.groupId === '' ? { errorCode: ErrorCode.INVALID_GROUP_ID, members: [] } : leaveFailed(request, caller.apiVersion, ErrorCode.UNKNOWN_MEMBER_ID);
      outcome.replies.push({ token: caller.token, api: 'LeaveGroup', response });
    }
    return this.settleLater(outcome);
  }

  offsetCommit(caller: GroupCaller, request: OffsetCommitRequest): GroupEffects {
    const outcome = this.begin(caller.nowMs);
    commitOffsets(this.context, this.groups.get(request.groupId), caller, request, outcome);
    return this.settleLater(outcome);
  }

  txnOffsetCommit(caller: GroupCaller, request: TxnOffsetCommitRequest): GroupEffects {
    const outcome = this.begin(caller.nowMs);
    commitOffsetsInTransaction(this.context, this.groups.get(request.groupId), caller, request, outcome);
    return this.settleLater(outcome);
  }

  /** One group of an OffsetFetch, from what is committed. `topicIdOf` names topics for versions that speak in ids. */
  offsetFetch(question: OffsetFetchQuestion, topicIdOf: (name: string) => string = () => ZERO_UUID): OffsetFetchResponseInput.Group {
    this.mustServe();
    return fetchOffsets({ offsets: this.offsets, before: this.uncommitted.offsetsBefore(question.groupId) }, question, topicIdOf);
  }

  /** The same for one who must not miss a commit that is under way: from what is appended. As any reply it waits until that is committed. */
  offsetFetchOfAppended(caller: GroupCaller, question: OffsetFetchQuestion, topicIdOf: (name: string) => string = () => ZERO_UUID): GroupEffects {
    const outcome = this.begin(caller.nowMs);
    outcome.replies.push({ token: caller.token, api: 'OffsetFetch', response: fetchOffsets({ offsets: this.offsets, before: new Map() }, question, topicIdOf) });
    return outcome;
  }

  offsetDelete(caller: GroupCaller, request: OffsetDeleteRequest): GroupEffects {
    const outcome = this.begin(caller.nowMs);
    const response = request.groupId === '' ? { errorCode: ErrorCode.INVALID_GROUP_ID, topics: [] } : deleteOffsets(this.groups.get(request.groupId), this.offsets, request, outcome);
    outcome.replies.push({ token: caller.token, api: 'OffsetDelete', response });
    return this.settleLater(outcome);
  }

  /** The groups of the request that live on this shard. */
  deleteGroups(caller: GroupCaller, request: DeleteGroupsRequest): GroupEffects {
    const outcome = this.begin(caller.nowMs);
    const results = [...new Set(request.groupsNames)].map((groupId) => ({
      groupId,
      errorCode: groupId === '' ? ErrorCode.INVALID_GROUP_ID : deleteGroup(this.groups.get(groupId), this.offsets, outcome),
    }));
    outcome.replies.push({ token: caller.token, api: 'DeleteGroups', response: { results } });
    return this.settleLater(outcome);
  }

  /** A group whose last record is not committed is shown as it was before it. */
  describeGroups(groupIds: readonly string[], apiVersion: number): DescribeGroupsResponseInput.Group[] {
    this.mustServe();
    return groupIds.map((groupId) => this.shown(groupId) ?? missingGroup(groupId, apiVersion));
  }

  listGroups(filters: { readonly states: readonly string[]; readonly types: readonly string[] }): ListGroupsResponseInput.Group[] {
    this.mustServe();
    return listGroups(this.allShown(), filters);
  }

  /** These topics are gone: their committed offsets go too. */
  topicsDeleted(topics: ReadonlySet<string>, nowMs: number): GroupEffects {
    const outcome = this.begin(nowMs);
    for (const key of this.offsets.keysOfTopics(topics)) outcome.records.push(offsetTombstone(key.group, key.topic, key.partition));
    return this.settleLater(outcome);
  }

  /** What a group is now; for tests and metrics. */
  group(groupId: string): ClassicGroup | undefined {
    return this.groups.get(groupId);
  }

  get committedOffsets(): CommittedOffsets {
    return this.offsets;
  }

  /** Everything below this offset of the partition is committed: what reads show. */
  committedTo(endOffset: number): void {
    this.uncommitted.committedTo(endOffset);
  }

  replay(record: GroupRecord, position: ReplayPosition): void {
    if (this.phase === 'active' && this.uncommitted.isUncommitted(position.offset)) this.keepBefore(record, position);
    if (record.type === 'OffsetCommit') {
      this.offsets.replay(record.key, record.value, position);
      if (record.value !== null) this.groupOrNew(record.key.group).isPersisted = true;
      return;
    }
    const groupId = record.key.group;
    const { value } = record;
    const group = this.groups.get(groupId);
    if (value === null) {
      if (group === undefined) return;
      for (const memberId of [...group.members.keys(), ...group.pendingMemberIds]) endSession(this.context, group, memberId);
      this.groups.delete(groupId);
    } else if (group === undefined || this.phase === 'loading') {
      const restored = restoreGroup(groupId, value);
      restored.isPersisted = true;
      this.groups.set(groupId, restored);
    } else {
      group.isPersisted = true;
      if (group.state !== 'CompletingRebalance' || group.generationId !== value.generation) return;
      for (const it of value.members) group.member(it.memberId).assignment = it.assignment;
      group.transitionTo('Stable', value.currentStateTimestamp);
    }
  }

  /** A transaction's marker in this partition. */
  replayEndTransaction(producerId: number, isCommit: boolean): void {
    this.offsets.endTransaction(producerId, isCommit);
  }

  loaded(nowMs: number): void {
    invariant(this.phase === 'loading', `loaded while ${this.phase}`);
    this.phase = 'active';
    for (const group of this.groups.values()) {
      for (const member of group.members.values()) renewSession(this.context, group, member, nowMs);
      // The limit was lowered meanwhile: those that rejoin first stay.
      if (group.members.size > this.context.config.groupSizeMax) prepareRebalance(this.context, group, new GroupOutcome(nowMs));
    }
    this.deadlines.schedule(EXPIRE_OFFSETS_KEY, nowMs + this.context.config.offsetsRetentionCheckIntervalMs, { kind: 'expire-offsets' });
  }

  unload(): readonly GroupReply[] {
    const outcome = new GroupOutcome(-1);
    for (const group of this.groups.values()) {
      for (const member of group.members.values()) {
        if (member.joinToken !== null) outcome.joinFailed(member.joinToken, member.memberId, ErrorCode.NOT_COORDINATOR);
        if (member.syncToken !== null) outcome.syncFailed(member.syncToken, ErrorCode.NOT_COORDINATOR);
      }
    }
    this.phase = 'unloaded';
    this.unsettled = null;
    this.groups.clear();
    this.deadlines.clear();
    return outcome.replies;
  }

  appended(effects: GroupEffects, baseOffset: number): void {
    // The append itself may have shown that the partition is lost.
    if (this.phase === 'unloaded') return;
    invariant(this.unsettled === effects, 'these effects are not the ones that wait for their append');
    this.unsettled = null;
    const producerId = effects.transaction?.producerId ?? -1;
    effects.records.forEach((record, i) => this.replay(record, { offset: baseOffset + i, producerId }));
  }

  appendFailed(effects: GroupEffects, errorCode: number, nowMs: number): GroupEffects {
    const outcome = new GroupOutcome(nowMs);
    for (const reply of effects.replies) outcome.replies.push(failedReply(reply, replyErrorOf(errorCode, reply.api)));
    if (this.phase === 'unloaded') return outcome;
    invariant(this.unsettled === effects, 'these effects are not the ones that wait for their append');
    this.unsettled = null;
    const { undo } = effects;
    const group = undo === null ? undefined : this.groups.get(undo.groupId);
    if (undo?.kind === 'assignment' && group !== undefined) assignmentFailed(this.context, group, undo.generationId, outcome);
    if (undo?.kind === 'static-member' && group !== undefined) {
      group.replace(undo.newMemberId, undo.oldMember);
      endSession(this.context, group, undo.newMemberId);
      renewSession(this.context, group, undo.oldMember, nowMs);
    }
    return this.settleLater(outcome);
  }

  /** The clock that inputs tell was set by `movedMs`: sessions and rebalances last as long as they would have. */
  clockMoved(movedMs: number): void {
    this.deadlines.shift(movedMs);
  }

  nextDueMs(): number {
    return this.deadlines.nextDueMs();
  }

  tick(nowMs: number): GroupEffects | null {
    if (this.phase !== 'active') return null;
    const outcome = this.begin(nowMs);
    const timer = this.deadlines.takeDue(nowMs);
    if (timer === undefined) return null;
    if (timer.kind === 'expire-offsets') this.expireOffsets(outcome);
    else this.fire(timer, outcome);
    return this.settleLater(outcome);
  }

  private fire(timer: Exclude<GroupTimer, { kind: 'expire-offsets' }>, outcome: GroupOutcome): void {
    const group = this.groups.get(timer.groupId);
    if (group === undefined) return;
    switch (timer.kind) {
      case 'session':
        sessionEnded(this.context, group, timer.memberId, outcome);
        return;
      case 'join':
        completeJoin(this.context, group, outcome);
        return;
      case 'initial-join':
        endInitialDelay(this.context, group, timer, outcome);
        return;
      case 'sync':
        syncTimedOut(this.context, group, timer.generationId, outcome);
    }
  }

  /** Some groups at a time, so that no batch is too large. */
  private expireOffsets(outcome: GroupOutcome): void {
    const { nowMs } = outcome;
    if (this.expiryQueue.length === 0) this.expiryQueue = [...this.groups.keys()];
    const time = { nowMs, retentionMs: this.context.config.offsetsRetentionMs };
    while (this.expiryQueue.length > 0 && outcome.records.length < EXPIRY_RECORDS_PER_BATCH) {
      const group = this.groups.get(this.expiryQueue.pop() ?? '');
      if (group === undefined) continue;
      const isAllGone = expireOffsets(group, this.offsets, time, outcome.records);
      if (!isAllGone || group.state !== 'Empty' || group.pendingMemberIds.size > 0) continue;
      if (group.isPersisted) outcome.records.push(groupTombstone(group.groupId));
      else this.groups.delete(group.groupId);
    }
    const nextMs = this.expiryQueue.length > 0 ? nowMs : nowMs + this.context.config.offsetsRetentionCheckIntervalMs;
    this.deadlines.schedule(EXPIRE_OFFSETS_KEY, nextMs, { kind: 'expire-offsets' });
  }

  private keepBefore(record: GroupRecord, { offset: recordOffset, producerId }: ReplayPosition): void {
    const groupId = record.key.group;
    const group = this.groups.get(groupId);
    if (record.type !== 'OffsetCommit') {
      this.uncommitted.groupChanges(groupId, recordOffset, () => (group === undefined ? undefined : descriptionOf(group)));
      return;
    }
    const { topic, partition } = record.key;
    if (producerId < 0) this.uncommitted.offsetChanges({ recordOffset, groupId, topic, partition, before: this.offsets.get(groupId, topic, partition) });
    if (group === undefined && record.value !== null) this.uncommitted.groupChanges(groupId, recordOffset, () => undefined);
  }

  private shown(groupId: string): GroupDescription | undefined {
    const changing = this.uncommitted.groupBefore(groupId);
    if (changing !== undefined) return changing.before;
    const group = this.groups.get(groupId);
    return group === undefined ? undefined : descriptionOf(group);
  }

  private *allShown(): Iterable<{ readonly groupId: string; readonly protocolType: string; readonly groupState: string }> {
    for (const [groupId, { protocolType, state }] of this.groups) if (this.uncommitted.groupBefore(groupId) === undefined) yield { groupId, protocolType: protocolType ?? '', groupState: state };
    for (const before of this.uncommitted.groupsBefore()) if (before !== undefined) yield { groupId: before.groupId, protocolType: before.protocolType ?? '', groupState: before.groupState ?? '' };
  }

  private groupOrNew(groupId: string): ClassicGroup {
    let group = this.groups.get(groupId);
    if (group === undefined) this.groups.set(groupId, (group = new ClassicGroup(groupId)));
    return group;
  }

  private begin(nowMs: number): GroupOutcome {
    this.mustServe();
    invariant(this.unsettled === null, 'the shard waits to hear how its last append went');
    return new GroupOutcome(nowMs);
  }

  private mustServe(): void {
    invariant(this.phase === 'active', `the shard is ${this.phase}`);
  }

  private settleLater(outcome: GroupOutcome): GroupEffects {
    if (outcome.records.length > 0) this.unsettled = outcome;
    return outcome;
  }
}
