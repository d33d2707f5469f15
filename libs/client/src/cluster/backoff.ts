import type { Random } from '@millrace/foundation';

/** Delays that double from `initialMs` up to `maxMs`, each off by at most a fifth so that clients do not come back in step. */
export class Backoff {
  private attempts = 0;

  constructor(
    private readonly initialMs: number,
    private readonly maxMs: number,
    private readonly random: Random,
  ) {}

  nextMs(): number {
    const base = Math.min(this.maxMs, this.initialMs * 2 ** Math.min(this.attempts, 20));
    this.attempts += 1;
    return Math.round(base * (0.8 + this.random.integer(401) / 1000));
  }

  reset(): void {
    this.attempts = 0;
  }
}
