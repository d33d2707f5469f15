import { LeaderEpochs, PartitionMachine, type IsrProposal, type PartitionEffects } from '../src/index.js';
import { SeededRandom } from '@millrace/testkit';

const LAG_MS = 1000;

interface Entry {
  readonly epoch: number;
  readonly value: number;
}

interface Assignment {
  leader: number;
  leaderEpoch: number;
  partitionEpoch: number;
  replicas: readonly number[];
  isr: readonly number[];
}

/** A broker with one replica: its log, its epochs, its machine. */
class Replica {
  readonly log = new Map<number, Entry>();
  epochs = new LeaderEpochs();
  machine: PartitionMachine;
  brokerEpoch = 1;
  isUp = true;
  /** The assignment that it has heard of. */
  heard = -1;
  constructor(
    readonly id: number,
    private readonly minInsyncReplicas: number,
  ) {
    this.machine = this.open({ logStartOffset: 0, logEndOffset: 0, highWatermark: 0 });
  }

  /** A broker acts on nothing older than its own registration: `newest` is the first assignment that it acts on. */
  restart(highWatermark: number, newest: number): void {
    const { logStartOffset, logEndOffset } = this.machine;
    this.brokerEpoch++;
    this.heard = newest - 1;
    this.machine = this.open({ logStartOffset, logEndOffset, highWatermark });
  }

  truncate(logEndOffset: number): void {
    for (const offset of [...this.log.keys()]) if (offset >= logEndOffset) this.log.delete(offset);
    this.epochs.truncateFromEnd(logEndOffset);
    this.machine.truncated(logEndOffset);
  }

  startAnew(offset: number): void {
    this.log.clear();
    this.epochs.truncateFromEnd(0);
    this.machine.truncated(offset, offset);
  }

  private open(log: { logStartOffset: number; logEndOffset: number; highWatermark: number }): PartitionMachine {
    return new PartitionMachine({
      brokerId: this.id,
      brokerEpoch: this.brokerEpoch,
      minInsyncReplicas: this.minInsyncReplicas,
      replicaLagTimeMaxMs: LAG_MS,
      log: { ...log, firstUnstableOffset: -1 },
      epochs: this.epochs,
    });
  }
}

/** Three replicas and a controller that elects cleanly; messages are lost, late and repeated, brokers stop and come back. Each step checks the invariants. */
export class ReplicaSimulation {
  readonly counts = { steps: 0, appends: 0, acked: 0, elections: 0, truncations: 0, expansions: 0, shrinks: 0, restarts: 0 };
  private readonly random;
  private readonly replicas: readonly Replica[];
  /** All assignments in their order: the metadata log. */
  private readonly assignments: Assignment[] = [{ leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1, 2, 3], isr: [1, 2, 3] }];
  private nowMs = 0;
  private nextValue = 1;
  private readonly waiting: { readonly replica: Replica; readonly machine: PartitionMachine; readonly leaderEpoch: number; readonly offset: number; readonly value: number }[] = [];
  /** What a producer was told is stored, and what some reader could see: none of it may ever change. */
  private readonly acked = new Map<number, number>();
  private readonly seen = new Map<number, number>();
  private readonly proposals: { readonly from: Replica; readonly proposal: IsrProposal }[] = [];
  /** The last events, for the report of a failure. */
  readonly trace: string[] = [];
  private readonly highest = new Map<PartitionMachine, number>();

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    const minInsyncReplicas = 1 + this.random.integer(2);
    this.replicas = [1, 2, 3].map((id) => new Replica(id, minInsyncReplicas));
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.counts.steps++;
      this.step();
      this.check();
    }
  }

  private get current(): Assignment {
    const last = this.assignments[this.assignments.length - 1];
    if (last === undefined) throw new Error('no assignment');
    return last;
  }

  private note(event: string): void {
    this.trace.push(`${this.counts.steps} ${event} | ${this.replicas.map((it) => `${it.id}${it.isUp ? '' : ' down'}:${it.machine.role} e${it.machine.leaderEpoch} ${it.machine.logStartOffset}..${it.machine.highWatermark}..${it.machine.logEndOffset} isr=${it.machine.isr.committed.join()}(${it.machine.isr.maximal.join()})`).join(' | ')}`);
    if (this.trace.length > 50) this.trace.shift();
  }

  private step(): void {
    const { random } = this;
    const replica = random.pick(this.replicas);
    this.nowMs += random.integer(60);
    switch (random.integer(14)) {
      case 0:
      case 1:
      case 2:
        if (replica.isUp) this.append(replica);
        return;
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
        if (replica.isUp) this.fetch(replica);
        return;
      case 8:
      case 9:
        if (replica.isUp) this.hear(replica);
        return;
      case 10:
        if (replica.isUp) this.carryOut(replica, replica.machine.tick(this.nowMs));
        return;
      case 11:
        this.answerProposal();
        return;
      case 12:
        if (random.chance(0.25)) this.stopOrStart(replica);
        return;
      default:
        if (replica.isUp && random.chance(0.2)) this.deleteRecords(replica);
        else this.nowMs += random.integer(LAG_MS);
    }
  }

  private append(replica: Replica): void {
    const { machine } = replica;
    const acks = this.random.pick([1, -1]);
    if (machine.checkAppend(acks) !== null) return;
    const offset = machine.logEndOffset;
    const value = this.nextValue++;
    replica.log.set(offset, { epoch: machine.leaderEpoch, value });
    this.counts.appends++;
    this.note(`append ${offset}=${value} on ${replica.id} acks=${acks}`);
    if (acks === -1) this.waiting.push({ replica, machine, leaderEpoch: machine.leaderEpoch, offset, value });
    this.carryOut(replica, machine.appended(offset, this.nowMs));
  }

  private fetch(follower: Replica): void {
    const leader = this.replicas.find((it) => it.id === follower.machine.leader);
    if (follower.machine.role !== 'follower' || leader === undefined || !leader.isUp) return;
    const { machine } = follower;
    const fetchOffset = machine.logEndOffset;
    const decision = leader.machine.fetchDecision({
      fetchOffset,
      isolation: 'log_end',
      currentLeaderEpoch: machine.leaderEpoch,
      lastFetchedEpoch: follower.epochs.latestEpoch(),
      replicaId: follower.id,
      onlyFromLeader: true,
    });
    if (decision.kind === 'error') {
      // What the leader has begins beyond: start anew there.
      this.note(`fetch ${follower.id}<-${leader.id}@${fetchOffset} ${decision.error}`);
      if (decision.error === 'OFFSET_OUT_OF_RANGE' && fetchOffset < leader.machine.logStartOffset) follower.startAnew(leader.machine.logStartOffset);
      return;
    }
    if (decision.kind === 'diverging') {
      const effects = machine.diverged(decision.diverging);
      if (effects.truncateTo === null) throw new Error('a divergence without a cut');
      this.counts.truncations++;
      this.note(`truncate ${follower.id} to ${effects.truncateTo}`);
      follower.truncate(effects.truncateTo);
      return;
    }
    const isEligible = this.replicas.some((it) => it === follower) && follower.isUp;
    const effects = leader.machine.followerFetched({ replicaId: follower.id, fetchOffset, logStartOffset: machine.logStartOffset, brokerEpoch: follower.brokerEpoch, isEligible, nowMs: this.nowMs }, decision.logEndOffset);
    this.carryOut(leader, effects);
    this.note(`fetch ${follower.id}<-${leader.id}@${fetchOffset} hw ${decision.highWatermark}`);
    if (this.random.chance(0.1)) return;
    const upTo = Math.min(decision.upTo, fetchOffset + 1 + this.random.integer(3));
    for (let offset = fetchOffset; offset < upTo; offset++) {
      const entry = leader.log.get(offset);
      if (entry === undefined) throw new Error(`the leader lacks ${offset}`);
      follower.log.set(offset, entry);
      follower.epochs.assign(entry.epoch, offset);
    }
    if (upTo > fetchOffset) machine.appended(upTo - 1, this.nowMs);
    machine.leaderAnswered({ highWatermark: decision.highWatermark, logStartOffset: decision.logStartOffset });
  }

  /** The replica reads the metadata log on: some way, or to its end. */
  private hear(replica: Replica): void {
    const last = this.assignments.length - 1;
    const upTo = this.random.chance(0.7) ? last : Math.min(last, replica.heard + 1);
    if (upTo <= replica.heard) return;
    replica.heard = upTo;
    const assignment = this.assignments[upTo];
    if (assignment !== undefined) this.carryOut(replica, replica.machine.assigned(assignment, this.nowMs));
    this.note(`${replica.id} hears ${JSON.stringify(assignment)}`);
  }

  private carryOut(replica: Replica, effects: PartitionEffects): void {
    if (effects.assignEpoch !== null) replica.epochs.assign(effects.assignEpoch.leaderEpoch, effects.assignEpoch.startOffset);
    if (effects.proposeIsr !== null) this.proposals.push({ from: replica, proposal: effects.proposeIsr });
  }

  private answerProposal(): void {
    const at = this.random.integer(this.proposals.length + 1);
    const [sent] = this.proposals.splice(at, 1);
    if (sent === undefined || !sent.from.isUp) return;
    const { from, proposal } = sent;
    if (this.random.chance(0.1)) {
      // Lost on its way: the leader asks again.
      this.carryOut(from, from.machine.isrRefused(proposal, 'REQUEST_TIMED_OUT'));
      return;
    }
    const error = this.alterPartition(from, proposal);
    this.note(`proposal of ${from.id} ${JSON.stringify(proposal)}: ${error}`);
    if (error !== null) this.carryOut(from, from.machine.isrRefused(proposal, error));
    else if (this.random.chance(0.15)) this.carryOut(from, from.machine.isrRefused(proposal, 'REQUEST_TIMED_OUT'));
    else this.carryOut(from, from.machine.isrCommitted(proposal, this.current, this.nowMs));
  }

  private alterPartition(from: Replica, proposal: IsrProposal): string | null {
    const { current } = this;
    if (proposal.leaderEpoch < current.leaderEpoch) return 'FENCED_LEADER_EPOCH';
    if (from.id !== current.leader) return 'INVALID_REQUEST';
    if (proposal.partitionEpoch < current.partitionEpoch) return 'INVALID_UPDATE_VERSION';
    for (const { brokerId, brokerEpoch } of proposal.isr) {
      const member = this.replicas.find((it) => it.id === brokerId);
      if (member === undefined || !member.isUp || (brokerEpoch !== -1 && member.brokerEpoch !== brokerEpoch)) return 'INELIGIBLE_REPLICA';
    }
    const isr = proposal.isr.map((it) => it.brokerId);
    if (isr.length > current.isr.length) this.counts.expansions++;
    else this.counts.shrinks++;
    this.assignments.push({ ...current, isr, partitionEpoch: current.partitionEpoch + 1 });
    return null;
  }

  private stopOrStart(replica: Replica): void {
    const { current } = this;
    replica.isUp = !replica.isUp;
    this.note(`${replica.id} ${replica.isUp ? 'starts' : 'stops'}`);
    if (replica.isUp) {
      this.counts.restarts++;
      replica.restart(this.random.integer(replica.machine.highWatermark + 1), this.assignments.length - 1);
      if (current.leader === -1 && current.isr.includes(replica.id)) this.elect(current.isr);
      return;
    }
    if (!current.isr.includes(replica.id)) return;
    const isr = current.isr.filter((id) => id !== replica.id);
    if (isr.length === 0) this.assignments.push({ ...current, leader: -1, leaderEpoch: current.leaderEpoch + 1, partitionEpoch: current.partitionEpoch + 1 });
    else if (current.leader === replica.id) this.elect(isr);
    else this.assignments.push({ ...current, isr, partitionEpoch: current.partitionEpoch + 1 });
  }

  private elect(isr: readonly number[]): void {
    const { current } = this;
    const leader = current.replicas.find((id) => isr.includes(id) && this.replicas.some((it) => it.id === id && it.isUp)) ?? -1;
    this.counts.elections++;
    this.assignments.push({ ...current, isr, leader, leaderEpoch: current.leaderEpoch + 1, partitionEpoch: current.partitionEpoch + 1 });
  }

  private deleteRecords(replica: Replica): void {
    const { machine } = replica;
    const decision = machine.deleteRecordsDecision(machine.logStartOffset + this.random.integer(Math.max(1, machine.highWatermark - machine.logStartOffset + 2)));
    if (decision.error !== null || decision.logStartOffset <= machine.logStartOffset) return;
    this.carryOut(replica, machine.logStartAdvanced(decision.logStartOffset));
    this.note(`deleted up to ${decision.logStartOffset} on ${replica.id}`);
  }

  private check(): void {
    for (const replica of this.replicas) {
      const { machine } = replica;
      const { logStartOffset, lastStableOffset, highWatermark, logEndOffset } = machine;
      // Invariant 3.
      expectThat(logStartOffset <= lastStableOffset && lastStableOffset <= highWatermark && highWatermark <= logEndOffset, `${replica.id}: ${logStartOffset} <= ${lastStableOffset} <= ${highWatermark} <= ${logEndOffset}`);
      // Invariant 2.
      if (machine.role === 'leader') {
        expectThat(highWatermark >= (this.highest.get(machine) ?? 0), `${replica.id}: the high watermark went back to ${highWatermark}`);
        this.highest.set(machine, highWatermark);
      } else {
        this.highest.delete(machine);
      }
      // Invariant 1: whoever reads from whatever replica sees the same.
      if (machine.role === 'leader' || machine.role === 'follower') {
        for (let offset = Math.max(logStartOffset, highWatermark - 6); offset < highWatermark; offset++) {
          const value = replica.log.get(offset)?.value ?? -1;
          const known = this.seen.get(offset);
          expectThat(known === undefined || known === value, `offset ${offset} was seen as ${known}, and is ${value} on ${replica.id}`);
          this.seen.set(offset, value);
        }
      }
    }
    this.checkLogs();
    this.checkAcks();
  }

  /** Invariant 7: the same offset of the same epoch is the same record, and so is all below it. */
  private checkLogs(): void {
    const [a, b, c] = this.replicas;
    for (const [left, right] of [[a, b], [b, c], [a, c]]) {
      if (left === undefined || right === undefined) continue;
      let isAgreed = false;
      const start = Math.max(left.machine.logStartOffset, right.machine.logStartOffset);
      for (let offset = Math.min(left.machine.logEndOffset, right.machine.logEndOffset) - 1; offset >= start; offset--) {
        const [mine, theirs] = [left.log.get(offset), right.log.get(offset)];
        if (mine === undefined || theirs === undefined) break;
        if (mine.epoch === theirs.epoch) {
          expectThat(mine.value === theirs.value, `offset ${offset} of epoch ${mine.epoch} is ${mine.value} on ${left.id} and ${theirs.value} on ${right.id}`);
          isAgreed = true;
        } else {
          expectThat(!isAgreed, `the logs of ${left.id} and ${right.id} agree above ${offset} and not there`);
        }
      }
    }
  }

  private checkAcks(): void {
    for (let i = this.waiting.length - 1; i >= 0; i--) {
      const it = this.waiting[i];
      if (it === undefined) continue;
      if (it.machine !== it.replica.machine || !it.replica.isUp || it.machine.leaderEpoch !== it.leaderEpoch) {
        this.waiting.splice(i, 1);
        continue;
      }
      const status = it.machine.appendStatus(it.offset + 1);
      if (status === 'pending') continue;
      this.waiting.splice(i, 1);
      if (status !== 'complete') continue;
      this.counts.acked++;
      this.acked.set(it.offset, it.value);
      // Invariant 4.
      for (const id of it.machine.isr.maximal) {
        const member = this.replicas.find((replica) => replica.id === id);
        const isThere = member?.log.get(it.offset)?.value === it.value || (member?.machine.logStartOffset ?? 0) > it.offset;
        expectThat(isThere, `acknowledged offset ${it.offset} is not on ${id}, which is in sync`);
      }
    }
    // Invariant 5: the leader of the newest epoch has everything that was acknowledged.
    const leader = this.replicas.find((it) => it.id === this.current.leader);
    if (leader === undefined || leader.machine.role !== 'leader' || leader.machine.leaderEpoch !== this.current.leaderEpoch) return;
    for (const [offset, value] of this.acked) {
      if (offset >= leader.machine.logStartOffset) expectThat(leader.log.get(offset)?.value === value, `acknowledged offset ${offset} is lost on the leader ${leader.id}`);
    }
  }
}

function expectThat(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}
