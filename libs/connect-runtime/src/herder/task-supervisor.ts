import { errorMessage, type Clock, type Logger } from '@millrace/foundation';
import { taskName } from '../group/work-set.js';
import type { ConnectorTaskId } from '../rest/shapes.js';
import { RestartBudget, type RestartPolicy } from './restart-budget.js';

export interface TaskSupervisorOptions {
  readonly policy: (connector: string) => RestartPolicy;
  /** In line with the other changes of what runs here. */
  readonly restart: (id: ConnectorTaskId) => Promise<void>;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface RestartRecord {
  /** Since the task came to this worker, or was started by hand. */
  readonly restarts: number;
  readonly plannedMs: number | null;
  readonly left: number;
}

interface Supervised {
  readonly budget: RestartBudget;
  timer: NodeJS.Timeout | undefined;
  plannedMs: number | null;
}

/**
 * Starts failed tasks of this worker again, within their budget. Meanwhile they are FAILED for everybody to see. Who starts a task by
 * hand, or changes its config, gives it a new budget.
 */
export class TaskSupervisor {
  private readonly tasks = new Map<string, Supervised>();

  constructor(private readonly options: TaskSupervisorOptions) {}

  /** `code` of the failure: wrong settings do not heal by themselves. */
  failed(id: ConnectorTaskId, code: string | undefined): void {
    const { clock, logger, restart } = this.options;
    if (code === 'CONNECT_CONFIG') return;
    const task = this.supervised(id);
    const delayMs = task.budget.take(clock.nowMs());
    const fields = { connector: id.connector, task: id.task, restarts: task.budget.total };
    if (delayMs === undefined) return logger.warn(fields, 'a failed task is not started again: it has no restarts left');
    logger.info({ ...fields, delayMs }, 'a failed task will be started again');
    clearTimeout(task.timer);
    task.plannedMs = clock.nowMs() + delayMs;
    task.timer = setTimeout(() => {
      task.plannedMs = null;
      restart(id).catch((error: unknown) => logger.error({ ...fields, error: errorMessage(error) }, 'a failed task could not be started again'));
    }, delayMs);
    task.timer.unref();
  }

  forget(id: ConnectorTaskId): void {
    clearTimeout(this.tasks.get(taskName(id))?.timer);
    this.tasks.delete(taskName(id));
  }

  record(id: ConnectorTaskId): RestartRecord {
    const task = this.tasks.get(taskName(id));
    const nowMs = this.options.clock.nowMs();
    if (!task) return { restarts: 0, plannedMs: null, left: this.options.policy(id.connector).attemptsMax };
    return { restarts: task.budget.total, plannedMs: task.plannedMs, left: task.budget.left(nowMs) };
  }

  private supervised(id: ConnectorTaskId): Supervised {
    let task = this.tasks.get(taskName(id));
    if (!task) this.tasks.set(taskName(id), (task = { budget: new RestartBudget(this.options.policy(id.connector)), timer: undefined, plannedMs: null }));
    return task;
  }
}
