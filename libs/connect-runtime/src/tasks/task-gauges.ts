import type { ErrorTotals } from '../errors/error-totals.js';
import type { TaskCounters } from '../isolation/task-protocol.js';
import { LatencyWindow } from './latency-window.js';
import { MovingFigures } from './moving-figures.js';
import { MovingRate } from './moving-rate.js';
import { OperationWatch } from './operation-watch.js';

type FlowCounters = Pick<TaskCounters, 'recordsIn' | 'recordsOut' | 'bytesOut' | 'recordsActive' | 'lag' | 'lagMax' | 'lagCommitted' | 'partitions' | 'sourceLagMs' | 'sourceLagBytes'>;

/** Each kind of task has its own of these; the others are none. */
const NO_FLOW = { bytesOut: 0, lag: 0, lagMax: 0, lagCommitted: 0, partitions: 0, sourceLagMs: null, sourceLagBytes: null } as const;

/** What source and sink tasks measure alike. */
export class TaskGauges {
  readonly latency = new LatencyWindow();
  readonly watch = new OperationWatch();

  private batches = 0;
  private readonly batchSize = new MovingFigures();
  private readonly batchMs = new MovingFigures();
  private commits = 0;
  private commitFailures = 0;
  private commitsSkipped = 0;
  private readonly commitMs = new MovingFigures();
  private readonly active = new MovingFigures();
  private readonly inRate = new MovingRate(performance.now());
  private readonly outRate = new MovingRate(performance.now());
  private readonly commitRate = new MovingRate(performance.now());
  private readonly skipRate = new MovingRate(performance.now());

  constructor(private readonly stallTimeoutMs: number) {}

  /** A poll that gave records, or a put. */
  batch(records: number, tookMs: number): void {
    this.batches += 1;
    this.batchSize.add(records);
    this.batchMs.add(tookMs);
  }

  async commit<T>(work: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    try {
      const result = await work();
      this.commits += 1;
      return result;
    } catch (error) {
      this.commitFailures += 1;
      throw error;
    } finally {
      this.commitMs.add(performance.now() - startedMs);
    }
  }

  /** A commit ended too late to be waited for. */
  skipCommit(): void {
    this.commitsSkipped += 1;
  }

  counters(flow: Omit<FlowCounters, keyof typeof NO_FLOW> & Partial<FlowCounters>, errors: ErrorTotals): TaskCounters {
    const { avgMs, maxMs } = this.latency.take();
    const memory = process.memoryUsage();
    const nowMs = performance.now();
    this.active.add(flow.recordsActive);
    const stall = this.watch.longerThan(this.stallTimeoutMs);
    return {
      ...NO_FLOW,
      ...flow,
      recordsInRate: this.inRate.perSecond(nowMs, flow.recordsIn),
      recordsOutRate: this.outRate.perSecond(nowMs, flow.recordsOut),
      recordsActiveAvg: this.active.avg,
      recordsActiveMax: this.active.max,
      batches: this.batches,
      batchSizeAvg: this.batchSize.avg,
      batchSizeMax: this.batchSize.max,
      batchMsAvg: this.batchMs.avg,
      batchMsMax: this.batchMs.max,
      commits: this.commits,
      commitFailures: this.commitFailures,
      commitsSkipped: this.commitsSkipped,
      commitRate: this.commitRate.perSecond(nowMs, this.commits),
      commitSkipRate: this.skipRate.perSecond(nowMs, this.commitsSkipped),
      commitMsAvg: this.commitMs.avg,
      commitMsMax: this.commitMs.max,
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
