const HALF_MS = 15_000;

interface Reading {
  readonly atMs: number;
  readonly total: number;
}

/** What a total grew by in a second, over the last 15 to 30 seconds, or since the start when that is shorter: what dashboards know as `-rate`. */
export class MovingRate {
  private older: Reading;
  private newer: Reading;

  constructor(nowMs: number, total = 0) {
    this.older = this.newer = { atMs: nowMs, total };
  }

  /** Called with the total every second or so. */
  perSecond(nowMs: number, total: number): number {
    if (nowMs - this.newer.atMs >= HALF_MS) {
      this.older = this.newer;
      this.newer = { atMs: nowMs, total };
    }
    const overMs = nowMs - this.older.atMs;
    return overMs <= 0 ? 0 : ((total - this.older.total) * 1000) / overMs;
  }
}
