import type { BrokerEpoch, BrokerId, Offset, TimestampMs } from '@millrace/foundation';

const UNKNOWN: Offset = -1;

/** What a leader knows of one follower, learnt from its fetches. */
export class FollowerProgress {
  /** The follower's log end offset: the offset it last fetched from. -1 until it has fetched from this leadership. */
  logEndOffset: Offset = UNKNOWN;
  logStartOffset: Offset = UNKNOWN;
  /** When the follower last had all that the leader had. */
  lastCaughtUpMs: TimestampMs = 0;
  brokerEpoch: BrokerEpoch = -1;
  /** Not fenced, not shutting down, and its last fetch was of the registered incarnation (Invariant 10). */
  isEligible = false;
  /** Not fenced and not shutting down, as far as known; DeleteRecords waits for it. */
  isActive = false;
  private lastFetchMs: TimestampMs = 0;
  private leaderEndAtLastFetch: Offset = 0;

  constructor(readonly brokerId: BrokerId) {}

  fetched(fetch: { fetchOffset: Offset; logStartOffset: Offset; brokerEpoch: BrokerEpoch; isEligible: boolean; nowMs: TimestampMs }, leaderEndOffset: Offset): void {
    // Caught up now, or caught up with what there was at the fetch before: then that moment counts.
    if (fetch.fetchOffset >= leaderEndOffset) this.lastCaughtUpMs = Math.max(this.lastCaughtUpMs, fetch.nowMs);
    else if (fetch.fetchOffset >= this.leaderEndAtLastFetch) this.lastCaughtUpMs = Math.max(this.lastCaughtUpMs, this.lastFetchMs);
    this.logEndOffset = fetch.fetchOffset;
    this.logStartOffset = fetch.logStartOffset;
    this.brokerEpoch = fetch.brokerEpoch;
    this.isEligible = fetch.isEligible;
    this.isActive ||= fetch.isEligible;
    this.lastFetchMs = fetch.nowMs;
    this.leaderEndAtLastFetch = leaderEndOffset;
  }

  /** At `atMs` it asked for what comes after `fetchOffset`, and that was all there was. */
  wasCaughtUp(fetchOffset: Offset, atMs: TimestampMs): void {
    if (this.logEndOffset !== fetchOffset || atMs < this.lastFetchMs) return;
    this.lastCaughtUpMs = Math.max(this.lastCaughtUpMs, atMs);
    this.lastFetchMs = atMs;
    this.leaderEndAtLastFetch = fetchOffset;
  }

  /** The metadata says how the broker fares: what it fetched under another registration no longer speaks for it; what it fetched under this one does again once it is active again. */
  heardOf(registration: { readonly isActive: boolean; readonly brokerEpoch: BrokerEpoch }): void {
    this.isActive = registration.isActive;
    if (!registration.isActive || (this.brokerEpoch >= 0 && this.brokerEpoch !== registration.brokerEpoch)) this.isEligible = false;
    else if (this.brokerEpoch >= 0) this.isEligible = true;
  }

  /** A new leader epoch: a member of the in-sync set gets the benefit of the doubt for one lag period. */
  reset(nowMs: TimestampMs, leaderEndOffset: Offset, options: { isNewLeader: boolean; isInSync: boolean }): void {
    this.lastCaughtUpMs = options.isInSync ? nowMs : 0;
    if (options.isNewLeader) {
      this.logEndOffset = UNKNOWN;
      this.logStartOffset = UNKNOWN;
      this.lastFetchMs = 0;
      this.leaderEndAtLastFetch = 0;
      this.isEligible = false;
      this.brokerEpoch = -1;
    } else {
      this.lastFetchMs = options.isInSync ? nowMs : 0;
      this.leaderEndAtLastFetch = leaderEndOffset;
    }
  }

  isCaughtUp(leaderEndOffset: Offset, nowMs: TimestampMs, lagMsMax: number): boolean {
    return leaderEndOffset === this.logEndOffset || nowMs - this.lastCaughtUpMs <= lagMsMax;
  }
}
