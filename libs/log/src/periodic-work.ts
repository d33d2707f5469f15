import { errorMessage, type Logger, type Scheduled, type Scheduler } from '@millrace/foundation';

/** Work that is due by the clock, until it is stopped: one run of a kind at a time, the next one a period after its end. A run that fails is logged, and the work goes on. */
export class PeriodicWork {
  private readonly timers = new Set<Scheduled>();
  private isStopped = false;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly logger: Logger,
    private readonly failureMessage: string,
  ) {}

  /** A period of 0 is never, as in Kafka. */
  every(periodMs: number, work: () => void | Promise<void>): void {
    if (this.isStopped || periodMs === 0) return;
    const timer = this.scheduler.after(periodMs, () => {
      this.timers.delete(timer);
      void this.run(work).then(() => this.every(periodMs, work));
    });
    this.timers.add(timer);
  }

  stop(): void {
    this.isStopped = true;
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
  }

  private async run(work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.error({ error: errorMessage(error) }, this.failureMessage);
    }
  }
}
