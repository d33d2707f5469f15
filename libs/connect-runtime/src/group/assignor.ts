import type { Work } from './connect-protocol.js';
import { WorkSet } from './work-set.js';

export interface AssignmentInput {
  readonly nowMs: number;
  /** Connectors and tasks that should run somewhere. */
  readonly configured: Work;
  /** The generation that is being made, and the last one whose assignment this leader knows to have been taken. */
  readonly generation: number;
  readonly lastCompletedGeneration: number;
  /** By member id: what each says it runs now. */
  readonly members: ReadonlyMap<string, Work>;
}

export interface MemberChange {
  /** To start, on top of what it runs. */
  readonly assigned: Work;
  /** To stop; handed out again in the next round. */
  readonly revoked: Work;
}

export interface AssignmentResult {
  readonly changes: ReadonlyMap<string, MemberChange>;
  /** All that each member runs once it has done its change. */
  readonly next: ReadonlyMap<string, Work>;
  /** Members rejoin after this time. */
  readonly delayMs: number;
}

interface Load {
  readonly member: string;
  readonly work: WorkSet;
}

/**
 * The incremental cooperative assignor (KIP-415) of Kafka Connect: a leader's memory from round to round, and the decision of each.
 * What runs stays where it is; a surplus is first revoked and handed out in the round after; the work of a member that has gone
 * waits for `maxDelayMs`, in case it comes back. Pure: time comes with the input.
 */
export class IncrementalAssignor {
  private previous = new WorkSet();
  private previousRevoked = new WorkSet();
  private previousGeneration = -1;
  private previousMembers: readonly string[] = [];
  private hasRevoked = false;
  private revokingRounds = 0;
  private scheduledMs = 0;
  private delayMs = 0;
  private readonly candidates = new Set<string>();

  constructor(private readonly maxDelayMs: number) {}

  assign(input: AssignmentInput): AssignmentResult {
    if (this.previousGeneration !== input.lastCompletedGeneration) this.previous = new WorkSet();
    const configured = WorkSet.of(input.configured);
    const active = WorkSet.of(...input.members.values());
    if (!this.previousRevoked.and(active).isEmpty) this.previous = WorkSet.of(active);
    this.previousRevoked = new WorkSet();

    const deleted = WorkSet.of(this.previous, active).minus(configured);
    const lost = this.previous.minus(active, deleted);
    const created = configured.minus(this.previous, active);
    const stopped = deleted.add(duplicates(input.members));

    const members = [...input.members.keys()].sort();
    const loads: Load[] = members.map((member) => ({ member, work: WorkSet.of(input.members.get(member)!).minus(stopped) }));
    const before = new Map(loads.map((it) => [it.member, WorkSet.of(it.work)]));
    const revoked = new Map(members.map((member) => [member, WorkSet.of(input.members.get(member)!).and(stopped)]));

    const reassigned = this.lostToReassign(lost, loads, input.nowMs);
    this.balance(configured, loads, revoked, input.nowMs);
    const fresh = WorkSet.of(created, reassigned);
    spread(loads, 'connectors', [...fresh.toWork().connectors], (load, connector) => load.work.connectors.add(connector));
    spread(loads, 'tasks', [...fresh.toWork().tasks], (load, task) => load.work.add({ connectors: [], tasks: [task] }));

    const allRevoked = WorkSet.of(...revoked.values());
    this.previous = WorkSet.of(...loads.map((it) => it.work)).add(lost);
    this.previousRevoked = allRevoked.minus(this.previous);
    this.previousGeneration = input.generation;
    this.previousMembers = members;
    return {
      changes: new Map(loads.map((it) => [it.member, { assigned: it.work.minus(before.get(it.member)!).toWork(), revoked: revoked.get(it.member)!.toWork() }])),
      next: new Map(loads.map((it) => [it.member, it.work.toWork()])),
      delayMs: this.delayMs,
    };
  }

  /** What of the lost work is handed out now; may give it directly to workers that came back empty. Sets the delay. */
  private lostToReassign(lost: WorkSet, loads: readonly Load[], nowMs: number): WorkSet {
    const none = new WorkSet();
    if (lost.isEmpty && !this.hasRevoked) {
      this.resetDelay();
      return none;
    }
    const present = new Set(loads.map((it) => it.member));
    if (this.scheduledMs <= 0 && this.previousMembers.every((it) => present.has(it))) return lost;
    if (this.maxDelayMs === 0) return lost;
    if (this.scheduledMs > 0 && nowMs >= this.scheduledMs) {
      const returned = loads.filter((it) => this.candidates.has(it.member));
      this.resetDelay();
      this.hasRevoked = false;
      if (returned.length === 0) return lost;
      const { connectors, tasks } = lost.toWork();
      connectors.forEach((connector, i) => returned[i % returned.length]!.work.connectors.add(connector));
      tasks.forEach((task, i) => returned[i % returned.length]!.work.add({ connectors: [], tasks: [task] }));
      return none;
    }
    for (const load of loads) if (load.work.isEmpty) this.candidates.add(load.member);
    this.delayMs = nowMs < this.scheduledMs ? Math.min(this.scheduledMs - nowMs, this.maxDelayMs) : this.maxDelayMs;
    this.scheduledMs = nowMs + this.delayMs;
    return none;
  }

  /** Takes what is too much from the loaded workers, unless a delay runs; rounds of revoking in a row are spaced out. */
  private balance(configured: WorkSet, loads: readonly Load[], revoked: ReadonlyMap<string, WorkSet>, nowMs: number): void {
    if (this.delayMs !== 0) {
      this.hasRevoked = false;
      return;
    }
    const surplus = surplusOf(configured, loads);
    const hasSurplus = [...surplus.values()].some((it) => !it.isEmpty);
    if (!hasSurplus) {
      if (this.hasRevoked) {
        this.hasRevoked = false;
        this.revokingRounds = 0;
      }
      return;
    }
    if (this.hasRevoked) {
      this.revokingRounds += 1;
      this.delayMs = this.maxDelayMs === 0 ? 0 : Math.min(40 ** this.revokingRounds, this.maxDelayMs);
      if (this.delayMs !== 0) {
        this.scheduledMs = nowMs + this.delayMs;
        return;
      }
    }
    this.hasRevoked = true;
    for (const load of loads) {
      const taken = surplus.get(load.member)!;
      load.work.remove(taken);
      revoked.get(load.member)!.add(taken);
    }
  }

  private resetDelay(): void {
    this.candidates.clear();
    this.scheduledMs = 0;
    this.delayMs = 0;
  }
}

/** What more than one member says it runs. */
function duplicates(members: ReadonlyMap<string, Work>): WorkSet {
  const seen = new WorkSet();
  const twice = new WorkSet();
  for (const work of members.values()) {
    const own = WorkSet.of(work);
    twice.add(own.and(seen));
    seen.add(own);
  }
  return twice;
}

function surplusOf(configured: WorkSet, loads: readonly Load[]): Map<string, WorkSet> {
  const surplus = new Map(loads.map((it) => [it.member, new WorkSet()]));
  if (configured.isEmpty || loads.every((it) => it.work.isEmpty)) return surplus;
  takeSurplus(configured.connectors.size, loads, (work) => [...work.connectors].sort(), (member, connector) => surplus.get(member)!.connectors.add(connector));
  takeSurplus(configured.tasks.size, loads, (work) => [...work.toWork().tasks], (member, task) => surplus.get(member)!.add({ connectors: [], tasks: [task] }));
  return surplus;
}

function takeSurplus<T>(total: number, loads: readonly Load[], itemsOf: (work: WorkSet) => T[], take: (member: string, item: T) => void): void {
  const least = Math.floor(total / loads.length);
  const extras = total % loads.length;
  const sizes = loads.map((it) => itemsOf(it.work).length);
  const withExtra = sizes.filter((it) => it === least + 1).length;
  const withLeast = sizes.filter((it) => it === least).length;
  if (withExtra === extras && withLeast + withExtra === loads.length) return;
  let extrasGiven = 0;
  for (const load of loads) {
    const items = itemsOf(load.work);
    if (items.length <= least) continue;
    const allowed = extrasGiven < extras ? least + 1 : least;
    if (extrasGiven < extras) extrasGiven += 1;
    for (const item of items.slice(0, items.length - allowed)) take(load.member, item);
  }
}

/** Gives each item to a member that has the fewest, in order of member id. */
function spread<T>(loads: readonly Load[], kind: 'connectors' | 'tasks', items: readonly T[], give: (load: Load, item: T) => void): void {
  for (const item of items) {
    let least = loads[0]!;
    for (const load of loads) if (load.work[kind].size < least.work[kind].size) least = load;
    give(least, item);
  }
}
