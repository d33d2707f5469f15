import type { Clock, LogFields, Logger } from '@millrace/foundation';

/** Warnings that a stranger can cause at will: so many per window, then only a count of what was left out. */
export class ThrottledLog {
  private windowStartMs = Number.NEGATIVE_INFINITY;
  private written = 0;
  private suppressed = 0;

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
    private readonly limit: { lines: number; windowMs: number },
  ) {}

  warn(fields: LogFields, message: string): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.windowStartMs >= this.limit.windowMs) {
      if (this.suppressed > 0) this.logger.warn({ suppressed: this.suppressed }, 'more connections were closed for such reasons');
      this.windowStartMs = nowMs;
      this.written = 0;
      this.suppressed = 0;
    }
    if (this.written < this.limit.lines) {
      this.written += 1;
      this.logger.warn(fields, message);
    } else {
      this.suppressed += 1;
    }
  }
}
