const HALF_MS = 15_000;

interface Half {
  count: number;
  sum: number;
  max: number;
}

/** Average and maximum of the last 15 to 30 seconds, 0 when there was nothing: what dashboards know as `-avg` and `-max`. */
export class MovingFigures {
  private older: Half = empty();
  private newer: Half = empty();
  private newerSinceMs = performance.now();

  add(value: number): void {
    this.turn();
    this.newer.count += 1;
    this.newer.sum += value;
    if (value > this.newer.max) this.newer.max = value;
  }

  get avg(): number {
    this.turn();
    const count = this.older.count + this.newer.count;
    return count === 0 ? 0 : (this.older.sum + this.newer.sum) / count;
  }

  get max(): number {
    this.turn();
    return Math.max(this.older.max, this.newer.max);
  }

  private turn(): void {
    const ageMs = performance.now() - this.newerSinceMs;
    if (ageMs < HALF_MS) return;
    this.older = ageMs < 2 * HALF_MS ? this.newer : empty();
    this.newer = empty();
    this.newerSinceMs = performance.now();
  }
}

function empty(): Half {
  return { count: 0, sum: 0, max: 0 };
}
