import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { OperationalError, type Clock, type Codecs, type Scheduler } from '@millrace/foundation';
import { cleanLog, removeLeftovers, type CleanedGroup, type CleaningJob, type CleaningResult, type FileSystem } from '@millrace/storage';
import { cleaningAborted, cleaningPace, expectWanted } from './cleaning-pace.js';

/** What each cleaner may use. */
export interface CleaningLimits {
  readonly mapBytes: number;
  readonly mapLoadFactor: number;
  readonly bytesPerSecondMax: number;
}

/** Carries cleanings out, one at a time. */
export interface LogRewriter {
  /**
   * `onGroup` puts a rewritten group in its place; the next one is begun when it has. Rejects with code `CLEANING_ABORTED` once `calledOff` is aborted, also when that was before the
   * call; whatever happens, no files of the cleaning are left.
   */
  clean(job: CleaningJob, onGroup: (group: CleanedGroup) => Promise<void>, calledOff: AbortSignal): Promise<CleaningResult>;
  /** There is nothing to do for a while: gives memory back. */
  rest(): void;
}

/** Long enough to be worth the turn, short enough for the requests that wait. */
const SLICE_MS = 2;

/** Cleans on the caller's event loop, in slices: where the disk or the clock are not those of the machine. */
export class SlicedRewriter implements LogRewriter {
  constructor(private readonly ports: { readonly fileSystem: FileSystem; readonly codecs: Codecs; readonly clock: Clock; readonly scheduler: Scheduler }, private readonly limits: CleaningLimits) {}

  async clean(job: CleaningJob, onGroup: (group: CleanedGroup) => Promise<void>, calledOff: AbortSignal): Promise<CleaningResult> {
    expectWanted(calledOff);
    const pace = cleaningPace({ ...this.ports, bytesPerSecondMax: this.limits.bytesPerSecondMax, sliceMs: SLICE_MS, signal: calledOff });
    try {
      return await cleanLog(job, { ...this.ports, ...this.limits, pace, onGroup });
    } catch (error) {
      tidyUp(job, this.ports.fileSystem);
      throw error;
    }
  }

  rest(): void {
    // Nothing is kept between two cleanings.
  }
}

export type ThreadRequest = { readonly kind: 'clean'; readonly job: CleaningJob; readonly limits: CleaningLimits } | { readonly kind: 'go on' };
export type ThreadReply =
  | { readonly kind: 'group'; readonly group: CleanedGroup }
  | { readonly kind: 'done'; readonly result: CleaningResult }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** Cleans on a thread of its own, which lives as long as there is something to clean: requests are not held up, and the map of keys is given back with the thread. */
export class ThreadRewriter implements LogRewriter {
  private thread: Worker | undefined;

  constructor(private readonly fileSystem: FileSystem, private readonly limits: CleaningLimits) {}

  async clean(job: CleaningJob, onGroup: (group: CleanedGroup) => Promise<void>, calledOff: AbortSignal): Promise<CleaningResult> {
    expectWanted(calledOff);
    const thread = (this.thread ??= startThread());
    const end = (): void => void thread.terminate();
    calledOff.addEventListener('abort', end);
    try {
      return await new Promise<CleaningResult>((resolve, reject) => {
        const onExit = (): void => reject(cleaningAborted('the thread of the cleaner has ended'));
        const done = (): void => {
          thread.off('message', onMessage);
          thread.off('error', reject);
          thread.off('exit', onExit);
        };
        const onMessage = (reply: ThreadReply): void => {
          if (reply.kind === 'group') {
            onGroup(reply.group).then(() => thread.postMessage({ kind: 'go on' } satisfies ThreadRequest), (error: unknown) => (done(), reject(error)));
            return;
          }
          done();
          if (reply.kind === 'done') resolve(reply.result);
          else reject(new OperationalError(reply.code, reply.message));
        };
        thread.on('message', onMessage);
        thread.on('error', reject);
        thread.on('exit', onExit);
        thread.postMessage({ kind: 'clean', job, limits: this.limits } satisfies ThreadRequest);
      });
    } catch (error) {
      this.thread = undefined;
      await thread.terminate();
      tidyUp(job, this.fileSystem);
      throw error;
    } finally {
      calledOff.removeEventListener('abort', end);
    }
  }

  rest(): void {
    void this.thread?.terminate();
    this.thread = undefined;
  }
}

/** The compiled entry file, whether this runs from sources or compiled. */
function startThread(): Worker {
  const thread = new Worker(path.resolve(__dirname, '../../dist/cleaner/cleaner-thread.js'), { name: 'log-cleaner', resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 } });
  thread.unref();
  return thread;
}

/** The partition may have been deleted meanwhile, with all that was in its folder. */
function tidyUp(job: CleaningJob, fileSystem: FileSystem): void {
  try {
    removeLeftovers(job.folder, fileSystem);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
  }
}
