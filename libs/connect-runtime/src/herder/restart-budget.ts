/** How often, and after what time, what has failed is started again without anybody asking for it. */
export interface RestartPolicy {
  /** Within the window; 0: never. */
  readonly attemptsMax: number;
  /** Before the first restart; doubles with each one of the window. */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  readonly windowMs: number;
}

/** Restarts of one task or connector. */
export class RestartBudget {
  /** When the restarts of the window were due. */
  private times: number[] = [];
  /** All of them, also before the window. */
  total = 0;

  constructor(private readonly policy: RestartPolicy) {}

  left(nowMs: number): number {
    this.prune(nowMs);
    return Math.max(0, this.policy.attemptsMax - this.times.length);
  }

  /** Takes one: the time to wait before it, or undefined when the window has none left. */
  take(nowMs: number): number | undefined {
    if (this.left(nowMs) === 0) return undefined;
    const delayMs = Math.min(this.policy.backoffMs * 2 ** Math.min(this.times.length, 30), this.policy.backoffMaxMs);
    this.times.push(nowMs + delayMs);
    this.total += 1;
    return delayMs;
  }

  private prune(nowMs: number): void {
    this.times = this.times.filter((it) => nowMs - it < this.policy.windowMs);
  }
}
