import { errorMessage, type Logger } from '@millrace/foundation';
import { notFound } from '../rest/rest-error.js';
import type { RequestOrigin } from '../rest/connect-api.js';
import type { ConnectorHealth, TaskHealth } from '../rest/shapes.js';
import type { ConfigState } from '../stores/config-state.js';
import type { StatusState } from '../stores/status-state.js';
import type { Forwarder } from './forwarding.js';
import type { LocalWork } from './local-work.js';

const ANSWER_TIMEOUT_MS = 5000;

export interface ConnectorHealthOptions {
  readonly configs: ConfigState;
  readonly statuses: StatusState;
  readonly work: LocalWork;
  readonly forwarder: Forwarder;
  readonly workerId: string;
  readonly workerUrl: (workerId: string) => string;
  readonly logger: Logger;
}

/** What the statuses do not say of a connector: stalls, restarts and counters, gathered from the workers that run its parts. */
export class ConnectorHealths {
  constructor(private readonly options: ConnectorHealthOptions) {}

  async of(name: string, origin: RequestOrigin): Promise<ConnectorHealth> {
    const { configs, statuses, workerId } = this.options;
    if (!configs.has(name)) throw notFound(`Connector ${name} not found`);
    const mine = this.local(name);
    if (origin.forward !== undefined) return mine;
    const status = statuses.connector(name);
    const others = new Set([status?.workerId, ...statuses.tasks(name).map(([, it]) => it.workerId)].filter((it): it is string => it !== undefined && it !== workerId));
    const answers = new Map([[workerId, mine], ...(await Promise.all([...others].map(async (it) => [it, await this.ask(it, name, origin)] as const)))]);
    const own = status && answers.get(status.workerId)?.connector;
    return {
      name,
      connector: { state: status?.state ?? 'UNASSIGNED', worker_id: status?.workerId ?? null, restarts: own?.restarts ?? 0, restart_planned: own?.restart_planned ?? null, restarts_left: own?.restarts_left ?? null },
      tasks: configs.tasks(name).map(({ task }): TaskHealth => {
        const present = statuses.task({ connector: name, task });
        const known = present && answers.get(present.workerId)?.tasks.find((it) => it.id === task);
        return { ...(known ?? UNKNOWN), id: task, state: present?.state ?? 'UNASSIGNED', worker_id: present?.workerId ?? null };
      }),
    };
  }

  private local(name: string): ConnectorHealth {
    const { work, workerId } = this.options;
    const connector = work.connectorRestarts(name);
    return {
      name,
      connector: { state: 'UNASSIGNED', worker_id: workerId, restarts: connector?.restarts ?? 0, restart_planned: connector?.plannedMs ?? null, restarts_left: connector?.left ?? null },
      tasks: work.taskHealth(name, workerId),
    };
  }

  private async ask(workerId: string, name: string, origin: RequestOrigin): Promise<ConnectorHealth | undefined> {
    const { forwarder, workerUrl, logger } = this.options;
    try {
      return (await forwarder.send(workerUrl(workerId), { method: 'GET', path: `/ext/connectors/${encodeURIComponent(name)}/health`, timeoutMs: ANSWER_TIMEOUT_MS }, origin)) as ConnectorHealth;
    } catch (error) {
      logger.debug({ connector: name, worker: workerId, error: errorMessage(error) }, 'a worker does not tell of a connector’s health');
      return undefined;
    }
  }
}

/** Of a task whose worker does not answer, or is not one of ours. */
const UNKNOWN: Omit<TaskHealth, 'id' | 'state' | 'worker_id'> = { stalled: null, stalled_in: null, stalled_since: null, last_progress: null, restarts: 0, restart_planned: null, restarts_left: null, counters: null };
