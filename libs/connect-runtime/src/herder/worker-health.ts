import type { WorkerHealth } from '../rest/shapes.js';
import { pauseFor } from '../waiting.js';

export interface HealthOptions {
  /** What the worker does before it is ready. */
  readonly startingStage: () => string;
  /** The worker has had its first assignment. */
  readonly isReady: () => boolean;
  /** Since when the worker has no place in its group or hears nothing of it, by the machine's clock, and why; undefined when all is well. */
  readonly away: () => Away | undefined;
  /** Resolves when everything has been done that was asked for before. */
  readonly turn: () => Promise<void>;
  /** How long trouble may last before it is one (Connect: 10 s). */
  readonly timeoutMs: number;
  readonly nowMs: () => number;
}

export interface Away {
  readonly sinceMs: number;
  readonly reason: string;
}

const POLL_MS = 50;

/**
 * GET /health (KIP-1017) after the worker was started: `healthy` when it is in its group and gets on with its work; what lasts for a shorter time
 * than the timeout is waited for, as Connect does. What has lasted longer is told at once, where Connect lets each caller wait again.
 */
export class HealthCheck {
  private turn: { isOver: boolean; readonly sinceMs: number } | undefined;

  constructor(private readonly options: HealthOptions) {}

  async check(): Promise<WorkerHealth> {
    const { isReady, nowMs, timeoutMs, startingStage } = this.options;
    if (!isReady()) return { status: 'starting', message: `Worker is still starting up. ${startingStage()}` };
    for (let isFirst = true; ; isFirst = false) {
      const turn = this.turnUnderWay(isFirst);
      const away = this.options.away();
      if (isFirst) await new Promise<void>((resolve) => setImmediate(resolve));
      if (away === undefined && turn.isOver) return { status: 'healthy', message: 'Worker has completed startup and is ready to handle requests.' };
      if (away !== undefined && nowMs() - away.sinceMs >= timeoutMs) return unhealthy(`${away.reason} (for ${Math.round((nowMs() - away.sinceMs) / 1000)} s)`);
      if (!turn.isOver && nowMs() - turn.sinceMs >= timeoutMs) return unhealthy(`what runs here is being changed, and that has not come to its end (for ${Math.round((nowMs() - turn.sinceMs) / 1000)} s)`);
      await pauseFor(POLL_MS);
    }
  }

  /** All who ask wait for the same turn: a worker that is stuck must not collect them. */
  private turnUnderWay(isNewWanted: boolean): { isOver: boolean; readonly sinceMs: number } {
    if (this.turn !== undefined && !(isNewWanted && this.turn.isOver)) return this.turn;
    const turn = { isOver: false, sinceMs: this.options.nowMs() };
    this.turn = turn;
    const over = (): void => void (turn.isOver = true);
    this.options.turn().then(over, over);
    return turn;
  }
}

export function unhealthy(reason: string): WorkerHealth {
  return { status: 'unhealthy', message: `Worker was unable to handle this request and may be unable to handle other requests: ${reason}` };
}
