/** Latencies of the last period that had any: average and maximum. */
export class LatencyWindow {
  private sum = 0;
  private count = 0;
  private max = 0;
  private shownAvg = 0;
  private shownMax = 0;

  add(latencyMs: number, weight: number): void {
    const value = Math.max(0, latencyMs);
    this.sum += value * weight;
    this.count += weight;
    if (value > this.max) this.max = value;
  }

  /** Ends the period. */
  take(): { avgMs: number; maxMs: number } {
    if (this.count > 0) {
      this.shownAvg = this.sum / this.count;
      this.shownMax = this.max;
      this.sum = this.count = this.max = 0;
    }
    return { avgMs: this.shownAvg, maxMs: this.shownMax };
  }
}
