import { ZERO_UUID as ZERO_DIRECTORY } from '@millrace/foundation';
import type { QuorumState, RaftMachine, Voter } from '../src/index.js';
import type { Entry, SimulatedLog } from './simulated-log.js';

/** What the checker sees of a node. */
export interface CheckedNode {
  readonly name: string;
  readonly log: SimulatedLog;
  readonly machine: RaftMachine | null;
  /** The durable log of each replica that there is, by `id/directory`. */
  readonly replicaName: string;
}

/** Holds what a run has shown so far against what must never happen. Numbers are those of the README. */
export class QuorumChecker {
  /** Everything that some node took for committed, by offset. */
  readonly committed: (Entry | undefined)[] = [];
  private readonly votes = new Map<string, { readonly id: number; readonly directoryId: string }>();
  private readonly leaders = new Map<number, string>();
  /** By offset and epoch: what was appended there, and the epoch of what stood before it. */
  private readonly written = new Map<string, string>();
  private readonly applied = new Map<string, number>();

  /** Invariant 15: a vote of an epoch is never another. */
  persisted(node: CheckedNode, { leaderEpoch, votedId, votedDirectoryId }: QuorumState): void {
    if (votedId < 0) return;
    const key = `${node.replicaName} ${leaderEpoch}`;
    const before = this.votes.get(key);
    const isSame = before === undefined || (before.id === votedId && (before.directoryId === votedDirectoryId || before.directoryId === ZERO_DIRECTORY || votedDirectoryId === ZERO_DIRECTORY));
    expectThat(isSame, `invariant 15: ${node.name} votes for ${votedId} in epoch ${leaderEpoch}, and voted for ${before?.id} before`);
    if (before === undefined) this.votes.set(key, { id: votedId, directoryId: votedDirectoryId });
  }

  /** Invariant 7: the same offset of the same epoch is the same record, and so is all below it. */
  appended(node: CheckedNode, offset: number): void {
    const entry = node.log.at(offset);
    if (entry === undefined) throw new Error(`nothing at ${offset}`);
    const before = node.log.epochBefore(offset);
    expectThat(before <= entry.epoch, `${node.name}: epoch ${entry.epoch} at ${offset} follows epoch ${before}`);
    const key = `${offset}/${entry.epoch}`;
    const content = `${entry.value} after epoch ${before}`;
    const known = this.written.get(key);
    expectThat(known === undefined || known === content, `invariant 7: ${node.name} has ${content} at ${key}, elsewhere it is ${known}`);
    this.written.set(key, content);
  }

  /** Invariants 15 and 16: one leader of an epoch, and it has everything that is committed. */
  elected(node: CheckedNode, epoch: number, epochStartOffset: number): void {
    const before = this.leaders.get(epoch);
    expectThat(before === undefined || before === node.replicaName, `invariant 15: ${node.replicaName} and ${before} lead epoch ${epoch}`);
    this.leaders.set(epoch, node.replicaName);
    for (let offset = node.log.startOffset; offset < this.committed.length; offset++) {
      const known = this.committed[offset];
      if (known === undefined || known.epoch >= epoch) continue;
      expectThat(offset < epochStartOffset && node.log.at(offset)?.value === known.value, `invariant 16: ${node.name} leads epoch ${epoch} without the committed ${known.value} at ${offset}`);
    }
  }

  /**
   * Invariants 14 and 16: what a node takes for committed is what every other takes for it; a leader's step is backed by the disks of a majority. `epochStartOffset` is -1
   * for who does not lead.
   */
  advanced(node: CheckedNode, highWatermark: number, epochStartOffset: number, disks: readonly CheckedNode[]): void {
    const { log } = node;
    expectThat(highWatermark <= log.endOffset, `${node.name}: the high watermark ${highWatermark} is beyond the log end ${log.endOffset}`);
    const isLeader = epochStartOffset >= 0;
    if (isLeader) {
      expectThat(highWatermark > epochStartOffset, `invariant 16: ${node.name} takes ${highWatermark} for committed before anything of its epoch, which starts at ${epochStartOffset}`);
      this.checkMajority(node, highWatermark, disks);
    }
    for (let offset = Math.max(log.startOffset, this.applied.get(node.name) ?? 0); offset < highWatermark; offset++) {
      const mine = log.at(offset);
      const known = this.committed[offset];
      expectThat(mine !== undefined, `${node.name} lacks ${offset}`);
      expectThat(known === undefined ? isLeader : known.value === mine?.value, `invariant 14: ${node.name} has ${mine?.value} at ${offset}, committed is ${known?.value}`);
      this.committed[offset] ??= mine;
    }
    this.applied.set(node.name, highWatermark);
  }

  /** The node starts again: what it had applied it reads anew. */
  restarted(node: CheckedNode): void {
    this.applied.delete(node.name);
  }

  /** Invariant 17: a leader changes one voter at a time, after it has committed something of its epoch, and the change before is committed. */
  votersAppended(node: CheckedNode, epoch: number): void {
    const sets = node.log.votersInLog();
    const last = sets[sets.length - 1];
    const before = sets[sets.length - 2];
    if (last === undefined || before === undefined || difference(before.ids, last.ids) === 0) return;
    expectThat(difference(before.ids, last.ids) === 1, `invariant 17: ${node.name} goes from the voters ${before.ids.join()} to ${last.ids.join()}`);
    expectThat(this.committed.some((it) => it?.epoch === epoch), `invariant 17: ${node.name} changes the voters before epoch ${epoch} has committed anything`);
    for (let i = 1; i + 1 < sets.length; i++) {
      const { offset, ids } = sets[i]!;
      const isCommitted = this.committed[offset]?.value === node.log.at(offset)?.value;
      expectThat(isCommitted || difference(sets[i - 1]!.ids, ids) === 0, `invariant 17: ${node.name} changes the voters while the change at ${offset} is not committed`);
    }
  }

  /** Invariant 17: the voters in force are the newest in the log. */
  votersInForce(node: CheckedNode, inLog: readonly { readonly voters: readonly Voter[] }[], staticVoters: readonly Voter[]): void {
    const named = (voters: readonly Voter[]): string => voters.map((it) => `${it.voterId}/${it.voterDirectoryId}`).join();
    const newest = named(inLog[inLog.length - 1]?.voters ?? staticVoters);
    const inForce = named(node.machine?.voters.voters ?? []);
    expectThat(inForce === newest, `invariant 17: ${node.name} goes by the voters ${inForce}, its log says ${newest}`);
  }

  private checkMajority(leader: CheckedNode, highWatermark: number, disks: readonly CheckedNode[]): void {
    const offset = highWatermark - 1;
    const mine = leader.log.at(offset);
    if (mine === undefined || leader.machine === null) return;
    const { voters } = leader.machine;
    const holds = (voter: { voterId: number; voterDirectoryId: string }): boolean =>
      disks.some((it) => isReplica(it.replicaName, voter) && (it.log.startOffset > offset || (it.log.flushedOffset > offset && it.log.at(offset)?.value === mine.value)));
    const count = voters.voters.filter(holds).length;
    expectThat(count >= voters.majority, `invariant 16: ${leader.name} commits ${mine.value} at ${offset}, which is durable on ${count} of ${voters.size} voters`);
  }
}

function isReplica(replicaName: string, voter: { readonly voterId: number; readonly voterDirectoryId: string }): boolean {
  return voter.voterDirectoryId === ZERO_DIRECTORY ? replicaName.startsWith(`${voter.voterId}/`) : replicaName === `${voter.voterId}/${voter.voterDirectoryId}`;
}

/** How many voters must come or go; an update of one in place is none. */
function difference(before: readonly string[], after: readonly string[]): number {
  return Math.max(before.filter((it) => !after.includes(it)).length, after.filter((it) => !before.includes(it)).length);
}

export function expectThat(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}
