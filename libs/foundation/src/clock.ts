import type { TimestampMs } from './ids.js';

/** Time as an argument, so that tests and the simulator can own it. */
export interface Clock {
  /** Wall-clock time; may jump. For timestamps that leave the process. */
  nowMs(): TimestampMs;
  /** Time that only goes forward, in milliseconds with fractions. For timeouts and measuring. */
  monotonicMs(): number;
}
