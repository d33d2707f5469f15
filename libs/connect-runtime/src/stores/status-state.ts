import type { ConnectorTaskId } from '../rest/shapes.js';
import type { Status, StatusRecord } from './status-records.js';

/** The statuses of the cluster, replayed from the status topic. */
export class StatusState {
  private readonly connectorStatus = new Map<string, Status>();
  private readonly taskStatus = new Map<string, Map<number, Status>>();
  private readonly topics = new Map<string, Set<string>>();

  connector(name: string): Status | undefined {
    return this.connectorStatus.get(name);
  }

  task(id: ConnectorTaskId): Status | undefined {
    return this.taskStatus.get(id.connector)?.get(id.task);
  }

  /** By number. */
  tasks(connector: string): [number, Status][] {
    return [...(this.taskStatus.get(connector) ?? [])].sort((a, b) => a[0] - b[0]);
  }

  topicsOf(connector: string): string[] {
    return [...(this.topics.get(connector) ?? [])];
  }

  /** All names that have any record: what is left behind of deleted connectors. */
  get connectors(): string[] {
    return [...new Set([...this.connectorStatus.keys(), ...this.taskStatus.keys(), ...this.topics.keys()])];
  }

  apply(record: StatusRecord): void {
    if (record.kind === 'topic') {
      let topics = this.topics.get(record.connector);
      if (!topics) this.topics.set(record.connector, (topics = new Set()));
      if (record.value === null) topics.delete(record.topic);
      else topics.add(record.topic);
      if (topics.size === 0) this.topics.delete(record.connector);
      return;
    }
    const present = this.statusOf(record);
    if (record.value !== null && present !== undefined && isOutdated(record.value, present)) return;
    if (record.kind === 'connector') {
      if (record.value === null || record.value.state === 'DESTROYED') this.connectorStatus.delete(record.connector);
      else this.connectorStatus.set(record.connector, record.value);
      return;
    }
    const { connector, task } = record.id;
    let tasks = this.taskStatus.get(connector);
    if (!tasks) this.taskStatus.set(connector, (tasks = new Map()));
    if (record.value === null || record.value.state === 'DESTROYED') tasks.delete(task);
    else tasks.set(task, record.value);
    if (tasks.size === 0) this.taskStatus.delete(connector);
  }

  /** False when another worker has written a newer status: what a worker says of work that is revoked from it must not hide that. */
  isSafeToWrite(record: StatusRecord): boolean {
    if (record.kind === 'topic' || record.value === null) return true;
    const present = this.statusOf(record);
    return present === undefined || present.workerId === record.value.workerId || present.generation <= record.value.generation;
  }

  private statusOf(record: Exclude<StatusRecord, { kind: 'topic' }>): Status | undefined {
    return record.kind === 'connector' ? this.connectorStatus.get(record.connector) : this.task(record.id);
  }
}

/** An UNASSIGNED that another worker wrote late must not hide that the work runs elsewhere by now. */
function isOutdated(status: Status, present: Status): boolean {
  return status.state === 'UNASSIGNED' && present.state !== 'UNASSIGNED' && present.workerId !== status.workerId && status.generation <= present.generation;
}

