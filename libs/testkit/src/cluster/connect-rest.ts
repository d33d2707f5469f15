import { waitFor } from '../flow/flow.js';

export interface TaskStatus {
  readonly id: number;
  readonly state: string;
  readonly worker_id: string;
  readonly trace?: string;
}

export interface ConnectorStatus {
  readonly connector: { readonly state: string; readonly worker_id: string; readonly trace?: string };
  readonly tasks: readonly TaskStatus[];
}

/** The statuses of all connectors as one worker sees them; undefined while it does not answer. */
export async function connectorStatuses(url: string): Promise<ReadonlyMap<string, ConnectorStatus> | undefined> {
  const response = await fetch(`${url}/connectors?expand=status`, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
  if (!response?.ok) return undefined;
  const body = (await response.json()) as Record<string, { status: ConnectorStatus }>;
  return new Map(Object.entries(body).map(([name, { status }]) => [name, status]));
}

/** Creates or changes a connector; asks again while the cluster rebalances or the worker is not there. */
export async function putConnector(url: () => string, name: string, config: Readonly<Record<string, string>>, timeoutMs = 90_000): Promise<void> {
  await waitFor(`${name} is accepted`, timeoutMs, async () => {
    const response = await fetch(`${url()}/connectors/${name}/config`, { method: 'PUT', body: JSON.stringify(config), headers: { 'content-type': 'application/json' } }).catch(() => undefined);
    if (response === undefined || response.status === 409 || response.status >= 500) return false;
    if (!response.ok) throw new Error(`${name} was refused: ${await response.text()}`);
    return true;
  });
}
