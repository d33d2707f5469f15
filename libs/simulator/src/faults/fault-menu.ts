import type { SimulatedBroker } from '../cluster/simulated-broker.js';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import { FAST_DISK, SLOW_DISK } from '../disk/simulated-disk.js';
import type { QuorumVotes } from '../checks/quorum-votes.js';
import { FAST_LINK, SLOW_LINK } from '../network/link.js';
import { LossPromise } from './loss-promise.js';
import type { SeededRandom } from '@millrace/testkit';
import type { World } from '../world.js';

export const FAULTS = [
  'kill',
  'power loss',
  'kill at a write',
  'pause',
  'restart',
  'rolling restart',
  'clock jump',
  'cut one way',
  'cut both ways',
  'isolate',
  'slow link',
  'resets',
  'disk full',
  'disk error',
  'slow disk',
  'kill at a vote',
  'slow election',
  'slow handover',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Struck on a schedule of their own, beside the others: what only hurts while controllers are being elected would else hardly ever meet an election. */
const OF_ELECTIONS: readonly Fault[] = ['kill at a vote', 'slow election'];
/** Struck when an operator moves leaders, now and then: between hearing of another leader and doing as it says a leader syncs its log. */
const OF_HANDOVERS: Fault = 'slow handover';
const SLOW_HANDOVERS_SHARE = 0.3;

export interface FaultMenuOptions {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  /** Machines of clients whose links may be cut. */
  readonly clientHosts: () => readonly string[];
  readonly faults: readonly Fault[];
  /** Whether every replica has what it had before the last loss of power: another loss is within the promise. */
  readonly isAllInSync: () => boolean;
  readonly quorum: QuorumVotes;
}

/** Chooses what fails next, and ends it again. */
export class FaultMenu {
  readonly counts = new Map<Fault, number>();
  private readonly random: SeededRandom;
  private isOver = false;
  private isRolling = false;
  private readonly promise: LossPromise;
  private readonly anyTime: readonly Fault[];
  private readonly ofElections: readonly Fault[];
  private readonly electionRandom: SeededRandom;
  private readonly handoverRandom: SeededRandom;

  constructor(private readonly options: FaultMenuOptions) {
    this.random = options.world.chance('faults');
    this.electionRandom = options.world.chance('faults of elections');
    this.handoverRandom = options.world.chance('faults of handovers');
    this.anyTime = options.faults.filter((it) => !OF_ELECTIONS.includes(it) && it !== OF_HANDOVERS);
    this.ofElections = options.cluster.brokers.length < 3 ? [] : options.faults.filter((it) => OF_ELECTIONS.includes(it));
    const { cluster, isAllInSync } = options;
    this.promise = new LossPromise({ durability: cluster.durability, minInsyncReplicas: cluster.minInsyncReplicas, machines: cluster.brokers, isAllInSync });
  }

  start(): void {
    if (this.anyTime.length > 0) this.next();
    if (this.ofElections.length > 0) this.nextElection();
  }

  /** An operator is about to have leaders moved: the disk of a broker that may lead is slow meanwhile. */
  handover(): void {
    const { handoverRandom: random, options } = this;
    if (this.isOver || !options.faults.includes(OF_HANDOVERS) || !random.chance(SLOW_HANDOVERS_SHARE)) return;
    const broker = random.pick(options.cluster.brokers);
    // One that is slow for longer stays so.
    if (broker.disk.pace === SLOW_DISK) return;
    this.count(OF_HANDOVERS, broker);
    broker.disk.pace = SLOW_DISK;
    this.later(1000 + random.integer(2000), () => (broker.disk.pace = FAST_DISK));
  }

  /** Nothing new fails; everything is mended and brought up again. */
  end(): void {
    this.isOver = true;
    const { world, cluster } = this.options;
    world.journal.write('faults', 'are over');
    world.network.healAll(FAST_LINK);
    for (const broker of cluster.brokers) {
      this.mendDisk(broker);
      broker.disk.armed = undefined;
      broker.resume();
      broker.isWanted = true;
      broker.start();
    }
  }

  private next(): void {
    this.options.world.loop.schedule(200 + this.random.integer(6000), 'fault', () => {
      if (this.isOver) return;
      this.strike(this.random.pick(this.anyTime));
      this.next();
    });
  }

  private nextElection(): void {
    const { electionRandom: random, options } = this;
    options.world.loop.schedule(3000 + random.integer(25_000), 'fault', () => {
      if (this.isOver) return;
      const fault = random.pick(this.ofElections);
      if (fault === 'slow election') this.slowElection();
      if (this.ofElections.includes('kill at a vote') && (fault === 'kill at a vote' || random.chance(0.5))) this.killAtVote();
      this.nextElection();
    });
  }

  /** The next one who votes is killed as soon as his vote is on its way, and is back before the election is over. */
  private killAtVote(): void {
    const { electionRandom: random, options } = this;
    const { world, quorum, cluster } = options;
    let afterVotes = random.integer(3);
    quorum.onVote = (host) => {
      const broker = cluster.brokers.find((it) => it.host === host);
      if ((afterVotes -= 1) >= 0 || broker === undefined || this.isOver) return;
      quorum.onVote = () => undefined;
      world.loop.schedule(random.next(), 'kill at a vote', () => {
        if (this.isOver || !this.promise.permits('kill at a vote', broker)) return;
        this.count('kill at a vote', broker);
        broker.isWanted = false;
        broker.kill();
        this.later(20 + random.integer(400), () => {
          broker.isWanted = true;
          broker.start();
        });
      });
    };
  }

  /** The leader of the quorum is cut off, and the links between the others are so slow that they stand for election at the same time; it is back before that is over. */
  private slowElection(): void {
    const { electionRandom: random, options } = this;
    const { network } = options.world;
    const hosts = options.cluster.brokers.map((it) => it.host);
    const leader = options.cluster.brokers.find((it) => it.brokerId === options.quorum.leader);
    if (leader === undefined) return;
    this.count('slow election', leader);
    const pairs = hosts.flatMap((from) => hosts.filter((to) => to !== from).map((to) => [from, to] as const));
    const ofLeader = pairs.filter((it) => it.includes(leader.host));
    for (const [from, to] of pairs) network.setQuality(from, to, SLOW_LINK);
    for (const [from, to] of ofLeader) network.cut(from, to);
    this.later(1500 + random.integer(3000), () => {
      for (const [from, to] of ofLeader) network.heal(from, to);
    });
    this.later(5000 + random.integer(3000), () => {
      for (const [from, to] of pairs) network.setQuality(from, to, FAST_LINK);
    });
  }

  private count(fault: Fault, { host }: SimulatedBroker): void {
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
    this.options.world.journal.write('faults', `${fault} (${host})`);
  }

  /** Something ends `afterMs` later; once the faults are over, `end` has seen to it. */
  private later(afterMs: number, what: () => void): void {
    this.options.world.loop.schedule(afterMs, 'end of fault', () => (this.isOver ? undefined : what()));
  }

  private strike(fault: Fault): void {
    const { cluster } = this.options;
    const { random } = this;
    const broker = random.pick(cluster.brokers);
    const counted = (): void => this.count(fault, broker);
    if (!this.promise.permits(fault, broker)) return;
    switch (fault) {
      case 'kill':
        counted();
        this.down(broker, () => broker.kill());
        return;
      case 'power loss':
        counted();
        this.promise.lostPower(broker);
        this.down(broker, () => broker.losePower());
        return;
      case 'kill at a write':
        counted();
        broker.disk.armed = { operations: new Set(['append', 'sync', 'truncate', 'rename', 'replace', 'remove', 'create', 'syncFolder']), afterCalls: random.integer(60), strike: 'crash' };
        return;
      case 'pause':
        counted();
        broker.pause();
        this.later(random.chance(0.2) ? 5000 + random.integer(20_000) : random.integer(4000), () => broker.resume());
        return;
      case 'restart':
        counted();
        void this.restart(broker);
        return;
      case 'rolling restart':
        if (this.isRolling) return;
        counted();
        void this.rollingRestart();
        return;
      case 'clock jump':
        counted();
        broker.wall.jump(random.integer(240_000) - 120_000);
        return;
      case 'disk full':
        counted();
        broker.disk.spaceLeftBytes = random.integer(20_000);
        this.later(1000 + random.integer(8000), () => this.mendDisk(broker));
        return;
      case 'disk error':
        counted();
        broker.disk.armed = { operations: new Set([random.pick(['append', 'sync', 'read', 'rename', 'replace', 'create'] as const)]), afterCalls: random.integer(40), strike: 'EIO' };
        return;
      case 'slow disk':
        counted();
        broker.disk.pace = SLOW_DISK;
        this.later(1000 + random.integer(15_000), () => (broker.disk.pace = FAST_DISK));
        return;
      default:
        counted();
        this.network(fault, broker);
    }
  }

  private network(fault: Fault, broker: SimulatedBroker): void {
    const { network } = this.options.world;
    const { random } = this;
    const others = [...this.options.cluster.brokers.filter((it) => it !== broker).map((it) => it.host), ...this.options.clientHosts()];
    const other = random.pick(others);
    const pairs: (readonly [string, string])[] =
      fault === 'cut one way' ? [random.chance(0.5) ? [broker.host, other] : [other, broker.host]]
      : fault === 'cut both ways' ? [[broker.host, other], [other, broker.host]]
      : fault === 'isolate' ? this.isolated(broker)
      : [[broker.host, other]];
    if (fault === 'resets') {
      for (const host of others) for (const it of network.connectionsBetween(host, broker.host)) if (random.chance(0.6)) it.resetByNetwork();
      return;
    }
    if (fault === 'slow link') {
      for (const [from, to] of [...pairs, [other, broker.host] as const]) network.setQuality(from, to, SLOW_LINK);
      this.later(2000 + random.integer(20_000), () => {
        for (const [from, to] of [...pairs, [other, broker.host] as const]) network.setQuality(from, to, FAST_LINK);
      });
      return;
    }
    for (const [from, to] of pairs) network.cut(from, to);
    this.later(random.chance(0.7) ? 500 + random.integer(5000) : 5000 + random.integer(25_000), () => {
      for (const [from, to] of pairs) network.heal(from, to);
    });
  }

  /** From the other brokers, to them, or both; clients may still reach it. */
  private isolated(broker: SimulatedBroker): (readonly [string, string])[] {
    const others = this.options.cluster.brokers.filter((it) => it !== broker);
    const way = this.random.integer(3);
    return others.flatMap((it) => [...(way === 1 ? [] : [[broker.host, it.host] as const]), ...(way === 2 ? [] : [[it.host, broker.host] as const])]);
  }

  private down(broker: SimulatedBroker, end: () => void): void {
    broker.isWanted = false;
    end();
    this.later(this.random.integer(this.random.chance(0.2) ? 20_000 : 3000), () => {
      broker.isWanted = true;
      broker.start();
    });
  }

  private async restart(broker: SimulatedBroker): Promise<void> {
    await broker.stop();
    this.later(this.random.integer(2000), () => broker.start());
  }

  private async rollingRestart(): Promise<void> {
    this.isRolling = true;
    const { world, cluster } = this.options;
    for (const broker of cluster.brokers) {
      if (this.isOver) break;
      await broker.stop();
      await new Promise<void>((resolve) => void world.loop.schedule(this.random.integer(1500), 'rolling restart', resolve));
      broker.isWanted = true;
      broker.start();
      await new Promise<void>((resolve) => void world.loop.schedule(2000 + this.random.integer(3000), 'rolling restart', resolve));
    }
    this.isRolling = false;
  }

  private mendDisk(broker: SimulatedBroker): void {
    broker.disk.spaceLeftBytes = Number.POSITIVE_INFINITY;
    broker.disk.pace = FAST_DISK;
  }
}
