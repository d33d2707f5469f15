import type { JobBody, JobSchedule } from '@millrace/http-contract';
import type { JobStoreKind } from './job-settings.js';

export type JobState = 'waiting' | 'active' | 'completed' | 'failed' | 'cancelled' | 'scheduled';

/** What a job counts, as clients see it; `done` of `total` in every job. */
export interface JobProgress {
  readonly done: number;
  readonly total: number;
  readonly [count: string]: unknown;
}

/** Kept by the store with each step: what clients see, and from where the job would go on. */
export interface SavedProgress {
  readonly shown: JobProgress;
  readonly checkpoint?: unknown;
}

/** What the store keeps of a job from its beginning. */
export interface JobData {
  readonly body: JobBody;
  /** Jobs that work on the same thing run one after the other. */
  readonly resource?: string;
  readonly isCancelled?: boolean;
}

/** The answers of /ext/jobs. Times are milliseconds since 1970. */
export interface JobAnswer {
  readonly id: string;
  readonly type: JobBody['type'];
  readonly state: JobState;
  readonly request: Omit<JobBody, 'type'>;
  readonly progress: JobProgress | null;
  /** Of the last attempt that failed. */
  readonly error: string | null;
  readonly attempts_made: number;
  readonly created: number | null;
  readonly started: number | null;
  readonly finished: number | null;
  /** When it runs next, for what is scheduled. */
  readonly next_run: number | null;
  /** The schedule that this is a run of. */
  readonly schedule_id?: string;
  /** The worker that runs it, or ran it last. */
  readonly worker_id: string | null;
  /** The end was asked for and the job has not ended yet. */
  readonly is_cancelling?: true;
  readonly store: JobStoreKind;
  /** Whether it outlives the worker that took the request. */
  readonly is_durable: boolean;
}

/** What a job may ask of whoever runs it. */
export interface JobContext {
  readonly id: string;
  /** What was saved last, by this attempt or one before it. */
  readonly saved: SavedProgress | undefined;
  /** Aborted when the job is cancelled, when the worker stops, and when another worker has taken the job over. */
  readonly signal: AbortSignal;
  save(progress: SavedProgress): Promise<void>;
}

export type RunJob = (body: JobBody, context: JobContext) => Promise<void>;

/** Keeps jobs and runs them. Ids are known to it alone. */
export interface JobQueue {
  readonly kind: JobStoreKind;
  add(data: JobData): Promise<JobAnswer>;
  /** Newest first, schedules before jobs. */
  list(): Promise<JobAnswer[]>;
  find(id: string): Promise<JobAnswer | undefined>;
  /** The id of a job on this thing that has begun or is next; what is planned for later does not count. */
  underWay(resource: string): Promise<string | undefined>;
  /** The job as it is then; undefined when there is none. What has ended stays as it is. */
  cancel(id: string): Promise<JobAnswer | undefined>;
  /** Ends within a bounded time; what runs is handed back where the store can keep it. */
  close(): Promise<void>;
}

/** Another try would end the same. */
export class FinalJobError extends Error {
  override readonly name = 'FinalJobError';
}

/** When a job that is to run once runs, from now. */
export function delayOf(schedule: JobSchedule | undefined, nowMs: number): number {
  if (schedule?.at !== undefined) return Math.max(0, schedule.at - nowMs);
  return schedule?.delay_ms ?? 0;
}

export function isRepeated(schedule: JobSchedule | undefined): schedule is JobSchedule {
  return schedule?.cron !== undefined || schedule?.every_ms !== undefined;
}

/** The same for each kind of store. */
export const KEPT_JOBS = 1000;
export const CONCURRENT_JOBS = 4;
/** How often a running job looks whether it was cancelled elsewhere. */
export const CANCEL_LOOK_MS = 500;
/** What runs gets this time when the worker stops. */
export const CLOSE_MS = 10_000;
