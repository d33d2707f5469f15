import type { Clock } from '@millrace/foundation';
import type { RebalanceMetrics } from '../worker-metrics.js';

/** When this worker joined its group again, and how long it took to have an assignment. */
export class RebalanceTimes {
  private begunMs: number | undefined;
  private endedMs: number | undefined;
  private completed = 0;
  private sumMs = 0;
  private maxMs = 0;

  constructor(private readonly clock: Clock) {}

  begin(): void {
    this.begunMs ??= this.clock.monotonicMs();
  }

  end(): void {
    if (this.begunMs === undefined) return;
    this.endedMs = this.clock.monotonicMs();
    const tookMs = this.endedMs - this.begunMs;
    this.begunMs = undefined;
    this.completed += 1;
    this.sumMs += tookMs;
    this.maxMs = Math.max(this.maxMs, tookMs);
  }

  metrics(): RebalanceMetrics {
    return {
      completed: this.completed,
      isRebalancing: this.begunMs !== undefined,
      avgMs: this.completed === 0 ? 0 : this.sumMs / this.completed,
      maxMs: this.maxMs,
      sinceLastMs: this.endedMs === undefined ? null : this.clock.monotonicMs() - this.endedMs,
    };
  }
}
