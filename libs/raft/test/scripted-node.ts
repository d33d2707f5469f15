import { ZERO_UUID } from '@millrace/foundation';
import {
  NO_RAFT_EFFECTS,
  RaftMachine,
  staticVoters,
  type FetchAnswer,
  type FetchedBatch,
  type FetchRequest,
  type FetchResponse,
  type LogFlush,
  type QuorumState,
  type RaftAnswer,
  type RaftEffects,
  type RaftMachineOptions,
  type RaftOutboundRequest,
  type RaftRequest,
  type VoteRequest,
  type VoteResponse,
} from '../src/index.js';
import { SimulatedLog, type Entry } from './simulated-log.js';
import { endpointsOf, LISTENER, voterOf } from './simulated-node.js';

export const DIRECTORIES = [1, 2, 3, 4].map((id) => `dir${id}`.padEnd(22, 'A'));
export const directoryOf = (id: number): string => DIRECTORIES[id - 1] ?? ZERO_UUID;

/** Node 1 of the voters 1, 2 and 3, its log in memory, told by a test what happens. Flushes wait until the test says so. */
export class ScriptedNode {
  readonly log = new SimulatedLog();
  readonly machine: RaftMachine;
  nowMs = 0;
  last: RaftEffects = NO_RAFT_EFFECTS;
  private flush: LogFlush | null = null;
  private lastRequestId = 0;

  constructor(options: { readonly isDynamic?: boolean; readonly quorumState?: QuorumState; readonly epochs?: readonly number[]; readonly nodeId?: number; readonly voterIds?: readonly number[]; readonly log?: readonly Entry[]; readonly isJoiningByItself?: boolean; readonly formerDirectory?: string } = {}) {
    const { log } = this;
    const nodeId = options.nodeId ?? 1;
    const voterIds = options.voterIds ?? [1, 2, 3];
    for (const epoch of options.epochs ?? []) log.append({ epoch, value: 0, control: null });
    for (const entry of options.log ?? []) log.append(entry);
    const isDynamic = options.isDynamic ?? false;
    const addresses = voterIds.map((id) => ({ id, host: `${id}`, port: 9093 }));
    const machineOptions: RaftMachineOptions = {
      nodeId,
      directoryId: directoryOf(nodeId),
      clusterId: 'cluster',
      listenerName: LISTENER,
      localListeners: endpointsOf(nodeId),
      canBecomeVoter: true,
      isJoiningByItself: options.isJoiningByItself ?? false,
      bootstrapServers: addresses,
      staticVoters: isDynamic ? [] : staticVoters(addresses, LISTENER),
      log: { logStartOffset: 0, logEndOffset: log.endOffset, lastEpoch: log.lastEpoch, snapshots: [], epochs: log },
      control: isDynamic ? { voterSets: [{ offset: -1, voters: voterIds.map((id) => voterOf(id, id === nodeId && options.formerDirectory !== undefined ? options.formerDirectory : directoryOf(id))) }, ...votersIn(log)], kRaftVersions: [{ offset: -1, kRaftVersion: 1 }] } : { voterSets: [], kRaftVersions: [] },
      quorumState: options.quorumState ?? null,
      random: { integer: () => 0 },
    };
    this.machine = new RaftMachine(machineOptions);
    this.carryOut(this.machine.start(0));
  }

  /** Time goes by. */
  pass(ms: number): RaftEffects {
    this.nowMs += ms;
    return this.carryOut(this.machine.tick(this.nowMs));
  }

  /** Another input. */
  run(input: (machine: RaftMachine, nowMs: number) => RaftEffects): RaftEffects {
    return this.carryOut(input(this.machine, this.nowMs));
  }

  /** Hears a request; returns the answer when there is one at once. */
  hear(request: RaftRequest): RaftAnswer | null {
    const requestId = ++this.lastRequestId;
    this.carryOut(this.machine.request(requestId, request, this.nowMs));
    return this.last.answers.find((it) => it.requestId === requestId)?.answer ?? null;
  }

  /** Answers the last request that went to `nodeId`. */
  reply(nodeId: number, response: Parameters<RaftMachine['response']>[1]): RaftEffects {
    const sent = this.sent.get(nodeId);
    if (sent === undefined) throw new Error(`nothing was sent to ${nodeId}`);
    return this.carryOut(this.machine.response(sent.correlationId, response, this.nowMs));
  }

  /** The last request that went to a node. */
  readonly sent = new Map<number, { readonly correlationId: number; readonly request: RaftOutboundRequest }>();

  flushAll(): RaftEffects {
    if (this.flush === null) throw new Error('nothing to flush');
    return this.carryOut(this.machine.flushed(this.flush, this.nowMs));
  }

  appendRecords(count: number): RaftEffects {
    for (let i = 0; i < count; i++) this.log.append({ epoch: this.machine.epoch, value: 0, control: null });
    return this.carryOut(this.machine.appended(this.log.endOffset, this.nowMs));
  }

  /** Wins the election with the vote of `voterId`, and has its first record durable. */
  becomeLeader(voterId = 2): this {
    this.pass(1000);
    this.reply(voterId, granted(this.machine.epoch));
    this.reply(voterId, granted(this.machine.epoch));
    this.flushAll();
    return this;
  }

  fetchBy(replicaId: number, fetchOffset: number, more: Partial<FetchRequest> = {}): FetchAnswer | null {
    const request: FetchRequest = {
      api: 'fetch',
      clusterId: 'cluster',
      replicaId,
      replicaDirectoryId: directoryOf(replicaId),
      maxWaitMs: 500,
      maxBytes: 1000,
      currentLeaderEpoch: this.machine.epoch,
      fetchOffset,
      lastFetchedEpoch: Math.max(0, this.log.epochBefore(fetchOffset)),
      highWatermark: undefined,
      ...more,
    };
    const answer = this.hear(request);
    return answer?.api === 'fetch' ? answer : null;
  }

  private carryOut(effects: RaftEffects): RaftEffects {
    this.last = effects;
    const { log } = this;
    if (effects.truncateTo !== null) log.truncate(effects.truncateTo);
    if (effects.append?.kind === 'control') for (const control of effects.append.records) log.append({ epoch: effects.append.leaderEpoch, value: 0, control });
    if (effects.append?.kind === 'fetched') for (const batch of effects.append.batches) log.append({ epoch: batch.leaderEpoch, value: 0, control: batch.control[0]?.record ?? null });
    if (effects.flush !== null) this.flush = effects.flush;
    for (const { destination, correlationId, request } of effects.requests) this.sent.set(destination.id, { correlationId, request });
    return effects;
  }
}

function votersIn(log: SimulatedLog): RaftMachineOptions['control']['voterSets'] {
  return log.entries.flatMap(({ control }, offset) => (control?.type === 'voters' ? [{ offset, voters: control.voters }] : []));
}

export function vote(more: Partial<VoteRequest>): VoteRequest {
  return { api: 'vote', clusterId: 'cluster', voterId: -1, replicaEpoch: 1, replicaId: 2, replicaDirectoryId: directoryOf(2), voterDirectoryId: ZERO_UUID, lastOffsetEpoch: 0, lastOffset: 0, preVote: false, ...more };
}

export function granted(leaderEpoch: number, voteGranted = true): VoteResponse {
  return { api: 'vote', topLevelError: 'NONE', errorCode: 'NONE', leaderId: -1, leaderEpoch, leaderEndpoints: [], voteGranted };
}

export function fetched(leaderId: number, leaderEpoch: number, more: Partial<FetchResponse> = {}): FetchResponse {
  return { api: 'fetch', topLevelError: 'NONE', errorCode: 'NONE', leaderId, leaderEpoch, leaderEndpoints: endpointsOf(leaderId), highWatermark: -1, logStartOffset: 0, divergingEpoch: null, snapshotId: null, batches: [], ...more };
}

export function batch(baseOffset: number, leaderEpoch: number, count = 1): FetchedBatch {
  return { baseOffset, lastOffset: baseOffset + count - 1, leaderEpoch, bytes: new Uint8Array(0), control: [] };
}
