import type { BrokerId, Endpoint, LeaderEpoch, Scheduler } from '@millrace/foundation';

/** Who is the active controller, as far as this node knows. */
export interface ActiveController {
  /** -1: nobody is known. */
  readonly leaderId: BrokerId;
  readonly leaderEpoch: LeaderEpoch;
  /** Where it is reached; undefined when that is not known (or needed: it is this node). */
  readonly endpoint: Endpoint | undefined;
  /** This node leads, and has applied everything that came before its epoch. */
  readonly isLocal: boolean;
}

/** The active controller, and a bell that rings when it is another. */
export class LeaderWatch {
  private known: ActiveController = { leaderId: -1, leaderEpoch: 0, endpoint: undefined, isLocal: false };
  private readonly waiting = new Set<() => void>();

  constructor(private readonly scheduler: Scheduler) {}

  get current(): ActiveController {
    return this.known;
  }

  change(to: Partial<ActiveController>): void {
    this.known = { ...this.known, ...to };
    for (const wake of [...this.waiting]) wake();
  }

  /** Resolves at the next change, or after `timeoutMs`. `cancel` gives up waiting. */
  changed(timeoutMs: number): { readonly promise: Promise<void>; readonly cancel: () => void } {
    let wake = (): void => undefined;
    const promise = new Promise<void>((resolve) => {
      const timer = this.scheduler.after(timeoutMs, () => wake());
      wake = () => {
        timer.cancel();
        this.waiting.delete(wake);
        resolve();
      };
      this.waiting.add(wake);
    });
    return { promise, cancel: wake };
  }
}
