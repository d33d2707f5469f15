import { randomUUID } from 'node:crypto';
import type { TaskSignal } from '@millrace/connect-api';
import { errorMessage, hasCode } from '@millrace/foundation';
import type { InternalSignature, RequestOrigin } from '../rest/connect-api.js';
import { badRequest, conflict, ConnectRestError, notFound } from '../rest/rest-error.js';
import type { ConnectorTaskId, SignalRequest } from '../rest/shapes.js';
import type { ConfigStore } from '../stores/config-store.js';
import type { StatusState } from '../stores/status-state.js';
import type { Forwarder } from './forwarding.js';
import type { LocalWork } from './local-work.js';
import type { InternalRequests } from './session-keys.js';

/** How long a task may take to say that it has taken a signal. */
const SIGNAL_TIMEOUT_MS = 30_000;

export interface ConnectorSignalsOptions {
  readonly configs: ConfigStore;
  readonly statuses: StatusState;
  readonly work: LocalWork;
  readonly forwarder: Forwarder;
  readonly internal: InternalRequests;
  readonly workerId: string;
  /** Where the worker of this id is reached. */
  readonly workerUrl: (workerId: string) => string;
}

/** Signals to running source tasks: from any worker straight to the one on which the task runs, as its status tells. */
export class ConnectorSignals {
  constructor(private readonly options: ConnectorSignalsOptions) {}

  /** To one task, or to all of the connector; resolves with the signal's id when each has taken it. */
  async send(name: string, request: SignalRequest, origin: RequestOrigin): Promise<{ id: string }> {
    const { configs } = this.options;
    if (!configs.state.has(name)) throw notFound(`Connector ${name} not found`);
    const signal: TaskSignal = { id: request.id ?? randomUUID(), type: request.type, data: request.data ?? null };
    if (typeof signal.type !== 'string' || signal.type === '') throw badRequest('A signal needs a type');
    const all = configs.state.tasks(name);
    const tasks = request.task === undefined ? all : all.filter((it) => it.task === request.task);
    if (request.task !== undefined && tasks.length === 0) throw notFound(`Unknown task: ${name}-${request.task}`);
    const owners = tasks.map((id) => this.ownerOf(id));
    if (owners.length === 0) throw conflict(`Connector ${name} has no tasks that run`);
    await Promise.all(owners.map(({ id, workerId }) => (workerId === this.options.workerId ? this.deliver(id, signal) : this.pass(id, workerId, signal, origin))));
    return { id: signal.id };
  }

  /** From another worker: for a task that runs here. */
  async take(id: ConnectorTaskId, body: string, signature: InternalSignature): Promise<void> {
    this.options.internal.verify(body, signature);
    const signal = JSON.parse(body) as TaskSignal;
    await this.deliver(id, signal);
  }

  private ownerOf(id: ConnectorTaskId): { id: ConnectorTaskId; workerId: string } {
    const status = this.options.statuses.task(id);
    if (status?.state !== 'RUNNING') throw conflict(`Task ${id.connector}-${id.task} is not running: it is ${status?.state ?? 'UNASSIGNED'}`);
    return { id, workerId: status.workerId };
  }

  private async deliver(id: ConnectorTaskId, signal: TaskSignal): Promise<void> {
    const taken = this.options.work.signalTask(id, signal, SIGNAL_TIMEOUT_MS);
    if (!taken) throw conflict(`Task ${id.connector}-${id.task} is not running on this worker`);
    try {
      await taken;
    } catch (error) {
      if (hasCode(error, 'CONNECT_CONFIG')) throw badRequest(errorMessage(error));
      if (hasCode(error, 'CONNECT_TASK_NOT_RUNNING')) throw conflict(`Task ${id.connector}-${id.task} is not running`);
      throw new ConnectRestError('INTERNAL', 500, errorMessage(error), { cause: error });
    }
  }

  private async pass(id: ConnectorTaskId, workerId: string, signal: TaskSignal, origin: RequestOrigin): Promise<void> {
    const { internal, forwarder, workerUrl } = this.options;
    const body = JSON.stringify(signal);
    const path = `/ext/connectors/${encodeURIComponent(id.connector)}/tasks/${id.task}/signal`;
    await forwarder.send(workerUrl(workerId), { method: 'PUT', path, body, headers: internal.headers(body) }, origin);
  }
}
