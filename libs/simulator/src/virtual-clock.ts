import type { Clock } from '@millrace/foundation';

/** Time that stands still until it is told to go on. */
export class VirtualClock implements Clock {
  private elapsedMs = 0;

  /** `epochMs`: what `nowMs` says at the beginning. */
  constructor(private readonly epochMs = Date.UTC(2026, 0, 1)) {}

  nowMs(): number {
    return this.epochMs + Math.floor(this.elapsedMs);
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  advanceTo(monotonicMs: number): void {
    this.elapsedMs = Math.max(this.elapsedMs, monotonicMs);
  }
}
