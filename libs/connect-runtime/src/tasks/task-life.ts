import type { ConnectLogger } from '@millrace/connect-api';
import { errorMessage } from '@millrace/foundation';
import type { TaskHostCalls } from '../isolation/task-side.js';
import type { TaskSpec } from '../isolation/task-protocol.js';
import { TIMER_MS_MAX } from '../waiting.js';
import { PauseGate } from './pause-gate.js';

export interface TaskSteps {
  /** Up to the end of the task's own `start`. */
  readonly start: () => Promise<void>;
  /** Until the task is to stop. */
  readonly loop: () => Promise<void>;
  /** Also after a failure, and for a task that was never started. */
  readonly finish: () => Promise<void>;
  /** It is time for a commit. */
  readonly commitDue: () => void;
}

/** The least that a step of a stop gets. */
const STOP_STEP_MS = 100;

/** The life of a task from start to stop, whichever kind it is; with what ends or holds up its work on the way. */
export class TaskLife {
  failure: unknown;
  isStarted = false;
  private stoppedAtMs: number | undefined;
  private readonly gate: PauseGate;
  private readonly stopping = new AbortController();

  /** `isMember`: whether its group surely counts it in, beside the worker's: a sink reads as a member of a group of its own. */
  constructor(
    private readonly spec: TaskSpec,
    private readonly host: TaskHostCalls,
    private readonly logger: ConnectLogger,
    private readonly isMember: () => boolean = () => true,
  ) {
    this.gate = new PauseGate(spec.startPaused);
    if (host.lease) host.lease.onRenewed = () => this.wake();
  }

  /** Aborted with the beginning of the stop. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  get isPaused(): boolean {
    return this.gate.isPaused;
  }

  /** Another worker may run this task by now: nothing is sent, put or committed any more until that is known not to be so (Invariant 9). */
  get isFenced(): boolean {
    return this.host.lease?.isValid === false || !this.isMember();
  }

  pause(): void {
    this.gate.pause();
    this.wake();
  }

  resume(): void {
    this.gate.resume();
  }

  /** Each step of a stop may take half of what is left of its time, so that the task's own `stop` comes before it is ended by force. */
  get stopStepMs(): number {
    const sinceMs = performance.now() - (this.stoppedAtMs ?? performance.now());
    return Math.max(STOP_STEP_MS, (this.spec.shutdownTimeoutMs - sinceMs) / 2);
  }

  stop(): void {
    this.stoppedAtMs ??= performance.now();
    this.stopping.abort();
    this.wake();
  }

  /** The first failure is the task's. */
  fail(failure: unknown): void {
    this.failure ??= failure;
    this.wake();
  }

  wake(): void {
    this.gate.wake();
  }

  /** Until something has changed: whoever waits looks again. */
  async changed(): Promise<void> {
    await this.gate.changed();
  }

  /** Ends before its time with a failure, a stop, and once it is enough. */
  async wait(delayMs: number, isEnough: () => boolean): Promise<void> {
    // Not by comparing clocks: a timer may fire a moment before its time, and nothing would wake this again.
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.wake();
    }, Math.min(TIMER_MS_MAX, delayMs));
    while (!isOver && !this.isStopping && this.failure === undefined && !isEnough()) await this.changed();
    clearTimeout(timer);
  }

  /** Resolves after an orderly stop. */
  async run({ start, loop, finish, commitDue }: TaskSteps): Promise<void> {
    const timer = setInterval(commitDue, Math.min(TIMER_MS_MAX, this.spec.offsetFlushIntervalMs));
    try {
      if (this.isPaused) this.host.reportState('PAUSED');
      while (this.isPaused && !this.isStopping) await this.changed();
      if (this.isStopping) return;
      this.isStarted = true;
      await start();
      this.host.reportState('RUNNING');
      await loop();
    } finally {
      clearInterval(timer);
      this.stop();
      await finish();
    }
  }

  /** While it is paused; `step` does what must go on meanwhile, and says whether there was something. */
  async whilePaused(step: () => Promise<boolean>): Promise<void> {
    this.host.reportState('PAUSED');
    while (this.isPaused && !this.isStopping && this.failure === undefined) if (!(await step())) await this.changed();
    if (!this.isStopping && this.failure === undefined) this.host.reportState('RUNNING');
  }

  /** Of a task that was started; what it throws is only logged. */
  async stopTask(stop: () => void | Promise<void>): Promise<void> {
    try {
      if (this.isStarted) await stop();
    } catch (error) {
      this.logger.warn({ error: errorMessage(error) }, 'the task did not stop in order');
    }
  }
}
