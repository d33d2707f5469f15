import { OperationalError, type Clock, type Scheduler } from '@millrace/foundation';

export interface CleaningPaceOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Of reading and writing together. */
  readonly bytesPerSecondMax: number;
  /** After so long the event loop has its turn. Infinite where nobody else needs the thread. */
  readonly sliceMs: number;
  /** Ends the cleaning, also one that waits. Left out where the thread is ended instead. */
  readonly signal?: AbortSignal;
}

/** A wait shorter than this is saved up: timers are no finer. */
const WAIT_MS_MIN = 5;

/** Code `CLEANING_ABORTED`: a cleaning must end, because its partition goes away or the broker stops. */
export function cleaningAborted(reason: string): OperationalError {
  return new OperationalError('CLEANING_ABORTED', reason);
}

/** Throws `CLEANING_ABORTED` when the cleaning was called off. */
export function expectWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cleaningAborted('the cleaning was called off');
}

/** How fast a cleaning may go: `log.cleaner.io.max.bytes.per.second`, and slices of time where it shares a thread. */
export function cleaningPace(options: CleaningPaceOptions): (bytes: number) => Promise<void> | undefined {
  const { clock, scheduler, bytesPerSecondMax, sliceMs, signal } = options;
  const isThrottled = bytesPerSecondMax < Number.MAX_SAFE_INTEGER;
  let sliceEndMs = clock.monotonicMs() + sliceMs;
  let paidUntilMs = clock.monotonicMs();
  const rest = async (delayMs: number): Promise<void> => {
    await pause(scheduler, delayMs, signal);
    expectWanted(signal);
    sliceEndMs = clock.monotonicMs() + sliceMs;
  };
  return (bytes) => {
    if (isThrottled) {
      const nowMs = clock.monotonicMs();
      paidUntilMs = Math.max(paidUntilMs, nowMs - WAIT_MS_MIN) + (bytes * 1000) / bytesPerSecondMax;
      if (paidUntilMs - nowMs > WAIT_MS_MIN) return rest(paidUntilMs - nowMs);
    }
    if (Number.isFinite(sliceMs) && clock.monotonicMs() >= sliceEndMs) return rest(0);
    return undefined;
  };
}

async function pause(scheduler: Scheduler, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = scheduler.after(delayMs, end);
    signal?.addEventListener('abort', end);
  });
}
