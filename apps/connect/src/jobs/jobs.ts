import { setTimeout as delay } from 'node:timers/promises';
import { ConnectRestError } from '@millrace/connect-runtime';
import { errorMessage, type Logger } from '@millrace/foundation';
import type { JobBody } from '@millrace/http-contract';
import { type JobAnswer, type JobData, type JobQueue, type RunJob } from './job.js';
import { placeOf, withoutPassword, type JobStoreSettings } from './job-settings.js';
import { MemoryQueue } from './memory-queue.js';

export interface JobsOptions {
  /** Undefined: inside this worker. */
  readonly settings: JobStoreSettings | undefined;
  readonly workerId: string;
  /** Checks a request against the connectors; throws ConnectRestError. */
  readonly prepare: (body: JobBody) => JobData;
  readonly run: RunJob;
  readonly logger: Logger;
}

const REQUEST_WAIT_MS = 10_000;
const OPEN_RETRY_MIN_MS = 500;
const OPEN_RETRY_MAX_MS = 15_000;

/** The background jobs of a worker. Until the store answers, requests wait a while and are then refused with 503; what is in it runs as soon as it answers. */
export class Jobs {
  private readonly closing = new AbortController();
  private queue: JobQueue | undefined;
  private opening: Promise<void> | undefined;

  constructor(private readonly options: JobsOptions) {}

  /** Returns at once; the store is connected to in the background. */
  start(): void {
    const { settings, workerId, run } = this.options;
    if (settings) this.opening = this.open(settings);
    else this.queue = new MemoryQueue({ workerId, run });
  }

  async add(body: JobBody): Promise<JobAnswer> {
    const data = this.options.prepare(body);
    return this.asked(async (queue) => {
      const { resource } = data;
      const other = resource === undefined || body.schedule !== undefined ? undefined : await queue.underWay(resource);
      if (other !== undefined) throw new ConnectRestError('CONFLICT', 409, `The job ${other} (${resource}) has not ended yet`);
      return queue.add(data);
    });
  }

  async list(): Promise<JobAnswer[]> {
    return this.asked((queue) => queue.list());
  }

  async find(id: string): Promise<JobAnswer> {
    return found(id, await this.asked((queue) => queue.find(id)));
  }

  async cancel(id: string): Promise<JobAnswer> {
    return found(id, await this.asked((queue) => queue.cancel(id)));
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.opening;
    await this.queue?.close();
  }

  private async open(settings: JobStoreSettings): Promise<void> {
    const { logger, workerId, run } = this.options;
    for (let waitMs = OPEN_RETRY_MIN_MS; !this.closing.signal.aborted; waitMs = Math.min(2 * waitMs, OPEN_RETRY_MAX_MS)) {
      try {
        const { openBullmq } = await import('./open-bullmq.js');
        this.queue = await openBullmq({ settings, workerId, run, logger });
        logger.info({ store: placeOf(settings) }, 'jobs are kept in a store');
        return;
      } catch (error) {
        logger.warn({ store: placeOf(settings), error: withoutPassword(errorMessage(error), settings), retryInMs: waitMs }, 'the job store cannot be used');
      }
      await delay(waitMs, undefined, { signal: this.closing.signal, ref: false }).catch(() => undefined);
    }
  }

  /** The store's own failures are 503, without its address. */
  private async asked<T>(question: (queue: JobQueue) => Promise<T>): Promise<T> {
    const { settings, logger } = this.options;
    if (!this.queue && this.opening) await Promise.race([this.opening, delay(REQUEST_WAIT_MS, undefined, { ref: false })]);
    const { queue } = this;
    if (!queue) throw unavailable();
    const waiting = new AbortController();
    try {
      return await Promise.race([
        question(queue),
        delay(REQUEST_WAIT_MS, undefined, { ref: false, signal: waiting.signal }).then(() => {
          throw unavailable();
        }),
      ]);
    } catch (error) {
      if (error instanceof ConnectRestError || !settings) throw error;
      logger.warn({ error: withoutPassword(errorMessage(error), settings) }, 'the job store refused a request');
      throw unavailable();
    } finally {
      waiting.abort();
    }
  }
}

function unavailable(): ConnectRestError {
  return new ConnectRestError('UNAVAILABLE', 503, 'The job store (jobs.store.url) does not answer');
}

function found(id: string, job: JobAnswer | undefined): JobAnswer {
  if (!job) throw new ConnectRestError('NOT_FOUND', 404, `Job ${id} not found`);
  return job;
}
