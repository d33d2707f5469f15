/** What a worker's place in its group asks of the herder and tells it. Calls come one after the other. */
export interface MembershipEvents {
  /** Names and metadata to join with, by preference. */
  protocols(): readonly { readonly name: string; readonly metadata: Uint8Array }[];
  /** On the leader: the assignment of each member. */
  assign(round: AssignmentRound): Promise<ReadonlyMap<string, Uint8Array>>;
  onAssigned(assigned: AssignedRound): Promise<void>;
  /** Before the group is joined again. */
  onRejoin(): Promise<void>;
  /** The coordinator counted this worker in `ageMs` ago. */
  onAlive(ageMs: number): void;
  /** The coordinator cannot be reached, or is another now; `onAlive` says when that is over. */
  onUnreachable(reason: Error): void;
  /** The membership is lost: another worker may already run what this one runs. */
  onLost(): Promise<void>;
}

export interface AssignmentRound {
  readonly generation: number;
  readonly protocol: string;
  readonly leaderId: string;
  readonly members: readonly { readonly memberId: string; readonly metadata: Uint8Array }[];
}

export interface AssignedRound {
  readonly generation: number;
  readonly protocol: string;
  readonly memberId: string;
  readonly assignment: Uint8Array;
}

/** A worker's place in the group of protocol type `connect`. */
export interface GroupMembership {
  /** Joins, and stays: whatever breaks is joined again. */
  start(events: MembershipEvents): void;
  /** Asks for a new round; soon, not at once. */
  requestRejoin(): void;
  /** Leaves the group until `requestRejoin`; without a call of `onLost`. */
  leave(reason: string): Promise<void>;
  /** Leaves the group. */
  stop(): Promise<void>;
}
