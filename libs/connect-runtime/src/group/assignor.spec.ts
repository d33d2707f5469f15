import fc from 'fast-check';
import { IncrementalAssignor } from './assignor.js';
import { NO_WORK, type Work } from './connect-protocol.js';
import { taskName, WorkSet } from './work-set.js';

/** A cluster that follows the leader's orders; time stands still unless it is moved. */
class Cluster {
  private readonly assignor: IncrementalAssignor;
  readonly members = new Map<string, WorkSet>();
  configured: Work = NO_WORK;
  nowMs = 1_000_000;
  delayMs = 0;
  revokedTasks = 0;
  private generation = 0;

  constructor(maxDelayMs: number) {
    this.assignor = new IncrementalAssignor(maxDelayMs);
  }

  configure(connectors: Readonly<Record<string, number>>): void {
    this.configured = {
      connectors: Object.keys(connectors),
      tasks: Object.entries(connectors).flatMap(([connector, count]) => Array.from({ length: count }, (_, task) => ({ connector, task }))),
    };
  }

  join(...names: string[]): void {
    for (const name of names) this.members.set(name, new WorkSet());
  }

  /** One rebalance; true when something was revoked, so that another follows. */
  round(): boolean {
    const lastCompletedGeneration = this.generation++;
    const result = this.assignor.assign({
      nowMs: this.nowMs,
      configured: this.configured,
      generation: this.generation,
      lastCompletedGeneration: lastCompletedGeneration === 0 ? -1 : lastCompletedGeneration,
      members: new Map([...this.members].map(([name, work]) => [name, work.toWork()])),
    });
    this.delayMs = result.delayMs;
    let hasRevoked = false;
    for (const [name, { assigned, revoked }] of result.changes) {
      this.revokedTasks += revoked.tasks.length;
      hasRevoked ||= revoked.tasks.length + revoked.connectors.length > 0;
      this.members.get(name)?.remove(revoked).add(assigned);
    }
    return hasRevoked;
  }

  /** Until nothing moves and no delay runs. */
  settle(): void {
    for (let i = 0; i < 20; i++) {
      const hasRevoked = this.round();
      this.nowMs += this.delayMs;
      if (!hasRevoked && this.delayMs === 0) return;
    }
    throw new Error('the cluster does not come to rest');
  }

  tasksOf(name: string): string[] {
    return [...(this.members.get(name)?.tasks.keys() ?? [])].sort();
  }

  expectWhole(): void {
    const tasks = [...this.members.values()].flatMap((it) => [...it.tasks.keys()]).sort();
    expect(tasks).toEqual(this.configured.tasks.map(taskName).sort());
    const connectors = [...this.members.values()].flatMap((it) => [...it.connectors]).sort();
    expect(connectors).toEqual([...this.configured.connectors].sort());
  }

  expectBalanced(): void {
    for (const kind of ['connectors', 'tasks'] as const) {
      const sizes = [...this.members.values()].map((it) => it[kind].size);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }
  }
}

describe('IncrementalAssignor', () => {
  it('gives a worker that is alone everything, and later what is new', () => {
    const cluster = new Cluster(300_000);
    cluster.join('a');
    cluster.configure({ orders: 2 });
    cluster.settle();
    expect(cluster.tasksOf('a')).toEqual(['orders-0', 'orders-1']);
    cluster.configure({ orders: 2, users: 1 });
    cluster.settle();
    cluster.expectWhole();
    expect(cluster.revokedTasks).toBe(0);
  });

  it('moves only a surplus when a worker joins, in two rounds', () => {
    const cluster = new Cluster(300_000);
    cluster.join('a');
    cluster.configure({ orders: 6 });
    cluster.settle();
    cluster.join('b');
    expect(cluster.round()).toBe(true);
    expect([cluster.tasksOf('a').length, cluster.tasksOf('b').length]).toEqual([3, 0]);
    expect(cluster.round()).toBe(false);
    cluster.expectWhole();
    cluster.expectBalanced();
    expect(cluster.revokedTasks).toBe(3);
  });

  it('waits for a worker that went away, and gives its work back when it returns', () => {
    const cluster = new Cluster(300_000);
    cluster.join('a', 'b');
    cluster.configure({ orders: 4 });
    cluster.settle();
    const before = cluster.tasksOf('a');
    cluster.members.delete('b');
    cluster.round();
    expect(cluster.delayMs).toBe(300_000);
    expect(cluster.tasksOf('a')).toEqual(before);
    cluster.nowMs += 100_000;
    cluster.join('b2');
    cluster.round();
    expect(cluster.delayMs).toBe(200_000);
    expect(cluster.tasksOf('b2')).toEqual([]);
    cluster.nowMs += 200_000;
    cluster.round();
    expect(cluster.tasksOf('a')).toEqual(before);
    expect(cluster.tasksOf('b2').length).toBe(2);
    cluster.expectWhole();
  });

  it('hands the work out when the wait is over, or at once with a delay of 0', () => {
    for (const maxDelayMs of [300_000, 0]) {
      const cluster = new Cluster(maxDelayMs);
      cluster.join('a', 'b');
      cluster.configure({ orders: 4 });
      cluster.settle();
      cluster.members.delete('b');
      cluster.round();
      expect(cluster.tasksOf('a').length).toBe(maxDelayMs === 0 ? 4 : 2);
      cluster.settle();
      cluster.expectWhole();
    }
  });

  it('takes away what was deleted, and what two workers run', () => {
    const cluster = new Cluster(300_000);
    cluster.join('a', 'b');
    cluster.configure({ orders: 2, users: 2 });
    cluster.settle();
    cluster.configure({ users: 2 });
    cluster.settle();
    cluster.expectWhole();
    for (const name of ['a', 'b']) cluster.members.get(name)?.add({ connectors: ['users'], tasks: [{ connector: 'users', task: 0 }] });
    cluster.settle();
    cluster.expectWhole();
  });

  it('ends balanced and whole whatever happens', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('join' as const), name: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
      fc.record({ kind: fc.constant('leave' as const), name: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
      fc.record({ kind: fc.constant('configure' as const), connectors: fc.dictionary(fc.constantFrom('x', 'y', 'z', 'w'), fc.integer({ min: 0, max: 5 })) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 400_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.constantFrom(0, 60_000, 300_000), (steps, maxDelayMs) => {
        const cluster = new Cluster(maxDelayMs);
        cluster.join('first');
        for (const it of steps) {
          if (it.kind === 'join' && !cluster.members.has(it.name)) cluster.join(it.name);
          else if (it.kind === 'leave') cluster.members.delete(it.name);
          else if (it.kind === 'configure') cluster.configure(it.connectors);
          else if (it.kind === 'wait') cluster.nowMs += it.ms;
          cluster.round();
        }
        cluster.settle();
        cluster.expectWhole();
        cluster.settle();
        cluster.expectBalanced();
      }),
      { numRuns: 500 },
    );
  });
});
