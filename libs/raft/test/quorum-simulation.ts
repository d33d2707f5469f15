import { RaftMachine, staticVoters, type InboundAnswer, type OutboundRequest, type RaftMachineOptions, type RaftRequest, type RaftResponse } from '../src/index.js';
import { SeededRandom } from '@millrace/testkit';
import { EventQueue } from './event-queue.js';
import { expectThat, QuorumChecker } from './quorum-checker.js';
import { LISTENER, SimulatedNode, voterOf, type NodeWorld } from './simulated-node.js';
import type { SimulatedSnapshot } from './simulated-log.js';

/** What went out and waits for its answer; of a tool when there is no correlation id. */
interface Waiting {
  readonly from: SimulatedNode | null;
  readonly incarnation: number;
  readonly correlationId: number;
  readonly to: SimulatedNode;
  readonly toIncarnation: number;
}

/**
 * A quorum of one to five voters with observers on a virtual clock: messages are late, lost, doubled and overtake each other, links are cut one way or both, nodes die
 * and lose what was not flushed, stand still, come back, change disks, leave and join. Each step is checked. Everything follows from the seed.
 */
export class QuorumSimulation implements NodeWorld {
  readonly counts = { events: 0, elections: 0, committed: 0, crashes: 0, truncations: 0, snapshots: 0, installs: 0, added: 0, removed: 0, disks: 0, restored: 0, resigned: 0 };
  readonly random: SeededRandom;
  readonly checker = new QuorumChecker();
  readonly nodes: readonly SimulatedNode[];
  nowMs = 1;
  /** The last events, for the report of a failure. */
  readonly trace: string[] = [];
  private readonly queue = new EventQueue();
  private readonly waiting = new Map<number, Waiting>();
  private readonly snapshots = new Map<number, SimulatedSnapshot>();
  private readonly cut = new Set<number>();
  private readonly isDynamic: boolean;
  private lastRequestId = 0;
  private lastValue = 0;
  private lossOdds: number;
  private readonly faultOdds: number;
  private isHealed = false;

  constructor(
    seed: number,
    readonly createMachine: (options: RaftMachineOptions) => RaftMachine = (options) => new RaftMachine(options),
    private readonly isTraced = false,
  ) {
    const random = new SeededRandom(seed);
    this.random = random;
    const voterCount = random.pick([1, 2, 3, 3, 3, 4, 5, 5]);
    const nodeCount = voterCount + random.integer(3);
    this.isDynamic = random.chance(0.6);
    this.lossOdds = random.pick([0, 0.02, 0.1, 0.3]);
    this.faultOdds = random.pick([0.005, 0.02, 0.06]);
    const ids = Array.from({ length: nodeCount }, (_, i) => i + 1);
    const voterIds = ids.slice(0, voterCount);
    const addresses = voterIds.map((id) => ({ id, host: `${id}`, port: 9093 }));
    this.nodes = ids.map((id) => {
      const isVoter = id <= voterCount;
      const settings = {
        id,
        canBecomeVoter: isVoter || this.isDynamic,
        staticVoters: this.isDynamic ? [] : staticVoters(addresses, LISTENER),
        bootstrapVoters: this.isDynamic && isVoter ? voterIds.map((voterId) => voterOf(voterId, `dir${voterId}x0`.padEnd(22, 'A'))) : [],
        bootstrapServers: this.isDynamic ? addresses.map((it) => ({ ...it, id: -2 - it.id })) : addresses,
      };
      return new SimulatedNode(settings, this);
    });
    for (const node of this.nodes) this.later(random.integer(300), () => this.startIfDown(node));
  }

  run(events: number): void {
    for (let i = 0; i < events; i++) {
      this.step();
      if (this.random.chance(this.faultOdds)) this.fault();
      if (this.random.chance(0.08)) this.random.pick(this.nodes).appendRecords(1 + this.random.integer(3));
    }
  }

  /** With every node up and every link whole, records are committed again, everywhere. */
  heal(): void {
    this.note(() => 'all is well from now on');
    this.isHealed = true;
    this.cut.clear();
    this.lossOdds = 0;
    for (const node of this.nodes) {
      node.pausedUntilMs = 0;
      if (node.isStopping) this.stop(node);
      this.startIfDown(node);
    }
    if (!this.hasQuorum()) return;
    const untilMs = this.nowMs + 60_000;
    const before = this.checker.committed.length;
    while (this.nowMs < untilMs) {
      this.step();
      if (this.checker.committed.length <= before) for (const node of this.nodes) if (this.random.chance(0.3)) node.appendRecords(1);
      if (this.checker.committed.length > before && this.nodes.every((it) => it.machine?.highWatermark === this.checker.committed.length)) break;
    }
    this.counts.restored++;
    expectThat(this.checker.committed.length > before, `nothing is committed within a minute of good weather (${this.checker.committed.length} before)`);
    for (const node of this.nodes) expectThat(node.machine?.highWatermark === this.checker.committed.length, `${node.name} knows ${node.machine?.highWatermark} to be committed, it is ${this.checker.committed.length}`);
  }

  /** Whether the voters of the newest set that any node knows can still elect: replaced disks do not vote. */
  private hasQuorum(): boolean {
    return this.nodes.every(({ machine }) => {
      if (machine === null || machine.voters.size === 0) return true;
      const alive = machine.voters.voters.filter((voter) => this.nodes.some((it) => it.id === voter.voterId && (!this.isDynamic || it.directoryId === voter.voterDirectoryId)));
      return alive.length >= machine.voters.majority;
    });
  }

  private step(): void {
    this.counts.events++;
    let next: SimulatedNode | null = null;
    let nextMs = Infinity;
    for (const node of this.nodes) {
      const dueMs = Math.max(node.nextTickMs, node.pausedUntilMs);
      if (dueMs < nextMs) [next, nextMs] = [node, dueMs];
    }
    if (this.queue.nextMs <= nextMs && this.queue.nextMs < Infinity) {
      this.nowMs = Math.max(this.nowMs, this.queue.nextMs);
      this.queue.take()();
    } else if (next !== null) {
      this.nowMs = Math.max(this.nowMs, nextMs);
      next.input((machine) => machine.tick(this.nowMs));
      next.checkQuorum();
      if (next.isStopping && next.machine !== null) this.stop(next);
    } else {
      this.nowMs += 100;
    }
    this.counts.committed = this.checker.committed.length;
  }

  // What the nodes ask of the world.

  later(delayMs: number, run: () => void): void {
    this.queue.put(this.nowMs + delayMs, run);
  }

  nextValue(): number {
    return ++this.lastValue;
  }

  snapshot(id: { readonly offset: number }): SimulatedSnapshot {
    this.counts.installs++;
    const snapshot = this.snapshots.get(id.offset);
    if (snapshot === undefined) throw new Error(`no snapshot ends at ${id.offset}`);
    return snapshot;
  }

  note(event: () => string): void {
    if (!this.isTraced) return;
    this.trace.push(`${this.counts.events} ${this.nowMs} ${event()} | ${this.nodes.map((it) => describe(it)).join(' | ')}`);
    if (this.trace.length > 50) this.trace.shift();
  }

  diesNow(node: SimulatedNode): boolean {
    if (this.isHealed || !this.random.chance(this.faultOdds)) return false;
    this.crash(node);
    return true;
  }

  send(from: SimulatedNode, { correlationId, destination, request }: OutboundRequest): void {
    const to = this.nodes.find((it) => `${it.id}` === destination.host);
    if (to === undefined) throw new Error(`no node at ${destination.host}`);
    const { incarnation } = from;
    if (this.random.chance(0.1)) {
      // Its connection breaks: the node may hear of it, and the message may still arrive.
      this.later(this.random.integer(80), () => {
        if (from.incarnation === incarnation) from.input((machine) => machine.requestFailed(correlationId, 'disconnected', this.nowMs));
      });
    }
    if (request.api === 'apiVersions') {
      this.deliver(from, to, () => this.deliver(to, from, () => this.respond(from, incarnation, correlationId, { api: 'apiVersions', errorCode: 'NONE', supportedKRaftVersions: { minSupportedVersion: 0, maxSupportedVersion: 1 } })));
      return;
    }
    this.deliver(from, to, () => this.arrive({ from, incarnation, correlationId, to, toIncarnation: to.incarnation }, request));
  }

  answer(from: SimulatedNode, { requestId, answer }: InboundAnswer): void {
    const waiting = this.waiting.get(requestId);
    if (waiting === undefined || waiting.toIncarnation !== from.incarnation) return;
    this.waiting.delete(requestId);
    if (answer.api === 'addRaftVoter' && answer.errorCode === 'NONE') this.counts.added++;
    if (answer.api === 'removeRaftVoter' && answer.errorCode === 'NONE') this.counts.removed++;
    const response = from.read(answer);
    const { from: to, incarnation, correlationId } = waiting;
    if (to !== null && response !== null) this.deliver(from, to, () => this.respond(to, incarnation, correlationId, response));
  }

  private arrive(waiting: Waiting, request: RaftRequest): void {
    const { to } = waiting;
    if (to.machine === null) return;
    const requestId = ++this.lastRequestId;
    this.waiting.set(requestId, { ...waiting, toIncarnation: to.incarnation });
    const before = to.log.endOffset;
    if (request.api === 'fetch' || request.api === 'fetchSnapshot') to.heardMs.set(waiting.from?.id ?? -1, this.nowMs);
    to.input((machine) => machine.request(requestId, request, this.nowMs));
    if (request.api !== 'fetch') this.note(() => `${to.name} hears ${JSON.stringify(request)}`);
    if (to.log.endOffset < before) this.counts.truncations++;
  }

  private respond(to: SimulatedNode, incarnation: number, correlationId: number, response: RaftResponse): void {
    if (to.incarnation !== incarnation) return;
    const before = to.log.endOffset;
    const roleBefore = to.machine?.role;
    to.input((machine) => machine.response(correlationId, response, this.nowMs));
    if (to.log.endOffset < before) this.counts.truncations++;
    if (to.machine?.role === 'leader' && roleBefore !== 'leader') this.counts.elections++;
    if (to.log.endOffset !== before || to.machine?.role !== roleBefore || response.api !== 'fetch') this.note(() => `${to.name} is answered ${summary(response)}`);
  }

  /** Brings a message over, if the link does: late, once, twice, or not at all; a node that stands still takes it when it goes on. */
  private deliver(from: SimulatedNode, to: SimulatedNode, arrive: () => void): void {
    const { random } = this;
    if (random.chance(this.lossOdds) || this.cut.has(link(from, to))) return;
    const times = random.chance(0.03) ? 2 : 1;
    for (let i = 0; i < times; i++) {
      const delayMs = random.chance(0.05) ? random.integer(3000) : random.integer(40);
      this.queue.put(this.nowMs + delayMs, () => {
        if (this.nowMs < to.pausedUntilMs) this.queue.put(to.pausedUntilMs, arrive);
        else arrive();
      });
    }
  }

  // Faults.

  private fault(): void {
    const { random } = this;
    const node = random.pick(this.nodes);
    switch (random.integer(13)) {
      case 0:
      case 1:
        return this.crash(node);
      case 2:
        if (random.chance(0.3)) for (const it of this.nodes) this.crash(it);
        return;
      case 3:
        node.pausedUntilMs = this.nowMs + random.integer(6000);
        return this.note(() => `${node.name} stands still`);
      case 4:
      case 5:
        return this.cutLinks(node);
      case 6:
        this.cut.clear();
        return this.note(() => 'all links are whole');
      case 7:
      case 8:
        return this.takeSnapshot(node);
      case 9:
        return this.stepDown(node);
      case 10:
      case 11:
        if (this.isDynamic) this.changeVoters(node);
        return;
      default:
        if (this.isDynamic && random.chance(0.2)) this.replaceDisk(node);
    }
  }

  private crash(node: SimulatedNode): void {
    if (node.machine === null) return;
    this.counts.crashes++;
    this.stop(node);
    this.note(() => `${node.name} dies`);
  }

  private stop(node: SimulatedNode): void {
    node.crash();
    this.later(this.random.integer(this.random.chance(0.5) ? 100 : 4000), () => this.startIfDown(node));
  }

  private startIfDown(node: SimulatedNode): void {
    if (node.machine !== null) return;
    node.start();
    this.note(() => `${node.name} starts`);
  }

  private cutLinks(node: SimulatedNode): void {
    const other = this.random.pick(this.nodes);
    const isAll = this.random.chance(0.3);
    for (const it of this.nodes) {
      if (it === node || (!isAll && it !== other)) continue;
      if (this.random.chance(0.7)) this.cut.add(link(node, it));
      if (this.random.chance(0.7)) this.cut.add(link(it, node));
    }
    this.note(() => `links of ${node.name} are cut`);
    this.later(this.random.integer(8000), () => this.cut.clear());
  }

  private takeSnapshot(node: SimulatedNode): void {
    const { random } = this;
    const endOffset = node.log.startOffset + random.integer(Math.max(1, (node.machine?.highWatermark ?? 0) - node.log.startOffset + 1));
    const known = this.snapshots.get(endOffset);
    const snapshot = node.takeSnapshot(endOffset, known?.bytes ?? Uint8Array.from({ length: 1 + random.integer(25) }, () => random.integer(256)));
    if (snapshot !== null) {
      expectThat(known === undefined || known.epoch === snapshot.epoch, `two snapshots of ${endOffset} are of the epochs ${known?.epoch} and ${snapshot.epoch}`);
      this.snapshots.set(endOffset, known ?? snapshot);
      this.counts.snapshots++;
    }
    const oldest = node.log.snapshots[0];
    const newest = node.log.snapshots[node.log.snapshots.length - 1];
    const cleanTo = random.chance(0.5) ? newest : oldest;
    if (cleanTo !== undefined && random.chance(0.7)) node.log.cleanUpTo(cleanTo);
    node.snapshotsChanged();
    this.note(() => `${node.name} has the snapshots ${node.log.snapshots.map((it) => it.offset).join()}`);
  }

  private stepDown(node: SimulatedNode): void {
    if (node.machine === null) return;
    this.counts.resigned++;
    this.note(() => `${node.name} is to step down`);
    if (this.random.chance(0.5)) node.input((machine) => machine.resign(machine.epoch, this.nowMs));
    else node.input((machine) => machine.shutdown(2000, this.nowMs));
  }

  /** A tool asks every node that takes itself for the leader. */
  private changeVoters(node: SimulatedNode): void {
    for (const leader of this.nodes) {
      if (leader.machine?.role !== 'leader') continue;
      const requestId = ++this.lastRequestId;
      this.waiting.set(requestId, { from: null, incarnation: 0, correlationId: 0, to: leader, toIncarnation: leader.incarnation });
      const voter = leader.machine.voters.voter(node.id);
      const request: RaftRequest =
        voter === undefined
          ? { api: 'addRaftVoter', clusterId: 'simulated', timeoutMs: 5000, voterId: node.id, voterDirectoryId: node.directoryId, listeners: voterOf(node.id, '').endpoints, ackWhenCommitted: this.random.chance(0.8) }
          : { api: 'removeRaftVoter', clusterId: 'simulated', voterId: node.id, voterDirectoryId: voter.voterDirectoryId };
      leader.input((machine) => machine.request(requestId, request, this.nowMs));
      this.note(() => `${leader.name} is asked ${request.api} ${node.name}`);
    }
  }

  private replaceDisk(node: SimulatedNode): void {
    this.crash(node);
    node.replaceDisk();
    this.counts.disks++;
    this.note(() => `${node.name} has a new disk`);
  }
}

function link(from: SimulatedNode, to: SimulatedNode): number {
  return from.id * 100 + to.id;
}

function describe(node: SimulatedNode): string {
  const { machine, log } = node;
  if (machine === null) return `${node.id} down ${log.startOffset}..${log.endOffset}`;
  return `${node.id} ${machine.role} e${machine.epoch} l${machine.leaderId} ${log.startOffset}..${machine.highWatermark}..${log.flushedOffset}..${log.endOffset} v${machine.voters.ids.join()}`;
}

function summary(response: RaftResponse): string {
  return JSON.stringify(response, (name, value: unknown) => (name === 'bytes' || name === 'leaderEndpoints' || name === 'control' ? undefined : value));
}
