import { topicPartitionName, type TopicPartition } from '@millrace/foundation';

/** A member, and what it may keep. */
export interface StickyMember {
  readonly memberId: string;
  readonly topics: readonly string[];
  readonly claimed: readonly TopicPartition[];
  /** Of several that claim a partition, the one with the highest generation has it; two of the same generation, none of them. */
  readonly generationId: number;
}

interface Holding {
  load: number;
  /** Partitions that were its own before, by topic. */
  readonly own: Map<string, Set<number>>;
  /** Others. */
  readonly foreign: Map<string, Set<number>>;
}

/** A member gets one partition of a topic more, from another one. */
interface Handover {
  readonly from: number;
  readonly topic: string;
}

/** How far a search has come: the members, and the topics by which they were found. */
interface Reached {
  readonly by: Map<number, Handover | undefined>;
  readonly topics: Set<string>;
}

/**
 * The most even assignment there is, with as few partitions as possible taken from those who have them. Who may read which topic limits
 * what can be evened out: a partition may have to go from A to B so that B can give another one to C.
 */
export function assignStickily(members: readonly StickyMember[], partitionCounts: ReadonlyMap<string, number>): Map<string, TopicPartition[]> {
  return new StickyAssignment(members, partitionCounts).assign();
}

class StickyAssignment {
  private readonly members: readonly StickyMember[];
  private readonly holdings: readonly Holding[];
  private readonly subscribers = new Map<string, number[]>();
  private readonly homes = new Map<string, number>();

  constructor(members: readonly StickyMember[], private readonly partitionCounts: ReadonlyMap<string, number>) {
    this.members = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
    this.holdings = this.members.map(() => ({ load: 0, own: new Map(), foreign: new Map() }));
    for (const topic of [...partitionCounts.keys()].sort()) this.subscribers.set(topic, []);
    for (const [index, { topics }] of this.members.entries()) for (const topic of new Set(topics)) this.subscribers.get(topic)?.push(index);
  }

  assign(): Map<string, TopicPartition[]> {
    this.findHomes();
    this.giveOut();
    // What nobody had is moved first: as long as that evens out, nothing has to be revoked.
    while (this.evenOut(true)) continue;
    while (this.evenOut(false)) continue;
    while (this.bringHome()) continue;
    return new Map(this.members.map(({ memberId }, index) => [memberId, this.partitionsOf(index)]));
  }

  private findHomes(): void {
    const generations = new Map<string, number>();
    for (const [index, { topics, claimed, generationId }] of this.members.entries()) {
      const readable = new Set(topics);
      for (const it of claimed) {
        if (!readable.has(it.topic) || it.partition >= (this.partitionCounts.get(it.topic) ?? 0)) continue;
        const name = topicPartitionName(it);
        const known = generations.get(name) ?? -Infinity;
        if (generationId === known && this.homes.get(name) !== index) this.homes.delete(name);
        if (generationId <= known) continue;
        generations.set(name, generationId);
        this.homes.set(name, index);
      }
    }
  }

  /** Everybody keeps what is theirs; the rest goes to those who have least, topics with the fewest readers first. */
  private giveOut(): void {
    const free: TopicPartition[] = [];
    const topics = [...this.subscribers].sort(([, a], [, b]) => a.length - b.length);
    for (const [topic, subscribers] of topics) {
      for (let partition = 0; subscribers.length > 0 && partition < (this.partitionCounts.get(topic) ?? 0); partition++) {
        const home = this.homes.get(topicPartitionName({ topic, partition }));
        if (home === undefined) free.push({ topic, partition });
        else this.add(home, topic, partition);
      }
    }
    for (const { topic, partition } of free) this.add(this.leastLoaded(this.subscribers.get(topic) ?? []), topic, partition);
  }

  /** Makes the loads of two members more even, if that can be done. */
  private evenOut(isFree: boolean): boolean {
    const { holdings } = this;
    const least = holdings.reduce((min, it) => Math.min(min, it.load), Infinity);
    const givers = [...holdings.keys()].filter((it) => holdings[it]!.load > least + 1).sort((a, b) => holdings[b]!.load - holdings[a]!.load);
    return givers.some((giver) => this.shed(giver, (taker) => holdings[taker]!.load < holdings[giver]!.load - 1, isFree));
  }

  /** Brings a partition back to who had it before, where the loads stay as even as they are. */
  private bringHome(): boolean {
    for (const [holder, { foreign }] of this.holdings.entries()) {
      for (const [topic, partitions] of foreign) {
        for (const partition of partitions) {
          const home = this.homes.get(topicPartitionName({ topic, partition }));
          if (home === undefined) continue;
          const load = this.holdings[holder]!.load;
          if (this.holdings[home]!.load >= load && !this.shed(home, (taker) => taker === holder || this.holdings[taker]!.load < load, true)) continue;
          this.move(holder, home, topic, partition);
          return true;
        }
      }
    }
    return false;
  }

  /** One partition goes from the giver, one from whoever got it, and so on up to a taker; the way on which the fewest are taken from who had them before. */
  private shed(giver: number, isTaker: (member: number) => boolean, isFree: boolean): boolean {
    const reached: Reached = { by: new Map([[giver, undefined]]), topics: new Set() };
    for (let front = [giver]; front.length > 0; ) {
      // The front grows while it is walked: what costs nothing has no end of steps.
      for (const member of front) this.spread(member, this.holdings[member]!.foreign, reached, front);
      const takers = front.filter((it) => it !== giver && isTaker(it));
      if (takers.length > 0) {
        this.handOver(this.leastLoaded(takers), reached.by);
        return true;
      }
      if (isFree) return false;
      const next: number[] = [];
      for (const member of front) this.spread(member, this.holdings[member]!.own, reached, next);
      front = next;
    }
    return false;
  }

  private spread(member: number, held: ReadonlyMap<string, ReadonlySet<number>>, { by, topics }: Reached, front: number[]): void {
    for (const [topic, partitions] of held) {
      // A topic that was come by before has brought all its readers.
      if (partitions.size === 0 || topics.has(topic)) continue;
      topics.add(topic);
      for (const subscriber of this.subscribers.get(topic) ?? []) {
        if (by.has(subscriber)) continue;
        by.set(subscriber, { from: member, topic });
        front.push(subscriber);
      }
    }
  }

  private handOver(taker: number, reached: ReadonlyMap<number, Handover | undefined>): void {
    for (let to = taker, step = reached.get(to); step !== undefined; to = step.from, step = reached.get(to)) this.move(step.from, to, step.topic, this.pick(step.from, to, step.topic));
  }

  /** Rather one that comes home, or that was not the giver's before. */
  private pick(from: number, to: number, topic: string): number {
    const { own, foreign } = this.holdings[from]!;
    let picked: number | undefined;
    for (const partition of foreign.get(topic) ?? []) {
      picked = partition;
      if (this.homes.get(topicPartitionName({ topic, partition })) === to) break;
    }
    for (const partition of picked === undefined ? (own.get(topic) ?? []) : []) picked = partition;
    return picked!;
  }

  private leastLoaded(members: readonly number[]): number {
    return members.reduce((least, it) => (this.holdings[it]!.load < this.holdings[least]!.load ? it : least));
  }

  private move(from: number, to: number, topic: string, partition: number): void {
    const giver = this.holdings[from]!;
    giver.own.get(topic)?.delete(partition);
    giver.foreign.get(topic)?.delete(partition);
    giver.load -= 1;
    this.add(to, topic, partition);
  }

  private add(member: number, topic: string, partition: number): void {
    const holding = this.holdings[member]!;
    const held = this.homes.get(topicPartitionName({ topic, partition })) === member ? holding.own : holding.foreign;
    const partitions = held.get(topic);
    if (partitions === undefined) held.set(topic, new Set([partition]));
    else partitions.add(partition);
    holding.load += 1;
  }

  private partitionsOf(member: number): TopicPartition[] {
    const { own, foreign } = this.holdings[member]!;
    return [...this.subscribers.keys()].flatMap((topic) => [...(own.get(topic) ?? []), ...(foreign.get(topic) ?? [])].sort((a, b) => a - b).map((partition) => ({ topic, partition })));
  }
}
