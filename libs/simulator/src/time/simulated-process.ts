import type { Clock, Random, Scheduler } from '@millrace/foundation';
import { SeededRandom } from '@millrace/testkit';
import type { EventLoop, LoopEvent } from './event-loop.js';

/** What `nowMs` says at the beginning, on a machine whose clock is right. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** A machine's clock on the wall. It outlives processes. */
export class WallClock {
  constructor(private readonly loop: EventLoop, private offsetMs = 0) {}

  get skewMs(): number {
    return this.offsetMs;
  }

  nowMs(): number {
    return EPOCH_MS + Math.floor(this.loop.nowMs + this.offsetMs);
  }

  /** Set by an operator, or by NTP. */
  jump(ms: number): void {
    this.offsetMs += ms;
  }
}

/**
 * One life of a process. Its ports call back as long as it lives and never after: what waited for them then waits for ever, which is what makes a crash a crash. While it is paused
 * (SIGSTOP) everything that happens to it waits, and happens at once, in order, when it goes on.
 */
export class SimulatedProcess {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Told once, when this life is over. */
  onDeath: () => void = () => undefined;
  private held: { readonly kind: string; readonly run: () => void; readonly event: LoopEvent | undefined }[] = [];
  private dead = false;
  private paused = false;

  /** `number` is unique in the run. */
  constructor(readonly loop: EventLoop, readonly name: string, readonly number: number, wall: WallClock, seed: number) {
    const startMs = loop.nowMs - 1000;
    this.clock = { nowMs: () => wall.nowMs(), monotonicMs: () => loop.nowMs - startMs };
    this.random = new SeededRandom(seed);
    this.scheduler = {
      after: (delayMs, callback) => {
        const event = this.after(delayMs, 'timer', callback);
        return { cancel: () => void (event.isCancelled = true) };
      },
    };
  }

  get isDead(): boolean {
    return this.dead;
  }

  get isPaused(): boolean {
    return this.paused;
  }

  after(delayMs: number, kind: string, run: () => void): LoopEvent {
    // As Node's timers: never before the next turn, and in steps of a millisecond.
    const event = this.loop.schedule(kind === 'timer' ? Math.max(1, Math.floor(delayMs)) : delayMs, kind, run, this);
    if (this.dead) event.isCancelled = true;
    return event;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, 'sleep', resolve));
  }

  hold(kind: string, run: () => void): void {
    this.held.push({ kind, run, event: undefined });
  }

  holdEvent(event: LoopEvent): void {
    this.held.push({ kind: event.kind, run: event.run, event });
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    for (const { kind, run, event } of this.held.splice(0)) {
      this.loop.schedule(0, kind, () => (event?.isCancelled === true ? undefined : run()), this);
    }
  }

  /** No effect of this life is seen any more. */
  die(): void {
    if (this.dead) return;
    this.dead = true;
    this.held = [];
    this.onDeath();
  }
}
