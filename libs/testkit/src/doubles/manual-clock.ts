import type { Clock } from '@millrace/foundation';

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  private monotonic = 0;

  constructor(private wall = 1_700_000_000_000) {}

  nowMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  advance(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }

  /** The wall clock is set, as by an operator or NTP; monotonic time goes on. */
  jump(ms: number): void {
    this.wall += ms;
  }
}
