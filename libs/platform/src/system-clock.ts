import { performance } from 'node:perf_hooks';
import type { Clock } from '@millrace/foundation';

export const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
