import type { TaskSignal } from '@millrace/connect-api';
import { OperationalError, type Clock, type Logger } from '@millrace/foundation';
import { noErrors } from '../errors/error-totals.js';
import { LATE, within } from '../waiting.js';
import type { TaskMetrics } from '../worker-metrics.js';
import { startInlineCarrier } from './inline-carrier.js';
import { PhaseTimes } from './phase-times.js';
import { startProcessCarrier } from './process-carrier.js';
import type { Isolation, TaskCarrier } from './task-carrier.js';
import { errorFromReport, errorReport, type OffsetRecord, type TaskCounters, type TaskMessage, type TaskRequest, type TaskSpec } from './task-protocol.js';
import type { TaskThreads } from './task-threads.js';

export type TaskPhase = 'STARTING' | 'RUNNING' | 'PAUSED' | 'FAILED' | 'STOPPED';

/** What a running task needs of its worker, and tells it. */
export interface TaskHostEvents {
  readOffsets(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | null)[]>;
  writeOffsets(records: readonly OffsetRecord[]): Promise<void>;
  onState(state: 'RUNNING' | 'PAUSED'): void;
  /** Once at most, with a trace for the status record; not after `stop` was called. */
  onFailed(trace: string, code: string | undefined): void;
  onTopic(topic: string): void;
}

export interface TaskHostOptions {
  readonly spec: TaskSpec;
  readonly isolation: Isolation;
  readonly heapMaxMb: number;
  /** Where tasks with isolation `thread` find theirs. */
  readonly threads: TaskThreads;
  /** How long the worker has its place in the group, as of now. */
  readonly leaseUntilMs: number;
  readonly events: TaskHostEvents;
  readonly logger: Logger;
  readonly clock: Clock;
}

const NO_COUNTERS: TaskCounters = { recordsIn: 0, recordsOut: 0, bytesOut: 0, recordsActive: 0, recordsInRate: 0, recordsOutRate: 0, recordsActiveAvg: 0, recordsActiveMax: 0, lag: 0, lagMax: 0, lagCommitted: 0, partitions: 0, batches: 0, batchSizeAvg: 0, batchSizeMax: 0, batchMsAvg: 0, batchMsMax: 0, commits: 0, commitFailures: 0, commitsSkipped: 0, commitRate: 0, commitSkipRate: 0, commitMsAvg: 0, commitMsMax: 0, sourceLagMs: null, sourceLagBytes: null, latencyAvgMs: 0, latencyMaxMs: 0, heapBytes: 0, externalBytes: 0, isStalled: false, stalledIn: null, stalledForMs: 0, lastProgressMs: 0, errors: noErrors() };
/** A thread that has said nothing for so long does not even run its event loop. */
const SILENCE_MS = 10_000;

/**
 * One run of one task, from the worker's side: starts its carrier, answers its requests, ends it. Whatever happens inside becomes FAILED, never an error here.
 * A task whose carrier was ended for the sake of another one goes on in a new carrier, from its stored offsets: for everybody else it is the same run.
 */
export class TaskHost {
  phase: TaskPhase = 'STARTING';
  private carrier: TaskCarrier | undefined;
  private counters: TaskCounters = NO_COUNTERS;
  private lastHeardMs: number;
  private isStopping = false;
  private readonly times: PhaseTimes;
  private readonly ended: Promise<void>;
  private resolveEnded: () => void = () => undefined;
  private wasStalled = false;
  private nextSignal = 0;
  private readonly signals = new Map<number, (error: Error | undefined) => void>();
  private isPaused: boolean;
  private leaseUntilMs: number;

  constructor(private readonly options: TaskHostOptions) {
    this.isPaused = options.spec.startPaused;
    this.leaseUntilMs = options.leaseUntilMs;
    this.lastHeardMs = options.clock.monotonicMs();
    this.times = new PhaseTimes(options.clock, this.phase);
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
  }

  start(): void {
    const { isPaused, leaseUntilMs } = this;
    try {
      const carrier = this.startCarrier();
      this.carrier = carrier;
      carrier.onMessage = (message) => this.take(message, carrier);
      carrier.onExit = (error) => this.exited(error);
      carrier.onDisplaced = () => this.displaced();
      carrier.send({ type: 'start', spec: { ...this.options.spec, startPaused: isPaused }, leaseUntilMs });
    } catch (error) {
      const { trace, code } = errorReport(error);
      this.fail(trace, code);
      this.resolveEnded();
    }
  }

  private startCarrier(): TaskCarrier {
    const { spec, isolation, heapMaxMb, threads } = this.options;
    const options = { name: `${spec.id.connector}-${spec.id.task}`, heapMaxMb, pluginFile: spec.plugin.entry };
    switch (isolation) {
      case 'thread':
        return threads.start(options);
      case 'process':
        return startProcessCarrier(options);
      case 'inline':
        return startInlineCarrier();
    }
  }

  pause(): void {
    this.isPaused = true;
    this.carrier?.send({ type: 'pause' });
  }

  resume(): void {
    this.isPaused = false;
    this.carrier?.send({ type: 'resume' });
  }

  /** -Infinity: the worker has lost its place in the group. */
  lease(untilMs: number): void {
    this.leaseUntilMs = untilMs;
    this.carrier?.send({ type: 'lease', untilMs });
  }

  /**
   * Resolves when the task has taken the signal. Rejects with the task's own error (its `code` kept), or with CONNECT_TASK_NOT_RUNNING or
   * CONNECT_SIGNAL_TIMEOUT.
   */
  async signal(signal: TaskSignal, timeoutMs: number): Promise<void> {
    const { carrier } = this;
    if (this.phase !== 'RUNNING' || this.isStopping || !carrier) throw notRunning();
    const id = this.nextSignal++;
    const taken = new Promise<void>((resolve, reject) => this.signals.set(id, (error) => (error ? reject(error) : resolve())));
    carrier.send({ type: 'signal', id, signal });
    try {
      if ((await within(timeoutMs, taken)) === LATE) throw new OperationalError('CONNECT_SIGNAL_TIMEOUT', `the task has not taken the signal within ${timeoutMs} ms`);
    } finally {
      this.signals.delete(id);
    }
  }

  /** Asks the task to stop and waits; after `graceMs` it is ended by force. True when it stopped by itself. */
  async stop(graceMs: number): Promise<boolean> {
    this.isStopping = true;
    if (this.phase === 'STOPPED' || !this.carrier) return true;
    this.carrier.send({ type: 'stop' });
    const inTime = (await within(graceMs, this.ended)) !== LATE;
    if (!inTime) {
      const { spec, logger } = this.options;
      logger.warn({ connector: spec.id.connector, task: spec.id.task, graceMs }, 'a task did not stop in time and is ended by force');
      await this.carrier.terminate();
      this.resolveEnded();
    }
    this.enter('STOPPED');
    return inTime;
  }

  metrics(): TaskMetrics {
    const { spec, clock, isolation } = this.options;
    const silentForMs = this.isAlive && isolation !== 'inline' ? clock.monotonicMs() - this.lastHeardMs : 0;
    const silence = silentForMs > SILENCE_MS && !this.counters.isStalled ? { isStalled: true, stalledIn: 'thread', stalledForMs: Math.round(silentForMs) } : {};
    return { connector: spec.id.connector, task: spec.id.task, type: spec.type, state: this.phase, ...this.counters, ...silence };
  }

  /** Share of the time since the start, 0 to 1. */
  share(phase: TaskPhase): number {
    return this.times.share(phase);
  }

  private enter(phase: TaskPhase): void {
    this.phase = phase;
    this.times.enter(phase);
  }

  private get isAlive(): boolean {
    return this.phase === 'RUNNING' || this.phase === 'PAUSED' || this.phase === 'STARTING';
  }

  private take(message: TaskMessage, from: TaskCarrier): void {
    this.lastHeardMs = this.options.clock.monotonicMs();
    switch (message.type) {
      case 'state':
        if (this.phase === 'FAILED' || this.isStopping) return;
        this.enter(message.state);
        return this.options.events.onState(message.state);
      case 'failed':
        return this.fail(message.error.trace, message.error.code);
      case 'stopped':
        if (!this.isStopping) this.fail('The task ended without being asked to');
        return;
      case 'request':
        void this.answer(from, message.id, message.request);
        return;
      case 'log':
        return this.options.logger[message.level](message.fields, message.message);
      case 'metrics':
        return this.takeCounters(message.counters);
      case 'topic':
        return this.options.events.onTopic(message.topic);
      case 'signalled':
        return this.signals.get(message.id)?.(message.error && errorFromReport(message.error));
    }
  }

  private takeCounters(counters: TaskCounters): void {
    this.counters = counters;
    if (counters.isStalled === this.wasStalled) return;
    this.wasStalled = counters.isStalled;
    const { spec, logger } = this.options;
    const fields = { connector: spec.id.connector, task: spec.id.task, type: spec.type, operation: counters.stalledIn, forMs: counters.stalledForMs };
    if (counters.isStalled) logger.warn(fields, 'a task is stalled: it neither reads nor writes');
    else logger.info(fields, 'a task goes on after a stall');
  }

  private async answer(carrier: TaskCarrier, id: number, request: TaskRequest): Promise<void> {
    const { events } = this.options;
    try {
      const value = request.method === 'readOffsets' ? await events.readOffsets(request.keys) : await events.writeOffsets(request.records);
      carrier.send({ type: 'reply', id, value });
    } catch (error) {
      carrier.send({ type: 'reply', id, error: errorReport(error) });
    }
  }

  private displaced(): void {
    if (this.isStopping || this.phase === 'FAILED') return this.exited(undefined);
    this.refuseSignals();
    const { spec, logger } = this.options;
    logger.warn({ connector: spec.id.connector, task: spec.id.task }, 'the thread of the task was ended because another task in it did not stop; it starts again in another one');
    this.enter('STARTING');
    this.lastHeardMs = this.options.clock.monotonicMs();
    this.start();
  }

  private refuseSignals(): void {
    for (const settle of [...this.signals.values()]) settle(notRunning());
  }

  private exited(error: Error | undefined): void {
    this.refuseSignals();
    if (this.phase !== 'FAILED' && !this.isStopping) this.fail(error ? errorReport(error).trace : 'The task ended without being asked to');
    this.resolveEnded();
  }

  private fail(trace: string, code?: string): void {
    if (this.phase === 'FAILED') return;
    this.enter('FAILED');
    if (!this.isStopping) this.options.events.onFailed(trace, code);
  }
}

function notRunning(): OperationalError {
  return new OperationalError('CONNECT_TASK_NOT_RUNNING', 'the task is not running');
}
