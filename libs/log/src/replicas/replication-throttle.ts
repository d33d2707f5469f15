import type { Clock } from '@millrace/foundation';

/** Replicas that a topic setting throttles: all of them, or `partition:broker` by name. */
export type ThrottledReplicas = 'all' | ReadonlySet<string>;

const NO_THROTTLED_REPLICAS: ThrottledReplicas = new Set();

export function isThrottledReplica(replicas: ThrottledReplicas, partition: number, brokerId: number): boolean {
  return replicas === 'all' || replicas.has(`${partition}:${brokerId}`);
}

/** The text of `leader.replication.throttled.replicas` or `follower.replication.throttled.replicas`. */
export function parseThrottledReplicas(text: string | undefined): ThrottledReplicas {
  if (text === undefined || text.trim() === '') return NO_THROTTLED_REPLICAS;
  return text.trim() === '*' ? 'all' : new Set(text.split(',').map((it) => it.trim()));
}

export interface ThrottleWindow {
  readonly samples: number;
  readonly sampleMs: number;
}

/** The rate of what is replicated under a throttle, over a window of samples, and whether it is above what is allowed. Without a rate it costs nothing. */
export class ReplicationThrottle {
  private bytesPerSecond = Number.POSITIVE_INFINITY;
  private samples: { readonly startMs: number; bytes: number }[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly window: ThrottleWindow,
  ) {}

  get isOn(): boolean {
    return this.bytesPerSecond !== Number.POSITIVE_INFINITY;
  }

  setRate(bytesPerSecond: number | undefined): void {
    this.bytesPerSecond = bytesPerSecond ?? Number.POSITIVE_INFINITY;
  }

  record(bytes: number): void {
    const nowMs = this.clock.monotonicMs();
    const last = this.samples[this.samples.length - 1];
    if (last === undefined || nowMs - last.startMs >= this.window.sampleMs) this.samples.push({ startMs: nowMs, bytes });
    else last.bytes += bytes;
    this.dropOld(nowMs);
  }

  get isExceeded(): boolean {
    return this.isOn && this.rate() > this.bytesPerSecond;
  }

  /** Bytes in a second, measured over at least one sample's time. */
  rate(): number {
    const nowMs = this.clock.monotonicMs();
    this.dropOld(nowMs);
    const [first] = this.samples;
    if (first === undefined) return 0;
    const bytes = this.samples.reduce((sum, it) => sum + it.bytes, 0);
    return (bytes * 1000) / Math.max(this.window.sampleMs, nowMs - first.startMs);
  }

  private dropOld(nowMs: number): void {
    const fromMs = nowMs - this.window.samples * this.window.sampleMs;
    while (this.samples.length > 0 && this.samples[0]!.startMs <= fromMs) this.samples.shift();
  }
}
