import { ConnectRestError } from '@millrace/connect-runtime';
import { errorMessage } from '@millrace/foundation';
import type { JobSchedule } from '@millrace/http-contract';

/** The first run of a repeated job after `afterMs`. Throws ConnectRestError (400) for a pattern or zone that says nothing. */
export async function nextRun(schedule: JobSchedule, afterMs: number): Promise<number> {
  const { cron, every_ms: everyMs, timezone } = schedule;
  if (everyMs !== undefined) return afterMs + everyMs;
  const { getNextMillis } = await import('bullmq');
  let next: number | undefined;
  try {
    next = getNextMillis(afterMs, { pattern: cron ?? '', ...(timezone === undefined ? {} : { tz: timezone }) });
  } catch (error) {
    throw new ConnectRestError('BAD_REQUEST', 400, `Cannot read schedule.cron "${cron}"${timezone === undefined ? '' : ` in time zone "${timezone}"`}: ${errorMessage(error)}`);
  }
  if (next === undefined || !Number.isFinite(next)) throw new ConnectRestError('BAD_REQUEST', 400, `schedule.cron "${cron}" never comes`);
  return next;
}
