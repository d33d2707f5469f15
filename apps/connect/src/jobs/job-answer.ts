import type { JobAnswer, JobData, JobState, SavedProgress } from './job.js';
import type { JobStoreKind } from './job-settings.js';

interface KnownJob {
  readonly kind: JobStoreKind;
  readonly id: string;
  readonly data: JobData;
  readonly state: JobState;
  readonly saved: SavedProgress | undefined;
  readonly error: string | null;
  readonly attemptsMade: number;
  readonly createdMs: number | null;
  readonly startedMs: number | null;
  readonly finishedMs: number | null;
  readonly nextRunMs: number | null;
  readonly scheduleId: string | undefined;
  readonly workerId: string | null;
  readonly isCancelling: boolean;
}

export function answerOf(job: KnownJob): JobAnswer {
  const { type, ...request } = job.data.body;
  return {
    id: job.id,
    type,
    state: job.state,
    progress: job.saved?.shown ?? null,
    error: job.state === 'cancelled' ? null : job.error,
    attempts_made: job.attemptsMade,
    created: job.createdMs,
    started: job.startedMs,
    finished: job.finishedMs,
    next_run: job.nextRunMs,
    ...(job.scheduleId === undefined ? {} : { schedule_id: job.scheduleId }),
    worker_id: job.workerId,
    ...(job.isCancelling ? { is_cancelling: true } : {}),
    store: job.kind,
    is_durable: job.kind !== 'memory',
    request,
  };
}
