import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DelayedError, UnrecoverableError, WaitingError, type BackendClasses, type IQueueBackend, type Job, type JobSchedulerJson, type Queue, type Worker } from 'bullmq';
import { errorMessage, type Logger } from '@millrace/foundation';
import { answerOf } from './job-answer.js';
import { CANCEL_LOOK_MS, CLOSE_MS, CONCURRENT_JOBS, delayOf, FinalJobError, isRepeated, KEPT_JOBS, type JobAnswer, type JobData, type JobQueue, type JobState, type RunJob, type SavedProgress } from './job.js';
import { withoutPassword, type JobStoreSettings } from './job-settings.js';
import { JobStopped } from './job-stopped.js';
import { nextRun } from './schedules.js';

/** So long after a worker's death its jobs are another's. */
const LOCK_MS = 10_000;
const DEATH_LOOK_MS = 3_000;
/** A job that waits for another one on the same thing looks again. */
const RESOURCE_LOOK_MS = 1_000;
const KEPT_SECONDS = 30 * 24 * 3600;
const TELL_AGAIN_MS = 60_000;
/** Only what kills workers again and again is given up. */
const DEATHS_MAX = 100;

type StoredJob = Job<JobData, null, string>;

const STATES: Readonly<Record<string, JobState>> = { active: 'active', waiting: 'waiting', delayed: 'scheduled', completed: 'completed', failed: 'failed' };
const LISTED = ['active', 'waiting', 'delayed', 'completed', 'failed'] as const;

export interface BullmqQueueOptions {
  readonly settings: JobStoreSettings;
  readonly workerId: string;
  readonly run: RunJob;
  readonly logger: Logger;
}

/** Jobs in a store that the group's workers share: each runs on one of them at a time, and on another when that one dies. */
export class BullmqQueue<B extends IQueueBackend, C> implements JobQueue {
  readonly kind;
  private readonly queue: Queue<JobData, null, string, JobData, null, string, B, C>;
  private readonly worker: Worker<JobData, null, string, B, SavedProgress & object, C>;
  private readonly running = new Map<string, AbortController>();
  private told = { reason: '', atMs: 0 };

  constructor(
    classes: Pick<BackendClasses<B, C>, 'Queue' | 'Worker'>,
    connection: C,
    private readonly options: BullmqQueueOptions,
  ) {
    const { settings, workerId } = options;
    this.kind = settings.kind;
    const prefix = settings.kind === 'redis' ? { prefix: 'millrace' } : {};
    this.queue = new classes.Queue<JobData, null>(settings.queueName, { connection, ...prefix });
    this.worker = new classes.Worker<JobData, null, string, SavedProgress & object>(settings.queueName, (job, token) => this.process(job, token ?? ''), {
      connection,
      ...prefix,
      name: workerId,
      concurrency: CONCURRENT_JOBS,
      lockDuration: LOCK_MS,
      stalledInterval: DEATH_LOOK_MS,
      maxStalledCount: DEATHS_MAX,
      autorun: false,
    });
    const onError = (error: Error): void => this.tell(withoutPassword(errorMessage(error), settings));
    this.queue.on('error', onError);
    this.worker.on('error', onError);
    this.worker.on('lockRenewalFailed', (ids: string[]) => {
      for (const id of ids) this.running.get(id)?.abort(new JobStopped('taken over'));
    });
  }

  /** Resolves when the store answers; jobs run from then on. */
  async start(): Promise<void> {
    await this.queue.waitUntilReady();
    await this.worker.waitUntilReady();
    void this.worker.run().catch((error: unknown) => this.options.logger.error({ error: withoutPassword(errorMessage(error), this.options.settings) }, 'jobs are not run any more'));
  }

  async add(data: JobData): Promise<JobAnswer> {
    const { schedule, attempts, backoff_ms: backoffMs, type } = data.body;
    const kept = { age: KEPT_SECONDS, count: KEPT_JOBS };
    const opts = { attempts, backoff: { type: 'exponential', delay: backoffMs }, removeOnComplete: kept, removeOnFail: kept };
    const id = randomUUID();
    if (isRepeated(schedule)) {
      const firstMs = await nextRun(schedule, Date.now());
      const repeat = schedule.cron === undefined ? { every: schedule.every_ms ?? 0, startDate: firstMs } : { pattern: schedule.cron, ...(schedule.timezone === undefined ? {} : { tz: schedule.timezone }) };
      await this.queue.upsertJobScheduler(id, repeat, { name: type, data, opts });
      const scheduler = await this.queue.getJobScheduler(id);
      return this.scheduleAnswer(scheduler ?? { key: id, name: type, next: firstMs }, data);
    }
    const delayMs = delayOf(schedule, Date.now());
    const job = await this.queue.add(type, data, { ...opts, jobId: id, ...(delayMs > 0 ? { delay: delayMs } : {}) });
    return this.answer(job, delayMs > 0 ? 'delayed' : 'waiting');
  }

  async list(): Promise<JobAnswer[]> {
    const [schedulers, ...lists] = await Promise.all([
      this.queue.getJobSchedulers(0, KEPT_JOBS - 1, false),
      ...LISTED.map(async (state) => (await this.queue.getJobs([state], 0, KEPT_JOBS - 1, false)).filter((it) => it !== undefined && !isForetold(it, state)).map((job) => this.answer(job, state))),
    ]);
    const jobs = new Map(lists.flat().map((it) => [it.id, it]));
    return [...schedulers.flatMap((it) => it.template?.data === undefined ? [] : [this.scheduleAnswer(it, it.template.data as JobData)]), ...[...jobs.values()].sort((a, b) => (b.created ?? 0) - (a.created ?? 0))];
  }

  async find(id: string): Promise<JobAnswer | undefined> {
    const found = await this.stored(id);
    if (found) return this.answer(found.job, found.state);
    const scheduler = await this.scheduler(id);
    return scheduler && this.scheduleAnswer(scheduler, scheduler.template?.data as JobData);
  }

  async underWay(resource: string): Promise<string | undefined> {
    const jobs = await this.queue.getJobs(['active', 'waiting', 'delayed'], 0, KEPT_JOBS - 1);
    const isLater = (it: StoredJob): boolean => it.delay > 0 && it.processedOn === undefined;
    return jobs.find((it) => it !== undefined && it.data.resource === resource && it.data.isCancelled !== true && !isLater(it))?.id;
  }

  async cancel(id: string): Promise<JobAnswer | undefined> {
    const found = await this.stored(id);
    if (!found) return this.cancelSchedule(id);
    const { job, state } = found;
    if (state === 'completed' || state === 'failed') return this.answer(job, state);
    await job.updateData({ ...job.data, isCancelled: true });
    // Whoever takes it sees the mark and ends it.
    if (state === 'delayed') await job.promote().catch(() => undefined);
    this.running.get(id)?.abort(new JobStopped('cancelled'));
    return this.find(id);
  }

  /** What runs here is given back to the queue. */
  async close(): Promise<void> {
    for (const controller of this.running.values()) controller.abort(new JobStopped('worker stops'));
    // A restart or signal that is under way cannot be called back: it is another worker's when its lock ends.
    await Promise.race([this.worker.close(), delay(CLOSE_MS, undefined, { ref: false })]);
    await this.worker.close(true);
    await this.queue.close();
  }

  /** Several connections fail at once, again and again: a reason is told once in a while. */
  private tell(reason: string): void {
    const nowMs = performance.now();
    if (reason === this.told.reason && nowMs - this.told.atMs < TELL_AGAIN_MS) return;
    this.told = { reason, atMs: nowMs };
    this.options.logger.warn({ reason }, 'the job store does not answer as it should');
  }

  /** The state is read before the job: one that has ended is not told with what it had done a moment before. */
  private async stored(id: string): Promise<{ job: StoredJob; state: string } | undefined> {
    const state = await this.queue.getJobState(id);
    const job = await this.queue.getJob(id);
    return job && { job, state };
  }

  private async cancelSchedule(id: string): Promise<JobAnswer | undefined> {
    const scheduler = await this.scheduler(id);
    if (!scheduler) return undefined;
    await this.queue.removeJobScheduler(id);
    return { ...this.scheduleAnswer(scheduler, scheduler.template?.data as JobData), state: 'cancelled', next_run: null };
  }

  private async scheduler(id: string): Promise<JobSchedulerJson<JobData> | undefined> {
    const found = await this.queue.getJobScheduler(id);
    return found?.template?.data === undefined ? undefined : found;
  }

  private async process(job: StoredJob, token: string): Promise<null> {
    const id = job.id ?? '';
    if (job.data.isCancelled) throw new UnrecoverableError('cancelled');
    const controller = new AbortController();
    this.running.set(id, controller);
    const look = setInterval(() => void this.lookForCancel(id, controller), CANCEL_LOOK_MS);
    try {
      if (await this.isResourceTaken(job)) {
        await job.moveToDelayed(Date.now() + RESOURCE_LOOK_MS, token);
        throw new DelayedError();
      }
      const saved = isSaved(job.progress) ? job.progress : undefined;
      await this.options.run(job.data.body, { id, saved, signal: controller.signal, save: (progress) => job.updateProgress(progress) });
      return null;
    } catch (error) {
      throw await this.endOf(error, job, token, controller.signal);
    } finally {
      clearInterval(look);
      this.running.delete(id);
    }
  }

  private async endOf(error: unknown, job: StoredJob, token: string, signal: AbortSignal): Promise<unknown> {
    const stopped = signal.aborted && signal.reason instanceof JobStopped ? signal.reason : undefined;
    if (stopped?.why === 'worker stops') {
      await job.moveToWait(token);
      return new WaitingError();
    }
    if (stopped?.why === 'cancelled') return new UnrecoverableError('cancelled');
    return error instanceof FinalJobError ? new UnrecoverableError(error.message) : error;
  }

  private async lookForCancel(id: string, controller: AbortController): Promise<void> {
    const job = await this.queue.getJob(id).catch(() => undefined);
    if (job?.data.isCancelled) controller.abort(new JobStopped('cancelled'));
  }

  /** One of the jobs on the same thing goes on: the one that became active first. */
  private async isResourceTaken(job: StoredJob): Promise<boolean> {
    const { resource } = job.data;
    if (resource === undefined) return false;
    const since = (it: StoredJob): number => it.processedOn ?? 0;
    const others = (await this.queue.getActive(0, KEPT_JOBS)).filter((it) => it !== undefined && it.id !== job.id && it.data.resource === resource);
    return others.some((it) => since(it) < since(job) || (since(it) === since(job) && (it.id ?? '') < (job.id ?? '')));
  }

  private answer(job: StoredJob, storedState: string): JobAnswer {
    const { data } = job;
    const isEnded = storedState === 'completed' || storedState === 'failed';
    const waitsForResource = storedState === 'delayed' && job.attemptsMade === 0 && job.processedOn !== undefined;
    const known = waitsForResource ? 'waiting' : (STATES[storedState] ?? 'waiting');
    const isCancelled = data.isCancelled === true && storedState !== 'active' && storedState !== 'completed';
    return answerOf({
      kind: this.kind,
      id: job.id ?? '',
      data,
      state: isCancelled ? 'cancelled' : known,
      saved: isSaved(job.progress) ? job.progress : undefined,
      error: storedState === 'completed' ? null : job.failedReason || null,
      attemptsMade: job.attemptsMade,
      createdMs: job.timestamp,
      startedMs: job.processedOn ?? null,
      finishedMs: isEnded ? (job.finishedOn ?? null) : null,
      nextRunMs: storedState === 'delayed' && job.processedOn === undefined && !isCancelled ? job.timestamp + job.delay : null,
      scheduleId: job.repeatJobKey,
      workerId: job.processedBy ?? null,
      isCancelling: data.isCancelled === true && storedState === 'active',
    });
  }

  private scheduleAnswer(scheduler: JobSchedulerJson<JobData>, data: JobData): JobAnswer {
    const none = { error: null, attemptsMade: 0, createdMs: null, startedMs: null, finishedMs: null, scheduleId: undefined, workerId: null, isCancelling: false, saved: undefined };
    return answerOf({ kind: this.kind, id: scheduler.key, data, state: 'scheduled', nextRunMs: scheduler.next ?? null, ...none });
  }
}

/** The next run of a schedule, which the schedule tells of itself. */
function isForetold(job: StoredJob, state: string): boolean {
  return state === 'delayed' && job.repeatJobKey !== undefined && job.processedOn === undefined;
}

function isSaved(progress: unknown): progress is SavedProgress {
  return typeof progress === 'object' && progress !== null && 'shown' in progress;
}
