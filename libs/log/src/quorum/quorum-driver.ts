import { errorMessage, hasCode, type LeaderEpoch, type Logger, type Offset, type Scheduled, type TimestampMs } from '@millrace/foundation';
import type { MetadataRecord } from '@millrace/protocol';
import { RaftMachine, type DescribeQuorumAnswer, type FormerLeader, type InboundAnswer, type LogFlush, type OutboundRequest, type RaftAnswer, type RaftEffects, type RaftMachineOptions, type RaftRequest, type RoleChange, type SnapshotChunk, type StepDown } from '@millrace/raft';
import type { QuorumStateFile, SnapshotId } from '@millrace/storage';
import type { NodePorts } from '../node/node-ports.js';
import { PeerConnections } from '../node/peer-connections.js';
import { CommittedLog, type MetadataListener } from './committed-log.js';
import type { MetadataStore } from './metadata-store.js';
import { sendRaftRequest } from './outbound-requests.js';
import { asSnapshotInfo } from './snapshot-files.js';

export interface QuorumDriverOptions {
  /** Who this node is to the quorum, and what the quorum is to it. */
  readonly machine: Omit<RaftMachineOptions, 'log' | 'control' | 'quorumState' | 'random'>;
  readonly store: MetadataStore;
  readonly stateFile: QuorumStateFile;
  readonly ports: NodePorts;
  readonly requestTimeoutMs: number;
  readonly decompressedBytesMax: number;
  readonly logger: Logger;
  readonly listener: MetadataListener;
  readonly onRoleChange: (change: RoleChange) => void;
  /** The quorum cannot go on on this node: its disk failed, or what is in its log cannot be read. */
  readonly onFailure: (error: unknown) => void;
}

/** What a node is answered: the machine's part, and the bytes that it named. */
export interface QuorumReply<Answer extends RaftAnswer = RaftAnswer> {
  readonly answer: Answer;
  readonly bytes: Uint8Array | undefined;
}

type AnswerOf<Request extends RaftRequest> = Request['api'] extends 'describeQuorum' ? DescribeQuorumAnswer : Extract<RaftAnswer, { readonly api: Request['api'] }>;

/** The room in which a leader appends: nothing else happens to the log meanwhile. */
export interface LeaderTurn {
  readonly nextOffset: Offset;
  /** Throws what the disk says; nothing was appended then. */
  append(records: readonly MetadataRecord[]): Offset;
}

/**
 * Carries out what the quorum's machine decides, on this node's disk and connections. One input at a time: the next one goes in when the effects of the one before are
 * carried out as far as `RaftEffects` asks; what can wait (flushes, sends, the application of what is committed) goes on beside it.
 */
export class QuorumDriver {
  readonly committed: CommittedLog;
  private readonly machine: RaftMachine;
  private readonly peers: PeerConnections;
  private readonly inputs: (() => RaftEffects | undefined)[] = [];
  private readonly waiting = new Map<number, (reply: QuorumReply | undefined) => void>();
  private isBusy = false;
  private isStopped = false;
  private nextRequestId = 0;
  private timer: Scheduled | undefined;
  private timerAtMs = Number.POSITIVE_INFINITY;
  private flush: { readonly running: LogFlush; next: LogFlush | undefined } | undefined;
  private onShutdownComplete: () => void = () => undefined;
  /** Wall-clock time when the node started, less the steady clock's of the moment: together they are a wall clock that never goes back. */
  private readonly epochMs: number;

  constructor(private readonly options: QuorumDriverOptions) {
    const { store, stateFile, ports, machine, listener, requestTimeoutMs } = options;
    const { clock, scheduler, transport, random } = ports;
    this.epochMs = clock.nowMs() - clock.monotonicMs();
    const remembered = stateFile.read();
    this.machine = new RaftMachine({
      ...machine,
      log: store.atStart,
      control: store.control,
      quorumState: remembered === undefined ? null : { ...remembered, dataVersion: 1, currentVoters: [] },
      random,
    });
    this.committed = new CommittedLog(store, listener, (error) => this.fail(error));
    this.peers = new PeerConnections({ transport, clock, scheduler, clientId: `raft-client-${machine.nodeId}`, connectTimeoutMs: requestTimeoutMs, requestTimeoutMs });
  }

  /** The state begins with the latest snapshot; then the machine starts. A lone voter leads when it resolves. */
  async start(): Promise<void> {
    const { initial } = this.options.store;
    if (initial !== undefined) await this.committed.loadSnapshot(initial.content, initial.id);
    await this.input(() => this.machine.start(this.nowMs()));
  }

  get highWatermark(): Offset {
    return this.machine.highWatermark;
  }

  get epoch(): LeaderEpoch {
    return this.machine.epoch;
  }

  get formerLeader(): FormerLeader | undefined {
    return this.machine.formerLeader;
  }

  get kRaftVersion(): number {
    return this.machine.kRaftVersion;
  }

  get voterCount(): number {
    return this.machine.voters.size;
  }

  /** What a snapshot that ends here must begin with. */
  controlStateAt(offset: Offset): ReturnType<RaftMachine['controlStateAt']> {
    return this.machine.controlStateAt(offset);
  }

  /** Undefined: this node stops, or the connection that asks may be closed for another reason. */
  ask<Request extends RaftRequest>(request: Request): Promise<QuorumReply<AnswerOf<Request>> | undefined> {
    if (this.isStopped) return Promise.resolve(undefined);
    const requestId = this.nextRequestId++;
    return new Promise((resolve) => {
      this.waiting.set(requestId, resolve as (reply: QuorumReply | undefined) => void);
      void this.input(() => this.machine.request(requestId, request, this.nowMs()));
    });
  }

  /**
   * Runs `work` when it is its turn, with `undefined` when this node does not lead `epoch` (any more). At once, when nothing is under way. Gives what `work` gives.
   */
  asLeader<T>(epoch: LeaderEpoch, work: (turn: LeaderTurn | undefined) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.enqueue(() => {
        const { store } = this.options;
        const before = store.logEndOffset;
        const isLeading = !this.isStopped && this.machine.checkAppend(epoch) === null;
        try {
          resolve(work(isLeading ? { nextOffset: before, append: (records) => this.appendAsLeader(records, epoch) } : undefined));
        } catch (error) {
          reject(error as Error);
        }
        return store.logEndOffset > before ? this.machine.appended(store.logEndOffset, this.nowMs()) : undefined;
      });
    });
  }

  /** The controller of this node cannot lead. */
  resign(epoch: LeaderEpoch): void {
    void this.input(() => this.machine.resign(epoch, this.nowMs()));
  }

  /**
   * A snapshot was written. `removeOld` takes old ones and the log that they stand for away, in the turn in which the machine hears what is left: what it said before of the log and of
   * snapshots is carried out, and nothing is asked in between. Rejects with what `removeOld` throws; what was removed until then is told all the same.
   */
  snapshotsChanged(removeOld: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.enqueue(() => {
        if (this.isStopped) {
          resolve();
          return undefined;
        }
        const { store } = this.options;
        try {
          removeOld();
          resolve();
        } catch (error) {
          reject(error as Error);
        }
        const snapshots = store.snapshots.list().filter((it) => it.endOffset > 0);
        return this.machine.snapshotsChanged({ logStartOffset: store.log.logStartOffset, snapshots: snapshots.map(asSnapshotInfo) }, this.nowMs());
      });
    });
  }

  /** Hands the leadership over, for `timeoutMs` at most, then does nothing any more. */
  async stop(timeoutMs: number): Promise<void> {
    if (!this.isStopped) {
      await new Promise<void>((resolve) => {
        const late = this.options.ports.scheduler.after(timeoutMs, resolve);
        this.onShutdownComplete = () => {
          late.cancel();
          resolve();
        };
        void this.input(() => this.machine.shutdown(timeoutMs, this.nowMs()));
      });
    }
    this.end();
    await this.committed.settled();
  }

  /** Does nothing any more, at once. */
  end(): void {
    this.isStopped = true;
    this.timer?.cancel();
    this.committed.stop();
    this.peers.close();
    for (const resolve of this.waiting.values()) resolve(undefined);
    this.waiting.clear();
    this.options.store.snapshots.close();
    this.onShutdownComplete();
  }

  /** A wall clock that does not go back while the process lives. */
  nowMs(): TimestampMs {
    return Math.floor(this.epochMs + this.options.ports.clock.monotonicMs());
  }

  private appendAsLeader(records: readonly MetadataRecord[], epoch: LeaderEpoch): Offset {
    const batch = this.options.store.appendRecords(records, epoch, this.nowMs());
    this.committed.appended(batch);
    return batch.baseOffset;
  }

  /** Resolves when its turn has come; also when that was the end of it all, which `onFailure` tells. */
  private input(step: () => RaftEffects | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.enqueue(() => {
        resolve();
        return this.isStopped ? undefined : step();
      });
    });
  }

  private enqueue(step: () => RaftEffects | undefined): void {
    this.inputs.push(step);
    if (!this.isBusy) this.run();
  }

  private run(): void {
    if (this.isBusy) return;
    this.isBusy = true;
    for (let step = this.inputs.shift(); step !== undefined; step = this.inputs.shift()) {
      const carrying = this.take(step);
      if (carrying === undefined) continue;
      carrying.then(
        () => this.goOn(),
        (error: unknown) => {
          this.fail(error);
          this.goOn();
        },
      );
      return;
    }
    this.isBusy = false;
    this.armTimer();
  }

  /** Undefined: its effects are carried out, or cannot be. Turns that are left are taken then too, so that nobody waits for one for ever. */
  private take(step: () => RaftEffects | undefined): Promise<void> | undefined {
    try {
      const effects = step();
      return effects === undefined ? undefined : this.carryOut(effects);
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  private goOn(): void {
    this.isBusy = false;
    this.run();
  }

  private fail(error: unknown): void {
    if (this.isStopped) return;
    const { role, epoch } = this.machine;
    this.options.logger.error({ role, epoch, error: errorMessage(error), stack: error instanceof Error ? error.stack : undefined }, 'the metadata quorum cannot go on on this node');
    this.end();
    this.options.onFailure(error);
  }

  private armTimer(): void {
    if (this.isStopped) return;
    const atMs = this.machine.nextTickMs;
    if (atMs === this.timerAtMs) return;
    this.timer?.cancel();
    this.timerAtMs = atMs;
    if (!Number.isFinite(atMs)) return;
    this.timer = this.options.ports.scheduler.after(Math.max(0, atMs - this.nowMs()), () => {
      this.timerAtMs = Number.POSITIVE_INFINITY;
      void this.input(() => this.machine.tick(this.nowMs()));
    });
  }

  /** In the order of the fields. Undefined: all is done. */
  private carryOut(effects: RaftEffects): Promise<void> | undefined {
    const { persist, truncateTo, append, writeSnapshot } = effects;
    if (persist === null && truncateTo === null && writeSnapshot === null) {
      if (append !== null) this.options.store.append(append);
      return this.carryOutRest(effects);
    }
    return this.carryOutOnDisk(effects);
  }

  private async carryOutOnDisk(effects: RaftEffects): Promise<void> {
    const { store, stateFile } = this.options;
    const { persist, truncateTo, append, writeSnapshot } = effects;
    if (persist !== null) await stateFile.write(persist);
    if (truncateTo !== null) {
      this.options.logger.info({ truncateTo, logEndOffset: store.logEndOffset }, 'the metadata log parts from the leader of the quorum and is cut');
      this.committed.truncated(truncateTo);
      await store.log.truncateTo(truncateTo);
    }
    if (append !== null) store.append(append);
    if (writeSnapshot !== null) await this.writeSnapshot(writeSnapshot);
    await this.carryOutRest(effects);
  }

  private async writeSnapshot(chunk: SnapshotChunk): Promise<void> {
    const { store, logger } = this.options;
    await store.snapshots.receive(chunk);
    if (!chunk.isLast) return;
    const id: SnapshotId = { endOffset: chunk.snapshotId.offset, epoch: chunk.snapshotId.epoch };
    const content = store.snapshots.read(id);
    await this.committed.settled();
    await store.log.truncateFullyAndStartAt(id.endOffset);
    logger.info({ endOffset: id.endOffset, epoch: id.epoch }, 'metadata goes on from a snapshot of the leader');
    void this.committed.loadSnapshot(content, id);
    const voters = content.kRaftVersion > 0 ? content.voters : null;
    const sizeInBytes = chunk.position + chunk.bytes.length;
    // The very next input, whatever else waits.
    this.inputs.unshift(() => this.machine.snapshotInstalled({ snapshotId: chunk.snapshotId, sizeInBytes, kRaftVersion: content.kRaftVersion, voters }, this.nowMs()));
  }

  private carryOutRest(effects: RaftEffects): Promise<void> | undefined {
    const { flush, requests, answers, highWatermarkAdvancedTo, roleChanged, steppedDown, candidacy } = effects;
    if (flush !== null) this.flushSoon(flush);
    for (const it of requests) this.send(it);
    let reading: Promise<void>[] | undefined;
    for (const it of answers) {
      const pending = this.answer(it);
      if (pending !== undefined) (reading ??= []).push(pending);
    }
    if (highWatermarkAdvancedTo !== null) this.committed.advance(highWatermarkAdvancedTo);
    if (steppedDown !== null) this.tellStepDown(steppedDown);
    if (candidacy !== null) this.options.logger.info({ epoch: candidacy.leaderEpoch, reason: candidacy.reason }, 'this node stands for an election of the metadata quorum');
    if (roleChanged !== null) this.options.onRoleChange(roleChanged);
    if (effects.shutdownComplete) this.onShutdownComplete();
    return reading === undefined ? undefined : Promise.all(reading).then(() => undefined);
  }

  private tellStepDown({ leaderEpoch, reason, newer }: StepDown): void {
    const successor = newer === null ? {} : { newerEpoch: newer.leaderEpoch, leaderId: newer.leaderId };
    this.options.logger.info({ epoch: leaderEpoch, reason, ...successor }, 'this node leads the metadata quorum no longer');
  }

  /** One at a time, and the one behind it for all that came meanwhile. */
  private flushSoon(flush: LogFlush): void {
    if (this.flush !== undefined) {
      this.flush.next = flush;
      return;
    }
    this.flush = { running: flush, next: undefined };
    this.options.store.log.flush().then(
      () => {
        const next = this.flush?.next;
        this.flush = undefined;
        void this.input(() => this.machine.flushed(flush, this.nowMs()));
        if (next !== undefined) this.flushSoon(next);
      },
      (error: unknown) => this.fail(error),
    );
  }

  private send({ correlationId, destination, request }: OutboundRequest): void {
    const { machine, ports, decompressedBytesMax, requestTimeoutMs } = this.options;
    const isLong = request.api === 'fetch' || request.api === 'fetchSnapshot';
    const to = { endpoint: { host: destination.host, port: destination.port }, lane: isLong ? 'fetch' : 'quorum' };
    sendRaftRequest(request, (api, body) => this.peers.request(to, api, body, { timeoutMs: requestTimeoutMs }), { listenerName: machine.listenerName, codecs: ports.codecs, decompressedBytesMax }).then(
      (response) => void this.input(() => this.machine.response(correlationId, response, this.nowMs())),
      (error: unknown) => {
        const failure = hasCode(error, 'REQUEST_TIMED_OUT') ? 'timeout' : hasCode(error, 'KAFKA_UNSUPPORTED_VERSION') ? 'unsupported_version' : 'disconnected';
        void this.input(() => this.machine.requestFailed(correlationId, failure, this.nowMs()));
      },
    );
  }

  /** What an answer has of the log is read before the next input can cut it. */
  private answer({ requestId, answer }: InboundAnswer): Promise<void> | undefined {
    const { store } = this.options;
    const reply = (bytes: Uint8Array | undefined, sent: RaftAnswer = answer): void => {
      this.waiting.get(requestId)?.({ answer: sent, bytes });
      this.waiting.delete(requestId);
    };
    if (answer.api === 'fetch' && answer.read !== null) {
      const { fromOffset, upTo, maxBytes } = answer.read;
      const read = store.log.read({ offset: fromOffset, maxBytes, maxOffset: upTo, minOneBatch: true });
      if (read instanceof Promise) return read.then((it) => reply(it.bytes));
      reply(read.bytes);
      return undefined;
    }
    if (answer.api === 'fetchSnapshot' && answer.read !== null) {
      const chunk = store.snapshots.readChunk(answer.snapshotId, answer.position, answer.read.maxBytes);
      if (chunk === undefined) reply(undefined, { ...answer, errorCode: 'SNAPSHOT_NOT_FOUND', read: null });
      else reply(chunk.bytes, { ...answer, size: chunk.size });
      return undefined;
    }
    reply(undefined);
    return undefined;
  }
}
