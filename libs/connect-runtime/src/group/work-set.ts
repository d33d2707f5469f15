import type { ConnectorTaskId } from '../rest/shapes.js';
import type { Work } from './connect-protocol.js';

/** A task's name in keys and logs: `orders-0`. */
export function taskName(id: ConnectorTaskId): string {
  return `${id.connector}-${id.task}`;
}

/** Connectors and tasks as sets that can be added and subtracted. */
export class WorkSet {
  readonly connectors = new Set<string>();
  /** By `taskName`. */
  readonly tasks = new Map<string, ConnectorTaskId>();

  static of(...parts: readonly (Work | WorkSet)[]): WorkSet {
    const set = new WorkSet();
    for (const part of parts) set.add(part);
    return set;
  }

  get isEmpty(): boolean {
    return this.connectors.size === 0 && this.tasks.size === 0;
  }

  add(work: Work | WorkSet): this {
    for (const connector of work.connectors) this.connectors.add(connector);
    for (const task of work.tasks.values()) this.tasks.set(taskName(task), task);
    return this;
  }

  remove(work: Work | WorkSet): this {
    for (const connector of work.connectors) this.connectors.delete(connector);
    for (const task of work.tasks.values()) this.tasks.delete(taskName(task));
    return this;
  }

  minus(...parts: readonly (Work | WorkSet)[]): WorkSet {
    const rest = WorkSet.of(this);
    for (const part of parts) rest.remove(part);
    return rest;
  }

  /** What is in both. */
  and(other: WorkSet): WorkSet {
    const both = new WorkSet();
    for (const connector of this.connectors) if (other.connectors.has(connector)) both.connectors.add(connector);
    for (const [name, task] of this.tasks) if (other.tasks.has(name)) both.tasks.set(name, task);
    return both;
  }

  /** Sorted: connectors by name, tasks by connector and number. */
  toWork(): Work {
    return {
      connectors: [...this.connectors].sort(),
      tasks: [...this.tasks.values()].sort((a, b) => (a.connector < b.connector ? -1 : a.connector > b.connector ? 1 : a.task - b.task)),
    };
  }
}
