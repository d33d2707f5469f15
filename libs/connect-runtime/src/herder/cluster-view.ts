import { taskName } from '../group/work-set.js';
import type { Work } from '../group/connect-protocol.js';
import type { ConnectorTaskId } from '../rest/shapes.js';

/** What the leader knows of the last round: who runs what, and where each is reached. */
export class ClusterView {
  private readonly connectorOwners = new Map<string, string>();
  private readonly taskOwners = new Map<string, string>();

  constructor(urls: ReadonlyMap<string, string>, work: ReadonlyMap<string, Work>) {
    for (const [member, { connectors, tasks }] of work) {
      const url = urls.get(member);
      if (url === undefined) continue;
      for (const connector of connectors) this.connectorOwners.set(connector, url);
      for (const task of tasks) this.taskOwners.set(taskName(task), url);
    }
  }

  connectorOwner(name: string): string | undefined {
    return this.connectorOwners.get(name);
  }

  taskOwner(id: ConnectorTaskId): string | undefined {
    return this.taskOwners.get(taskName(id));
  }
}
