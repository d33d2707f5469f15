/**
 * Until when this worker surely has its place in the group. A worker that was frozen, or is cut off from its coordinator, finds the time passed:
 * its tasks then neither send nor put nor commit until it is renewed, because others may run them by now. The clock is the machine's: it is the
 * same in all threads and processes, and goes on while they are stopped. It stands still while the machine itself is suspended: that is not
 * covered, the lease then lasts as much longer.
 */
export class WorkerLease {
  /** The lease is valid again. */
  onRenewed: () => void = () => undefined;

  constructor(private untilMs: number) {}

  get isValid(): boolean {
    return machineMs() < this.untilMs;
  }

  get until(): number {
    return this.untilMs;
  }

  /** Never shortens it. */
  renew(untilMs: number): void {
    if (untilMs <= this.untilMs) return;
    this.untilMs = untilMs;
    if (this.isValid) this.onRenewed();
  }

  end(): void {
    this.untilMs = -Infinity;
  }
}

/** The time of the machine's monotonic clock. */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
