import { AsyncLocalStorage } from 'node:async_hooks';
import { LATE, within } from '../waiting.js';
import { ConnectRestError } from './rest-error.js';

/** Connect's budget for a request. */
export const REQUEST_TIMEOUT_MS = 90_000;

interface Request {
  description: string;
  begunMs: number;
}

const current = new AsyncLocalStorage<Request>();

/** Says what the request under way is waiting for, while it does; the innermost counts. */
export async function inStage<T>(description: string, work: () => Promise<T>): Promise<T> {
  const request = current.getStore();
  if (!request) return await work();
  const outer = { ...request };
  Object.assign(request, { description, begunMs: Date.now() });
  try {
    return await work();
  } finally {
    Object.assign(request, outer);
  }
}

/** Refuses with 500 and what the worker was doing when the time is up; what was begun goes on. */
export async function withinBudget<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const request: Request = { description: 'handling the request', begunMs: Date.now() };
  const outcome = await within(timeoutMs, current.run(request, work));
  if (outcome === LATE) throw new ConnectRestError('TIMEOUT', 500, `Request timed out. ${summary(request)}`);
  return outcome;
}

function summary({ description, begunMs }: Request): string {
  return `The worker is currently ${description}, which began at ${new Date(begunMs).toISOString()}.`;
}
