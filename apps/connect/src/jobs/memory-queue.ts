import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '@millrace/foundation';
import { answerOf } from './job-answer.js';
import { CLOSE_MS, CONCURRENT_JOBS, delayOf, FinalJobError, isRepeated, KEPT_JOBS, type JobAnswer, type JobData, type JobQueue, type JobState, type RunJob, type SavedProgress } from './job.js';
import { JobStopped } from './job-stopped.js';
import { nextRun } from './schedules.js';

/** Timers cannot wait longer. */
const TIMER_MAX_MS = 2 ** 31 - 1;

interface Entry {
  readonly id: string;
  readonly data: JobData;
  readonly createdMs: number;
  readonly scheduleId: string | undefined;
  state: JobState;
  saved: SavedProgress | undefined;
  error: string | null;
  attemptsMade: number;
  startedMs: number | null;
  finishedMs: number | null;
  nextRunMs: number | null;
  timer: NodeJS.Timeout | undefined;
  readonly controller: AbortController;
}

/** Jobs inside this worker: known to it alone, gone with it. */
export class MemoryQueue implements JobQueue {
  readonly kind = 'memory';
  private readonly entries = new Map<string, Entry>();
  private readonly running = new Map<Entry, Promise<void>>();
  private isClosed = false;

  constructor(private readonly options: { readonly workerId: string; readonly run: RunJob }) {}

  async add(data: JobData): Promise<JobAnswer> {
    const { schedule } = data.body;
    if (isRepeated(schedule)) {
      const entry = this.enter(data, { nextRunMs: await nextRun(schedule, Date.now()) });
      this.sleep(entry, () => this.startRun(entry));
      return this.answer(entry);
    }
    const delayMs = delayOf(schedule, Date.now());
    const entry = this.enter(data, { nextRunMs: delayMs > 0 ? Date.now() + delayMs : null });
    this.queue(entry);
    return this.answer(entry);
  }

  async list(): Promise<JobAnswer[]> {
    const newestFirst = [...this.entries.values()].reverse();
    const isSchedule = (it: Entry): boolean => isRepeated(it.data.body.schedule) && it.scheduleId === undefined;
    return [...newestFirst.filter(isSchedule), ...newestFirst.filter((it) => !isSchedule(it))].map((it) => this.answer(it));
  }

  async find(id: string): Promise<JobAnswer | undefined> {
    const entry = this.entries.get(id);
    return entry && this.answer(entry);
  }

  async underWay(resource: string): Promise<string | undefined> {
    const isNow = ({ state, attemptsMade }: Entry): boolean => state === 'active' || state === 'waiting' || (state === 'scheduled' && attemptsMade > 0);
    return [...this.entries.values()].find((it) => it.data.resource === resource && isNow(it))?.id;
  }

  async cancel(id: string): Promise<JobAnswer | undefined> {
    const entry = this.entries.get(id);
    if (!entry) return undefined;
    clearTimeout(entry.timer);
    if (entry.state === 'waiting' || entry.state === 'scheduled') this.finish(entry, 'cancelled');
    else if (entry.state === 'active') entry.controller.abort(new JobStopped('cancelled'));
    return this.answer(entry);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const entry of this.entries.values()) {
      clearTimeout(entry.timer);
      entry.controller.abort(new JobStopped('worker stops'));
    }
    await Promise.race([Promise.all(this.running.values()), delay(CLOSE_MS, undefined, { ref: false })]);
  }

  private enter(data: JobData, { nextRunMs, scheduleId }: { nextRunMs: number | null; scheduleId?: string }): Entry {
    const entry: Entry = { id: randomUUID(), data, createdMs: Date.now(), scheduleId, state: nextRunMs === null ? 'waiting' : 'scheduled', saved: undefined, error: null, attemptsMade: 0, startedMs: null, finishedMs: null, nextRunMs, timer: undefined, controller: new AbortController() };
    this.entries.set(entry.id, entry);
    return entry;
  }

  private startRun(schedule: Entry): void {
    this.queue(this.enter(schedule.data, { nextRunMs: null, scheduleId: schedule.id }));
    void nextRun(schedule.data.body.schedule ?? {}, Date.now()).then((nextRunMs) => {
      if (this.isClosed || schedule.state !== 'scheduled') return;
      schedule.nextRunMs = nextRunMs;
      this.sleep(schedule, () => this.startRun(schedule));
    });
  }

  private queue(entry: Entry): void {
    if (entry.nextRunMs !== null) return this.sleep(entry, () => this.wake(entry));
    this.wake(entry);
  }

  private wake(entry: Entry): void {
    entry.state = 'waiting';
    entry.nextRunMs = null;
    this.startWaiting();
  }

  private sleep(entry: Entry, then: () => void): void {
    const leftMs = (entry.nextRunMs ?? 0) - Date.now();
    entry.timer = setTimeout(() => (leftMs > TIMER_MAX_MS ? this.sleep(entry, then) : then()), Math.min(Math.max(leftMs, 0), TIMER_MAX_MS));
    entry.timer.unref();
  }

  private startWaiting(): void {
    for (const entry of this.entries.values()) {
      if (this.isClosed || this.running.size >= CONCURRENT_JOBS) return;
      const { resource } = entry.data;
      const isTaken = resource !== undefined && [...this.running.keys()].some((it) => it.data.resource === resource);
      if (entry.state !== 'waiting' || isTaken) continue;
      const run = this.run(entry).finally(() => {
        this.running.delete(entry);
        this.startWaiting();
      });
      this.running.set(entry, run);
    }
  }

  private async run(entry: Entry): Promise<void> {
    const { body } = entry.data;
    entry.state = 'active';
    entry.startedMs = Date.now();
    try {
      const save = async (progress: SavedProgress): Promise<void> => void (entry.saved = progress);
      await this.options.run(body, { id: entry.id, saved: entry.saved, signal: entry.controller.signal, save });
      this.finish(entry, 'completed');
    } catch (error) {
      if (entry.controller.signal.aborted) return this.finish(entry, 'cancelled');
      entry.attemptsMade += 1;
      entry.error = errorMessage(error);
      if (error instanceof FinalJobError || entry.attemptsMade >= body.attempts) return this.finish(entry, 'failed');
      entry.state = 'scheduled';
      entry.nextRunMs = Date.now() + body.backoff_ms * 2 ** (entry.attemptsMade - 1);
      this.sleep(entry, () => this.wake(entry));
    }
  }

  private finish(entry: Entry, state: JobState): void {
    entry.state = state;
    entry.nextRunMs = null;
    entry.finishedMs = Date.now();
    if (state === 'completed') entry.error = null;
    const finished = [...this.entries.values()].filter((it) => it.finishedMs !== null);
    for (const it of finished.slice(0, Math.max(0, finished.length - KEPT_JOBS))) this.entries.delete(it.id);
  }

  private answer(entry: Entry): JobAnswer {
    const { id, data, saved, scheduleId, controller, ...rest } = entry;
    const isCancelling = rest.state === 'active' && controller.signal.aborted;
    return answerOf({ kind: this.kind, id, data, saved, scheduleId, isCancelling, workerId: rest.startedMs === null ? null : this.options.workerId, ...rest });
  }
}
