import { invariant } from '@millrace/foundation';
import { NO_BYTES, type ClassicMember, type MemberProtocol } from './classic-member.js';
import { selectProtocol } from './protocol-selection.js';
import { canTransition, type ClassicGroupState } from './states.js';
import { CONSUMER_PROTOCOL_TYPE, subscribedTopics } from './subscribed-topics.js';

/** One group and its members. It knows no requests: the files beside it change it, each by one kind of request. */
export class ClassicGroup {
  state: ClassicGroupState = 'Empty';
  previousState: ClassicGroupState = 'Empty';
  /** When the state last changed; -1 when never (a group that only has offsets). */
  stateChangedMs = -1;
  /** Invariant 5: never decreases while the group exists. */
  generationId = 0;
  protocolType: string | null = null;
  protocolName: string | null = null;
  leaderId: string | null = null;
  /** In the order in which they joined. */
  readonly members = new Map<string, ClassicMember>();
  /** Ids that were given out with MEMBER_ID_REQUIRED and have not come back. */
  readonly pendingMemberIds = new Set<string>();
  /** Members of this generation that have not sent their SyncGroup. */
  readonly pendingSyncIds = new Set<string>();
  /** Set when a member came during the initial delay: it may be extended. */
  hasNewMember = false;
  /** Topics of a consumer group's subscriptions; null when unknown. */
  topics: ReadonlySet<string> | null = null;
  /** The log knows of it: deleting it needs a tombstone. */
  isPersisted = false;
  private readonly memberIdByInstanceId = new Map<string, string>();
  private parkedJoins = 0;

  constructor(readonly groupId: string) {}

  get parkedJoinCount(): number {
    return this.parkedJoins;
  }

  /** Only offsets, no membership ever: a "simple" group. */
  get isSimple(): boolean {
    return this.protocolType === null && this.state === 'Empty' && this.pendingMemberIds.size === 0;
  }

  get usesConsumerProtocol(): boolean {
    return this.protocolType === CONSUMER_PROTOCOL_TYPE;
  }

  get hasAllMembersJoined(): boolean {
    return this.members.size === this.parkedJoins && this.pendingMemberIds.size === 0;
  }

  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs);
    return longest;
  }

  isSubscribedTo(topic: string): boolean {
    return this.topics === null ? this.usesConsumerProtocol : this.topics.has(topic);
  }

  staticMemberId(groupInstanceId: string): string | undefined {
    return this.memberIdByInstanceId.get(groupInstanceId);
  }

  member(memberId: string): ClassicMember {
    const member = this.members.get(memberId);
    invariant(member !== undefined, `group ${this.groupId} has no member ${memberId}`);
    return member;
  }

  transitionTo(state: ClassicGroupState, nowMs: number): void {
    invariant(canTransition(this.state, state), `group ${this.groupId}: ${this.state} -> ${state}`);
    this.previousState = this.state;
    this.state = state;
    this.stateChangedMs = nowMs;
  }

  /** Whether a member with these protocols can be in this group. */
  supports(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.state === 'Empty') return protocolType !== '' && protocols.length > 0;
    return this.protocolType === protocolType && protocols.some((it) => this.isKnownToAll(it.name));
  }

  add(member: ClassicMember, protocolType: string): void {
    invariant(!this.members.has(member.memberId), `member ${member.memberId} is there already`);
    if (member.groupInstanceId !== null) {
      invariant(!this.memberIdByInstanceId.has(member.groupInstanceId), `instance ${member.groupInstanceId} is there already`);
      this.memberIdByInstanceId.set(member.groupInstanceId, member.memberId);
    }
    if (this.members.size === 0) this.protocolType = protocolType;
    this.leaderId ??= member.memberId;
    this.members.set(member.memberId, member);
    if (member.joinToken !== null) this.parkedJoins++;
    this.pendingMemberIds.delete(member.memberId);
  }

  remove(memberId: string): void {
    const member = this.members.get(memberId);
    if (member !== undefined) {
      invariant(member.joinToken === null && member.syncToken === null, `member ${memberId} leaves with an unanswered request`);
      this.members.delete(memberId);
      if (member.groupInstanceId !== null) this.memberIdByInstanceId.delete(member.groupInstanceId);
    }
    if (this.leaderId === memberId) this.leaderId = this.members.keys().next().value ?? null;
    this.pendingMemberIds.delete(memberId);
    this.pendingSyncIds.delete(memberId);
  }

  /** `member` takes the place (in order, leadership and instance id) of the member with the id `oldMemberId`. */
  replace(oldMemberId: string, member: ClassicMember): void {
    invariant(member.groupInstanceId !== null && this.members.has(oldMemberId), `no static member ${oldMemberId}`);
    const inOrder = [...this.members.values()];
    this.members.clear();
    for (const it of inOrder) {
      if (it.memberId === oldMemberId) this.members.set(member.memberId, member);
      else this.members.set(it.memberId, it);
    }
    this.memberIdByInstanceId.set(member.groupInstanceId, member.memberId);
    if (this.leaderId === oldMemberId) this.leaderId = member.memberId;
    this.pendingSyncIds.delete(oldMemberId);
  }

  parkJoin(member: ClassicMember, token: number | null): void {
    if (member.joinToken === null && token !== null) this.parkedJoins++;
    if (member.joinToken !== null && token === null) this.parkedJoins--;
    member.joinToken = token;
  }

  /** When the leader has not rejoined, the first member that has takes over. False when nobody has. */
  electJoinedLeader(): boolean {
    if (this.leaderId === null) return false;
    if (this.member(this.leaderId).joinToken !== null) return true;
    for (const member of this.members.values()) {
      if (member.joinToken === null) continue;
      this.leaderId = member.memberId;
      return true;
    }
    return false;
  }

  /** The join phase is over: a new generation begins, with these members. */
  nextGeneration(nowMs: number): void {
    this.generationId++;
    this.protocolName = selectProtocol([...this.members.values()]);
    this.pendingSyncIds.clear();
    this.recomputeTopics();
    this.transitionTo(this.members.size === 0 ? 'Empty' : 'CompletingRebalance', nowMs);
  }

  recomputeTopics(): void {
    if (!this.usesConsumerProtocol) this.topics = null;
    else if (this.members.size === 0) this.topics = new Set();
    else this.topics = this.protocolName === null ? null : subscribedTopics([...this.members.values()].map((it) => it.metadataFor(this.protocolName)));
  }

  clearAssignments(): void {
    for (const member of this.members.values()) member.assignment = NO_BYTES;
  }

  private isKnownToAll(name: string): boolean {
    for (const member of this.members.values()) if (!member.protocols.some((it) => it.name === name)) return false;
    return true;
  }
}
