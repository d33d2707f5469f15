import type { Clock } from '@millrace/foundation';
import type { TaskPhase } from './task-host.js';

/** For how long a task has been in each of its phases. */
export class PhaseTimes {
  private readonly totals = new Map<TaskPhase, number>();
  private readonly startedMs: number;
  private sinceMs: number;

  constructor(
    private readonly clock: Clock,
    private phase: TaskPhase,
  ) {
    this.startedMs = this.sinceMs = clock.monotonicMs();
  }

  enter(phase: TaskPhase): void {
    const nowMs = this.clock.monotonicMs();
    this.totals.set(this.phase, (this.totals.get(this.phase) ?? 0) + nowMs - this.sinceMs);
    this.sinceMs = nowMs;
    this.phase = phase;
  }

  /** 0 to 1. */
  share(phase: TaskPhase): number {
    const nowMs = this.clock.monotonicMs();
    const inPhaseMs = (this.totals.get(phase) ?? 0) + (this.phase === phase ? nowMs - this.sinceMs : 0);
    return nowMs === this.startedMs ? 0 : inPhaseMs / (nowMs - this.startedMs);
  }
}
