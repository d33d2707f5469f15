import type { MetadataRecord } from '@millrace/protocol';
import type { BrokerContacts } from './broker-contacts.js';
import { fenceSilentBroker } from './broker-heartbeat.js';
import { ELECTIONS_PER_CHECK_MAX, LEADER_CHECK_INTERVAL_MS } from './controller-config.js';
import type { ControllerView } from './controller-result.js';
import { balanceLeaders, electUncleanLeaders } from './elect-leaders.js';

/** What an active controller does of itself as time goes by. */
export class PeriodicChecks {
  private balanceAtMs = Number.POSITIVE_INFINITY;
  private uncleanAtMs = Number.POSITIVE_INFINITY;
  private isUncleanAsked = false;

  constructor(
    private readonly view: ControllerView,
    private readonly contacts: BrokerContacts,
  ) {}

  begin(nowMs: number): void {
    this.balanceAtMs = nowMs + this.balanceIntervalMs;
    this.uncleanAtMs = nowMs + this.uncleanIntervalMs;
  }

  /** A topic may have become one that would rather lose records than wait. */
  uncleanElectionsAsked(): void {
    this.isUncleanAsked = true;
  }

  /** The records of one check, the most urgent first; to be called again while there are any. */
  next(nowMs: number): readonly MetadataRecord[] {
    if (this.uncleanAtMs === Number.POSITIVE_INFINITY) this.begin(nowMs);
    const fenced = fenceSilentBroker(this.view, this.contacts, nowMs);
    if (fenced.length > 0) return fenced;
    if (this.isUncleanAsked || nowMs >= this.uncleanAtMs) {
      const elected = electUncleanLeaders(this.view);
      this.isUncleanAsked = elected.length >= ELECTIONS_PER_CHECK_MAX;
      this.uncleanAtMs = nowMs + this.uncleanIntervalMs;
      if (elected.length > 0) return elected;
    }
    if (nowMs < this.balanceAtMs) return [];
    const balanced = balanceLeaders(this.view);
    if (balanced.length < ELECTIONS_PER_CHECK_MAX) this.balanceAtMs = nowMs + this.balanceIntervalMs;
    return balanced;
  }

  private get uncleanIntervalMs(): number {
    return this.view.config.uncleanLeaderElectionIntervalMs ?? LEADER_CHECK_INTERVAL_MS;
  }

  private get balanceIntervalMs(): number {
    const intervalMs = this.view.config.leaderImbalanceCheckIntervalMs;
    return intervalMs === null ? Number.POSITIVE_INFINITY : (intervalMs ?? LEADER_CHECK_INTERVAL_MS);
  }
}
