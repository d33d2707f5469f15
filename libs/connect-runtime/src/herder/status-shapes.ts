import { notFound } from '../rest/rest-error.js';
import type { ConnectorState, ConnectorStateInfo, ConnectorType, TaskState, TaskStateInfo } from '../rest/shapes.js';
import type { Status } from '../stores/status-records.js';
import type { StatusState } from '../stores/status-state.js';

/** GET /connectors/{name}/status. Throws 404 when there is no status yet. */
export function connectorStateInfo(name: string, statuses: StatusState, type: ConnectorType): ConnectorStateInfo {
  const status = statuses.connector(name);
  if (!status) throw notFound(`No status found for connector ${name}`);
  return {
    name,
    connector: { state: status.state as ConnectorState, worker_id: status.workerId, ...traceAndVersion(status) },
    tasks: statuses.tasks(name).map(([task, it]) => taskStateInfo(task, it)),
    type,
  };
}

export function taskStateInfo(task: number, status: Status): TaskStateInfo {
  return { id: task, state: status.state as TaskState, worker_id: status.workerId, ...traceAndVersion(status) };
}

function traceAndVersion(status: Status): { trace?: string; version?: string } {
  return { ...(status.trace ? { trace: status.trace } : {}), ...(status.version === null ? {} : { version: status.version }) };
}
