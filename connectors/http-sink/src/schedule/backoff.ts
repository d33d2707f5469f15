export interface BackoffSettings {
  readonly policy: 'exponential' | 'constant';
  readonly baseMs: number;
  readonly maxMs: number;
}

/** How long to wait after the n-th failure (from 1): exponential with full jitter, so that many clients do not come back together, or constant. */
export function backoffMs({ policy, baseMs, maxMs }: BackoffSettings, failures: number, random: () => number): number {
  if (policy === 'constant') return baseMs;
  return Math.round(random() * Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 40)));
}
