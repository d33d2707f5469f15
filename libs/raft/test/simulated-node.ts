import {

  type FetchedBatch,
  type InboundAnswer,
  type OutboundRequest,
  type QuorumState,
  type RaftAppend,
  type RaftEffects,
  type RaftMachine,
  type RaftMachineOptions,
  type RaftResponse,
  type SnapshotChunk,
  type Voter,
} from '../src/index.js';
import { expectThat, type CheckedNode, type QuorumChecker } from './quorum-checker.js';
import { SimulatedLog, type SimulatedSnapshot } from './simulated-log.js';

export const LISTENER = 'CONTROLLER';

export interface NodeSettings {
  readonly id: number;
  readonly canBecomeVoter: boolean;
  readonly staticVoters: readonly Voter[];
  /** What the node was formatted with: voters at offset -1. */
  readonly bootstrapVoters: readonly Voter[];
  readonly bootstrapServers: readonly { readonly id: number; readonly host: string; readonly port: number }[];
}

/** What a node needs of the world. */
export interface NodeWorld {
  readonly nowMs: number;
  readonly random: { integer(bound: number): number; chance(probability: number): boolean };
  readonly checker: QuorumChecker;
  /** The disks of all replicas that there are. */
  readonly nodes: readonly SimulatedNode[];
  readonly createMachine: (options: RaftMachineOptions) => RaftMachine;
  later(delayMs: number, run: () => void): void;
  send(from: SimulatedNode, request: OutboundRequest): void;
  answer(from: SimulatedNode, answer: InboundAnswer): void;
  snapshot(id: { readonly offset: number; readonly epoch: number }): SimulatedSnapshot;
  nextValue(): number;
  /** Whether the node dies in the middle of what it is doing; it is down then. */
  diesNow(node: SimulatedNode): boolean;
  note(event: () => string): void;
}

/** A node with its disk: it drives a machine as a broker would, and dies at any moment. */
export class SimulatedNode implements CheckedNode {
  log = new SimulatedLog();
  machine: RaftMachine | null = null;
  quorumState: QuorumState | null = null;
  /** Raised by each stop, so that what was under way for the process before is dropped. */
  incarnation = 0;
  pausedUntilMs = 0;
  /** As the machine said after the last input. */
  nextTickMs = Infinity;
  /** Disks that were replaced: what they held when they acknowledged it counts. */
  readonly retired: CheckedNode[] = [];
  isStopping = false;
  /** As leader: since when with these voters, and when each node last fetched from it. */
  electedMs = 0;
  readonly heardMs = new Map<number, number>();
  epochStartOffset = -1;
  directoryNumber = 0;
  private download: Uint8Array[] = [];

  constructor(
    readonly settings: NodeSettings,
    private readonly world: NodeWorld,
  ) {}

  get id(): number {
    return this.settings.id;
  }

  get name(): string {
    return `${this.id}`;
  }

  get directoryId(): string {
    return `dir${this.id}x${this.directoryNumber}`.padEnd(22, 'A');
  }

  get replicaName(): string {
    return `${this.id}/${this.directoryId}`;
  }

  start(): void {
    const { log, settings, world } = this;
    this.incarnation++;
    this.isStopping = false;
    this.download = [];
    // A snapshot that was fetched whole takes the place of the log when it reaches further.
    const latest = log.snapshots[log.snapshots.length - 1];
    if (latest !== undefined && latest.offset > log.endOffset) log.install(latest);
    this.machine = world.createMachine({
      nodeId: this.id,
      directoryId: this.directoryId,
      clusterId: 'simulated',
      listenerName: LISTENER,
      localListeners: settings.canBecomeVoter ? endpointsOf(this.id) : [],
      canBecomeVoter: settings.canBecomeVoter,
      bootstrapServers: settings.bootstrapServers,
      staticVoters: settings.staticVoters,
      settings: { fetchMaxBytes: 10, fetchSnapshotMaxBytes: 10 },
      log: { logStartOffset: log.startOffset, logEndOffset: log.endOffset, lastEpoch: log.lastEpoch, snapshots: log.snapshots, epochs: log },
      control: this.controlAtStart(),
      quorumState: this.quorumState,
      random: world.random,
    });
    world.checker.restarted(this);
    this.input((machine) => machine.start(world.nowMs));
  }

  /** The process dies. */
  crash(): void {
    this.machine = null;
    this.nextTickMs = Infinity;
    this.epochStartOffset = -1;
    this.incarnation++;
    this.log.crash(this.world.random);
  }

  /** Another disk takes the place of the one that the log was on. */
  replaceDisk(): void {
    this.retired.push({ name: this.name, log: this.log, machine: null, replicaName: this.replicaName });
    this.log = new SimulatedLog();
    this.quorumState = null;
    this.directoryNumber++;
  }

  input(happened: (machine: RaftMachine) => RaftEffects): void {
    if (this.machine === null) return;
    this.carryOut(this.machine, happened(this.machine));
    this.nextTickMs = this.machine?.nextTickMs ?? Infinity;
  }

  private carryOut(machine: RaftMachine, effects: RaftEffects): void {
    const { world, log, settings } = this;
    if (effects.persist !== null) {
      this.persist(effects.persist);
      if (world.diesNow(this)) return;
    }
    if (effects.truncateTo !== null) log.truncate(effects.truncateTo);
    if (effects.append !== null) {
      this.append(machine, effects.append);
      if (world.diesNow(this)) return;
    }
    if (effects.truncateTo !== null || effects.append !== null) world.checker.votersInForce(this, this.controlAtStart().voterSets, settings.staticVoters);
    const installed = effects.writeSnapshot === null ? null : this.writeSnapshot(effects.writeSnapshot);
    if (effects.flush !== null) {
      const flush = effects.flush;
      const { incarnation } = this;
      const flushed = log.beginFlush(flush.endOffset);
      world.later(world.random.integer(15), () => {
        if (incarnation !== this.incarnation) return;
        flushed();
        this.input((it) => it.flushed(flush, world.nowMs));
      });
    }
    // A leader that goes may have committed something in the same moment.
    const ledFrom = this.epochStartOffset;
    if (effects.roleChanged !== null) {
      const { role, leaderEpoch, epochStartOffset } = effects.roleChanged;
      this.epochStartOffset = epochStartOffset;
      if (role === 'leader') {
        this.electedMs = world.nowMs;
        this.heardMs.clear();
        world.checker.elected(this, leaderEpoch, epochStartOffset);
      }
    }
    for (const request of effects.requests) world.send(this, request);
    if (effects.persist !== null && world.diesNow(this)) return;
    for (const answer of effects.answers) {
      if (answer.answer.api === 'vote' && answer.answer.voteGranted) this.checkGranted(machine);
      world.answer(this, answer);
    }
    if (effects.highWatermarkAdvancedTo !== null) world.checker.advanced(this, effects.highWatermarkAdvancedTo, Math.max(ledFrom, this.epochStartOffset), world.nodes.flatMap((it) => [it, ...it.retired]));
    if (effects.shutdownComplete) this.isStopping = true;
    if (installed !== null) this.input((it) => it.snapshotInstalled(installed, world.nowMs));
  }

  /** A leader that a majority of its voters has not fetched from for twice the time that it may go without is none. */
  checkQuorum(): void {
    const { machine, world } = this;
    const sinceMs = world.nowMs - 6001;
    if (machine === null || machine.role !== 'leader' || this.electedMs > sinceMs || this.pausedUntilMs > sinceMs) return;
    const others = machine.voters.ids.filter((id) => id !== this.id && (this.heardMs.get(id) ?? -1) >= sinceMs);
    expectThat(others.length + (machine.isVoter ? 1 : 0) >= machine.voters.majority, `${this.name} leads epoch ${machine.epoch} without a majority`);
  }

  private persist(state: QuorumState): void {
    this.quorumState = state;
    this.world.checker.persisted(this, state);
  }

  /** Invariant 15: what the answer grants is on the disk by now. */
  private checkGranted(machine: RaftMachine): void {
    const state = this.quorumState;
    const voted = machine.votedKey;
    if (voted === null || state === null) return;
    expectThat(state.leaderEpoch === machine.epoch && state.votedId === voted.nodeId, `invariant 15: ${this.name} grants ${voted.nodeId} in epoch ${machine.epoch}, on its disk are ${state.votedId} and ${state.leaderEpoch}`);
  }

  private append(machine: RaftMachine, append: RaftAppend): void {
    const { log, world } = this;
    if (append.kind === 'control') {
      expectThat(append.baseOffset === log.endOffset, `${this.name}: control records at ${append.baseOffset}, the log ends at ${log.endOffset}`);
      for (const record of append.records) {
        log.append({ epoch: append.leaderEpoch, value: world.nextValue(), control: record });
        world.checker.appended(this, log.endOffset - 1);
        if (record.type !== 'voters') continue;
        // Other voters: the time that it may go without fetches of a majority is counted anew by `checkQuorum`.
        this.electedMs = world.nowMs;
        world.checker.votersAppended(this, machine.epoch);
      }
      return;
    }
    for (const batch of append.batches) {
      expectThat(batch.baseOffset === log.endOffset, `${this.name}: a batch at ${batch.baseOffset}, the log ends at ${log.endOffset}`);
      log.append({ epoch: batch.leaderEpoch, value: valueOf(batch.bytes), control: batch.control[0]?.record ?? null });
      world.checker.appended(this, log.endOffset - 1);
    }
  }

  /** The controller has something to write. */
  appendRecords(count: number): void {
    const { machine, log, world } = this;
    if (machine === null || machine.checkAppend(machine.epoch) !== null) return;
    for (let i = 0; i < count; i++) {
      log.append({ epoch: machine.epoch, value: world.nextValue(), control: null });
      world.checker.appended(this, log.endOffset - 1);
    }
    this.input((it) => it.appended(log.endOffset, world.nowMs));
  }

  /** Reads what a fetch answer says; a batch has one record here. */
  read(answer: InboundAnswer['answer']): RaftResponse | null {
    const { log } = this;
    if (answer.api === 'fetch') {
      const batches: FetchedBatch[] = [];
      const { read, ...head } = answer;
      const upTo = read === null ? 0 : Math.min(read.upTo, log.endOffset, read.fromOffset + 1 + this.world.random.integer(read.maxBytes));
      for (let offset = read?.fromOffset ?? 0; offset < upTo; offset++) {
        const entry = log.at(offset);
        if (entry === undefined) break;
        batches.push({ baseOffset: offset, lastOffset: offset, leaderEpoch: entry.epoch, bytes: bytesOf(entry.value), control: entry.control === null ? [] : [{ offset, record: entry.control }] });
      }
      return { ...head, batches };
    }
    if (answer.api === 'fetchSnapshot') {
      const { read, ...head } = answer;
      const snapshot = log.snapshots.find((it) => it.offset === answer.snapshotId.endOffset && it.epoch === answer.snapshotId.epoch);
      return { ...head, bytes: read === null || snapshot === undefined ? new Uint8Array(0) : snapshot.bytes.subarray(answer.position, answer.position + read.maxBytes) };
    }
    if (answer.api === 'describeQuorum' || answer.api === 'addRaftVoter' || answer.api === 'removeRaftVoter' || answer.api === 'upgradeKRaftVersion') return null;
    return answer;
  }

  private writeSnapshot(chunk: SnapshotChunk): { snapshotId: { offset: number; epoch: number }; sizeInBytes: number; kRaftVersion: number; voters: readonly Voter[] | null } | null {
    if (chunk.position === 0) this.download = [];
    this.download.push(chunk.bytes);
    if (!chunk.isLast) return null;
    const bytes = Uint8Array.from(this.download.flatMap((it) => [...it]));
    const snapshot = this.world.snapshot(chunk.snapshotId);
    expectThat(bytes.length === snapshot.bytes.length && bytes.every((it, i) => it === snapshot.bytes[i]), `${this.name}: the snapshot ${chunk.snapshotId.offset} is not what it was at the leader`);
    this.log.install(snapshot);
    this.world.note(() => `${this.name} installs the snapshot ${chunk.snapshotId.offset}`);
    return { snapshotId: chunk.snapshotId, sizeInBytes: bytes.length, ...snapshot.control };
  }

  /** Makes a snapshot of what is committed up to `endOffset`. */
  takeSnapshot(endOffset: number, bytes: Uint8Array): SimulatedSnapshot | null {
    const { machine, log } = this;
    if (machine === null || endOffset <= log.startOffset || endOffset > machine.highWatermark || endOffset > log.flushedOffset || log.snapshots.some((it) => it.offset >= endOffset)) return null;
    const epoch = log.epochBefore(endOffset);
    const snapshot: SimulatedSnapshot = { offset: endOffset, epoch, sizeInBytes: bytes.length, bytes, control: machine.controlStateAt(endOffset) };
    log.snapshots = [...log.snapshots, snapshot];
    return snapshot;
  }

  snapshotsChanged(): void {
    this.input((it) => it.snapshotsChanged({ logStartOffset: this.log.startOffset, snapshots: this.log.snapshots }, this.world.nowMs));
  }

  private controlAtStart(): RaftMachineOptions['control'] {
    const { log, settings } = this;
    const voterSets: { offset: number; voters: readonly Voter[] }[] = [];
    const kRaftVersions: { offset: number; kRaftVersion: number }[] = [];
    const start = log.snapshotAtStart;
    if (start !== undefined) {
      if (start.control.voters !== null) voterSets.push({ offset: start.offset - 1, voters: start.control.voters });
      kRaftVersions.push({ offset: start.offset - 1, kRaftVersion: start.control.kRaftVersion });
    } else if (settings.bootstrapVoters.length > 0) {
      voterSets.push({ offset: -1, voters: settings.bootstrapVoters });
      kRaftVersions.push({ offset: -1, kRaftVersion: 1 });
    }
    log.entries.forEach(({ control }, i) => {
      if (control?.type === 'voters') voterSets.push({ offset: log.startOffset + i, voters: control.voters });
      if (control?.type === 'kRaftVersion') kRaftVersions.push({ offset: log.startOffset + i, kRaftVersion: control.kRaftVersion });
    });
    return { voterSets, kRaftVersions };
  }
}

export function endpointsOf(id: number): Voter['endpoints'] {
  return [{ name: LISTENER, host: `${id}`, port: 9093 }];
}

export function voterOf(id: number, directoryId: string): Voter {
  return { voterId: id, voterDirectoryId: directoryId, endpoints: endpointsOf(id), kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 } };
}

function bytesOf(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function valueOf(bytes: Uint8Array): number {
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}

