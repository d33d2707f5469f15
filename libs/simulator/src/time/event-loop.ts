import type { SimulatedProcess } from './simulated-process.js';

/** Captured before any guard replaces them. */
const realSetImmediate = setImmediate;
/** Events per turn of the real event loop: microtasks are drained between any two immediates of one turn, without a look at the sockets. */
const EVENTS_PER_TURN = 128;

export interface LoopEvent {
  readonly atMs: number;
  readonly order: number;
  /** Undefined: the world's (network, faults); it happens whatever processes do. */
  readonly process: SimulatedProcess | undefined;
  readonly kind: string;
  readonly run: () => void;
  isCancelled: boolean;
}

/**
 * Virtual time: events in the order of their time, then of their scheduling. Between two events every microtask runs, so a promise that is resolved by an event has had all
 * its consequences before the next one. Nothing else moves time.
 */
export class EventLoop {
  /** Milliseconds since the beginning, with fractions. */
  nowMs = 0;
  eventCount = 0;
  /** Called with what an event threw: an uncaught exception of its process. */
  onUncaught: (error: unknown, event: LoopEvent) => void = (error) => {
    throw error;
  };
  private heap: LoopEvent[] = [];
  private nextOrder = 0;
  private hash = 0x811c9dc5;
  private isStopped = false;

  /** Two runs that did the same things at the same times in the same order have the same text here. */
  get traceHash(): string {
    return (this.hash >>> 0).toString(16).padStart(8, '0');
  }

  schedule(delayMs: number, kind: string, run: () => void, process?: SimulatedProcess): LoopEvent {
    const event: LoopEvent = { atMs: this.nowMs + Math.max(0, delayMs), order: this.nextOrder++, process, kind, run, isCancelled: false };
    this.push(event);
    return event;
  }

  /** Adds to the trace what an event's kind does not tell. */
  note(text: string): void {
    let { hash } = this;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.hash = hash;
  }

  noteNumber(value: number): void {
    this.hash = Math.imul(Math.imul(this.hash ^ (value | 0), 0x01000193) ^ Math.trunc(value / 4294967296), 0x01000193);
  }

  /** Ends the run under way before its time. */
  stop(): void {
    this.isStopped = true;
  }

  /** Runs events until virtual time reaches `untilMs`, nothing is left to happen, or `stop`. */
  run(untilMs: number): Promise<void> {
    this.isStopped = false;
    return new Promise((resolve, reject) => {
      let isDone = false;
      const step = (): void => {
        if (isDone) return;
        try {
          if (!this.isStopped && this.runNext(untilMs)) return;
          isDone = true;
          if (!this.isStopped) this.nowMs = untilMs;
          resolve();
        } catch (error) {
          isDone = true;
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const turn = (): void => {
        for (let i = 0; i < EVENTS_PER_TURN; i++) realSetImmediate(step);
        realSetImmediate(() => {
          if (!isDone) turn();
        });
      };
      turn();
    });
  }

  /** Now, in this very event, when the process can take it; later when it is paused; never when it is dead. */
  deliver(process: SimulatedProcess, kind: string, run: () => void): void {
    if (process.isDead) return;
    if (process.isPaused) process.hold(kind, run);
    else run();
  }

  private runNext(untilMs: number): boolean {
    for (;;) {
      const event = this.heap[0];
      if (event === undefined || event.atMs > untilMs) return false;
      this.pop();
      if (event.isCancelled) continue;
      this.nowMs = event.atMs;
      const { process } = event;
      if (process?.isDead === true) continue;
      if (process?.isPaused === true) {
        process.holdEvent(event);
        continue;
      }
      this.eventCount += 1;
      this.noteNumber(Math.round(event.atMs * 1000));
      this.noteNumber((process?.number ?? 0) * 64 + event.kind.length);
      try {
        event.run();
      } catch (error) {
        this.onUncaught(error, event);
      }
      return true;
    }
  }

  private push(event: LoopEvent): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent]!;
      if (isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      const below = heap[child]!;
      if (isBefore(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: LoopEvent, b: LoopEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
