import type { ErrorTotals } from '../errors/error-totals.js';
import type { TaskCounters } from '../isolation/task-protocol.js';
import { LatencyWindow } from './latency-window.js';
import { OperationWatch } from './operation-watch.js';

type FlowCounters = Pick<TaskCounters, 'recordsIn' | 'recordsOut' | 'bytesOut' | 'recordsActive' | 'lag' | 'sourceLagMs' | 'sourceLagBytes'>;

/** What source and sink tasks measure alike. */
export class TaskGauges {
  readonly latency = new LatencyWindow();
  readonly watch = new OperationWatch();

  constructor(private readonly stallTimeoutMs: number) {}

  counters(flow: FlowCounters, errors: ErrorTotals): TaskCounters {
    const { avgMs, maxMs } = this.latency.take();
    const memory = process.memoryUsage();
    const stall = this.watch.longerThan(this.stallTimeoutMs);
    return {
      ...flow,
      latencyAvgMs: avgMs,
      latencyMaxMs: maxMs,
      heapBytes: memory.heapUsed,
      externalBytes: memory.external,
      isStalled: stall !== undefined,
      stalledIn: stall?.name ?? null,
      stalledForMs: Math.round(stall?.forMs ?? 0),
      lastProgressMs: this.watch.lastProgressMs,
      errors: { ...errors },
    };
  }
}
