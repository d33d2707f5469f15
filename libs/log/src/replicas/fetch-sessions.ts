import type { BrokerEpoch, BrokerId, Clock } from '@millrace/foundation';
import type { ErrorName, FetchRequest } from '@millrace/protocol';
import { FetchSession, type FetchSessionOptions } from './fetch-session.js';

const SESSIONS_MAX = 1000;
/** One that was used since then is not given up for another. */
const KEPT_MS = 120_000;
const SESSION_ID_MAX = 2 ** 31 - 1;

export interface SessionOwner {
  readonly replicaId: BrokerId;
  readonly brokerEpoch: BrokerEpoch;
}

/** The fetch sessions of the followers of this broker. */
export class FetchSessions {
  private readonly sessions = new Map<number, { readonly session: FetchSession; usedMs: number }>();
  private nextId = 1;

  constructor(
    private readonly clock: Clock,
    private readonly partitions: Pick<FetchSessionOptions, 'find'>,
  ) {}

  get size(): number {
    return this.sessions.size;
  }

  /** The session of this request, ready for it; null: it is to be answered without one; or the error to answer. */
  sessionFor(request: FetchRequest, owner: SessionOwner, isHeldBack: FetchSessionOptions['isHeldBack']): FetchSession | null | ErrorName {
    const { sessionId, sessionEpoch } = request;
    const isFull = sessionEpoch === 0 || sessionEpoch === -1;
    if (isFull) {
      this.end(sessionId);
      return sessionEpoch === 0 ? this.begin(owner, isHeldBack) : null;
    }
    const found = this.sessions.get(sessionId);
    if (found === undefined) return 'FETCH_SESSION_ID_NOT_FOUND';
    const { session } = found;
    if (session.replicaId !== owner.replicaId || session.brokerEpoch !== owner.brokerEpoch) {
      this.end(sessionId);
      return 'FETCH_SESSION_ID_NOT_FOUND';
    }
    if (session.epoch !== sessionEpoch) return 'INVALID_FETCH_SESSION_EPOCH';
    session.epoch = sessionEpoch === SESSION_ID_MAX ? 1 : sessionEpoch + 1;
    found.usedMs = this.clock.monotonicMs();
    return session;
  }

  private begin(owner: SessionOwner, isHeldBack: FetchSessionOptions['isHeldBack']): FetchSession | null {
    const nowMs = this.clock.monotonicMs();
    if (this.sessions.size >= SESSIONS_MAX && !this.makeRoom(nowMs)) return null;
    const sessionId = this.nextId;
    this.nextId = sessionId === SESSION_ID_MAX ? 1 : sessionId + 1;
    const session = new FetchSession({ ...owner, ...this.partitions, sessionId, isHeldBack });
    this.sessions.set(sessionId, { session, usedMs: nowMs });
    return session;
  }

  private makeRoom(nowMs: number): boolean {
    let oldest: { sessionId: number; usedMs: number } | undefined;
    for (const [sessionId, { usedMs }] of this.sessions) if (oldest === undefined || usedMs < oldest.usedMs) oldest = { sessionId, usedMs };
    if (oldest === undefined || nowMs - oldest.usedMs < KEPT_MS) return false;
    this.end(oldest.sessionId);
    return true;
  }

  private end(sessionId: number): void {
    this.sessions.get(sessionId)?.session.close();
    this.sessions.delete(sessionId);
  }
}
