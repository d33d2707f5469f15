import { taskName } from '../group/work-set.js';
import type { ConnectorStateInfo, ConnectorTaskId, ConnectorType } from '../rest/shapes.js';
import type { RestartRequest } from '../stores/config-records.js';
import type { StatusState } from '../stores/status-state.js';
import { connectorStateInfo } from './status-shapes.js';

/** Which parts of a connector a restart request (KIP-745) concerns, as its statuses stand now. */
export interface RestartPlan {
  readonly connector: boolean;
  readonly tasks: readonly ConnectorTaskId[];
  /** The statuses with the chosen parts RESTARTING. */
  readonly info: ConnectorStateInfo;
}

/** Undefined when the connector has no status. */
export function restartPlan(request: RestartRequest, statuses: StatusState, type: ConnectorType): RestartPlan | undefined {
  const status = statuses.connector(request.connector);
  if (!status) return undefined;
  const includesConnector = !request.onlyFailed || status.state === 'FAILED';
  const tasks = request.includeTasks ? statuses.tasks(request.connector).filter(([, it]) => !request.onlyFailed || it.state === 'FAILED') : [];
  const ids = tasks.map(([task]) => ({ connector: request.connector, task }));
  const chosen = new Set(ids.map(taskName));
  const info = connectorStateInfo(request.connector, statuses, type);
  return {
    connector: includesConnector,
    tasks: ids,
    info: {
      ...info,
      connector: includesConnector ? { ...info.connector, state: 'RESTARTING' } : info.connector,
      tasks: info.tasks.map((it) => (chosen.has(taskName({ connector: request.connector, task: it.id })) ? { ...it, state: 'RESTARTING' } : it)),
    },
  };
}
