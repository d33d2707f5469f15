export interface HostLimits {
  readonly concurrentMax: number;
  /** Requests a second; null: no limit. */
  readonly ratePerSecond: number | null;
  readonly rateBurst: number;
  /** Failures in a row after which the host is left alone; 0: never. */
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
  readonly breakerOpenMaxMs: number;
}

/** What an attempt says about its host. */
export type HostVerdict = 'ok' | 'throttled' | 'down' | 'neutral';

/** When the next request to a host may start: concurrency that gives way under 429 and 503, a token bucket, Retry-After, a circuit breaker. */
export class HostGate {
  private inFlight = 0;
  private limit: number;
  private tokens: number;
  private refilledMs: number;
  private heldUntilMs = 0;
  private failuresInRow = 0;
  private openUntilMs = 0;
  private isTripped = false;
  private openMs: number;
  private lastCutMs = -1;

  constructor(
    private readonly limits: HostLimits,
    nowMs: number,
    private readonly random: () => number,
  ) {
    this.limit = limits.concurrentMax;
    this.tokens = limits.rateBurst;
    this.refilledMs = nowMs;
    this.openMs = limits.breakerOpenMs;
  }

  get isOpen(): boolean {
    return this.isTripped;
  }

  /** Nothing to remember: a new gate would say the same. */
  isIdle(nowMs: number): boolean {
    this.refill(nowMs);
    return this.inFlight === 0 && !this.isTripped && this.failuresInRow === 0 && this.heldUntilMs <= nowMs && this.limit === this.limits.concurrentMax && this.tokens === this.limits.rateBurst;
  }

  /** The first moment for the next request; Infinity: when one that is in flight has ended. */
  readyAtMs(nowMs: number): number {
    if (this.inFlight >= Math.floor(this.limit)) return Infinity;
    if (this.isTripped && this.inFlight > 0) return Infinity;
    const earliest = Math.max(this.heldUntilMs, this.isTripped ? this.openUntilMs : 0);
    if (earliest > nowMs) return earliest;
    const { ratePerSecond } = this.limits;
    if (ratePerSecond === null) return nowMs;
    this.refill(nowMs);
    return this.tokens >= 1 ? nowMs : nowMs + Math.max(1, Math.ceil(((1 - this.tokens) * 1000) / ratePerSecond));
  }

  started(nowMs: number): void {
    this.inFlight += 1;
    if (this.limits.ratePerSecond === null) return;
    this.refill(nowMs);
    this.tokens -= 1;
  }

  ended(verdict: HostVerdict, times: { readonly startedMs: number; readonly nowMs: number; readonly holdUntilMs?: number }): void {
    this.inFlight -= 1;
    if (times.holdUntilMs !== undefined) this.heldUntilMs = Math.max(this.heldUntilMs, times.holdUntilMs);
    if (verdict === 'ok') this.recovered();
    else if (verdict === 'throttled') this.cut(times);
    else if (verdict === 'down') this.failed(times.nowMs);
    else if (this.isTripped) this.openUntilMs = times.nowMs;
  }

  private recovered(): void {
    this.limit = Math.min(this.limits.concurrentMax, this.limit + 1 / this.limit);
    this.failuresInRow = 0;
    this.isTripped = false;
    this.openMs = this.limits.breakerOpenMs;
  }

  /** Half as much at once; answers to requests that started before the last cut say nothing new. */
  private cut({ startedMs, nowMs }: { readonly startedMs: number; readonly nowMs: number }): void {
    if (startedMs < this.lastCutMs) return;
    this.lastCutMs = nowMs;
    this.limit = Math.max(1, Math.floor(this.limit / 2));
  }

  private failed(nowMs: number): void {
    const { breakerFailures, breakerOpenMs, breakerOpenMaxMs } = this.limits;
    this.failuresInRow += 1;
    if (breakerFailures === 0 || this.failuresInRow < breakerFailures) return;
    if (this.isTripped && this.openUntilMs > nowMs) return;
    this.openMs = this.isTripped ? Math.min(breakerOpenMaxMs, this.openMs * 2) : breakerOpenMs;
    this.isTripped = true;
    this.openUntilMs = nowMs + Math.round(this.openMs * (0.5 + this.random() / 2));
  }

  private refill(nowMs: number): void {
    const { ratePerSecond, rateBurst } = this.limits;
    if (ratePerSecond === null) return;
    this.tokens = Math.min(rateBurst, this.tokens + ((nowMs - this.refilledMs) * ratePerSecond) / 1000);
    this.refilledMs = nowMs;
  }
}
