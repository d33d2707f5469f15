import type { ResponseToken } from '../../coordinator-shard.js';

export const NO_BYTES = new Uint8Array(0);

/** A protocol (assignor) that a member can follow, with what it wants to tell the leader. The bytes are opaque. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

export interface ClassicMemberOptions {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocols: readonly MemberProtocol[];
  readonly assignment?: Uint8Array;
}

export class ClassicMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  protocols: readonly MemberProtocol[];
  assignment: Uint8Array;
  /** The parked JoinGroup. */
  joinToken: ResponseToken | null = null;
  /** The parked SyncGroup. */
  syncToken: ResponseToken | null = null;
  /** Has never seen a completed join: it does not know its id, so it cannot send heartbeats. */
  isNew = false;

  constructor(options: ClassicMemberOptions) {
    this.memberId = options.memberId;
    this.groupInstanceId = options.groupInstanceId;
    this.clientId = options.clientId;
    this.clientHost = options.clientHost;
    this.rebalanceTimeoutMs = options.rebalanceTimeoutMs;
    this.sessionTimeoutMs = options.sessionTimeoutMs;
    this.protocols = options.protocols;
    this.assignment = options.assignment ?? NO_BYTES;
  }

  /** A member with a parked request is alive without heartbeats; a new one must be able to time out. */
  get isAliveWithoutHeartbeat(): boolean {
    return !this.isNew && (this.joinToken !== null || this.syncToken !== null);
  }

  metadataFor(protocolName: string | null): Uint8Array {
    return this.protocols.find((it) => it.name === protocolName)?.metadata ?? NO_BYTES;
  }

  /** Same protocols, in the same order, with the same bytes. */
  hasProtocols(protocols: readonly MemberProtocol[]): boolean {
    return this.protocols.length === protocols.length && this.protocols.every((it, i) => it.name === protocols[i]!.name && sameBytes(it.metadata, protocols[i]!.metadata));
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
