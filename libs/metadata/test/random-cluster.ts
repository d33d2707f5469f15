import { randomUuid, type Uuid } from '@millrace/foundation';
import { errorName, type MetadataRecord } from '@millrace/protocol';
import { SeededRandom } from '@millrace/testkit';
import { Controller, DYNAMIC_BROKER_CONFIGS, SUPPORTED_FEATURES, type ControllerResult, type PartitionRegistration } from '../src/index.js';
import { CLUSTER_ID } from './test-cluster.js';

/** One operation, in the form that `ControllerJudge.java` reads. */
export interface Operation {
  readonly op: string;
  readonly nowMs: number;
  readonly offset: number;
  readonly [key: string]: unknown;
}

interface Process {
  incarnationId: Uuid;
  readonly logDirs: Uuid[];
  /** What the broker wrote down at its last orderly stop. */
  previousBrokerEpoch: number;
  /** What its heartbeats say; null at first. */
  cordonedLogDirs: Uuid[] | null;
  /** It stopped, and was fenced then. */
  wasStopped: boolean;
}

const OFFSETS_PER_OPERATION = 1000;
const TOPICS = ['a', 'b', 'c'];

/** A controller, and an endless stream of things that may happen to its cluster: each is carried out and told of. */
export class RandomCluster {
  nowMs = 1_000_000;
  readonly controller: Controller;
  readonly brokerIds: readonly number[];
  /** The records of the last operation. */
  records: readonly MetadataRecord[] = [];
  private readonly random: SeededRandom;
  private readonly uuids: { bytes: (length: number) => Uint8Array; integer: (bound: number) => number };
  private readonly processes = new Map<number, Process>();
  private offset = 0;

  constructor(
    seed: number,
    readonly hasEligibleReplicas: boolean,
    private metadataVersion = 25,
  ) {
    const random = new SeededRandom(seed);
    this.random = random;
    this.uuids = { bytes: (length) => Uint8Array.from({ length }, () => random.integer(256)), integer: (bound) => random.integer(bound) };
    this.brokerIds = Array.from({ length: 3 + random.integer(4) }, (_, id) => id);
    this.controller = new Controller({ clusterId: CLUSTER_ID, defaultPartitions: 1, defaultReplicationFactor: 1, brokerSessionTimeoutMs: 9000, leaderImbalanceCheckIntervalMs: 0, uncleanLeaderElectionIntervalMs: 0, staticBrokerConfigs: new Map(), dynamicBrokerConfigs: DYNAMIC_BROKER_CONFIGS });
    const levels = [['metadata.version', this.metadataVersion], ...(hasEligibleReplicas ? [['eligible.leader.replicas.version', 1]] : [])] as const;
    this.replay(levels.map(([name, featureLevel]) => ({ type: 'FeatureLevelRecord', version: 0, record: { name: String(name), featureLevel: Number(featureLevel) } })));
    this.controller.activate(this.nowMs);
  }

  get begin(): Operation {
    return { op: 'begin', nowMs: this.nowMs, offset: 0, clusterId: CLUSTER_ID, hasEligibleReplicas: this.hasEligibleReplicas, metadataVersion: this.metadataVersion };
  }

  /** The next operations, each with what our controller answered. */
  *step(): IterableIterator<{ readonly operation: Operation; readonly answer: readonly unknown[] }> {
    const image = this.controller.image;
    const missing = this.brokerIds.filter((id) => image.broker(id) === undefined);
    if (missing.length > 0 && this.random.integer(4) > 0) {
      const id = this.pick(missing);
      yield this.register(id, 'new');
      yield this.heartbeat(id);
      return;
    }
    if (image.brokers.size === 0) return;
    const id = this.pick([...image.brokers.keys()]);
    if (image.topics.size === 0) {
      yield this.create();
      return;
    }
    const dice = this.random.integer(100);
    if (dice < 25) yield this.propose();
    else if (dice < 33) yield this.heartbeat(id, { wantFence: this.random.integer(4) === 0 });
    else if (dice < 45) yield this.heartbeat(id, { wantShutDown: true, wantFence: this.random.integer(5) === 0 });
    else if (dice < 52) yield* this.restart(id);
    else if (dice < 57) yield* this.silence(id);
    else if (dice < 67) yield this.reassign();
    else if (dice < 70) yield this.run('listReassignments', {}, () => this.controllerReassignments());
    else if (dice < 74) yield this.elect();
    else if (dice < 77) yield this.run('tick', {}, () => this.tickAll());
    else if (dice < 79) yield this.config();
    else if (dice < 82) yield this.assignDirectory(id);
    else if (dice < 85) yield this.failDirectory(id);
    else if (dice < 87) yield this.create();
    else if (dice < 88) yield this.delete();
    else if (dice < 90) yield this.unregister(id);
    else if (dice < 93 && !this.hasReturned) yield this.place();
    else if (dice < 94) yield this.upgrade();
    else if (dice < 97) yield this.cordon(id);
    else if (dice < 98) yield this.cordonConfig(id);
    else {
      // Everyone who lives says so.
      for (const it of this.brokerIds) if (image.broker(it)?.isShuttingDown === false) yield this.heartbeat(it);
    }
  }

  private run(op: string, fields: Record<string, unknown>, work: (offset: number) => readonly unknown[]): { readonly operation: Operation; readonly answer: readonly unknown[] } {
    this.offset += OFFSETS_PER_OPERATION;
    const { offset } = this;
    this.records = [];
    const operation = { op, nowMs: this.nowMs, offset, ...fields };
    return { operation, answer: work(offset) };
  }

  private done<Response>(result: ControllerResult<Response>): Response {
    this.replay(result.records);
    return result.response;
  }

  private replay(records: readonly MetadataRecord[]): void {
    for (const record of records) this.controller.replay(record, Math.max(this.offset, this.controller.image.lastOffset + 1));
    this.records = [...this.records, ...records];
    for (const [id, process] of this.processes) {
      const broker = this.controller.image.broker(id);
      if (broker?.isFenced === true && broker.isShuttingDown) process.wasStopped = true;
    }
  }

  private register(id: number, kind: 'new' | 'clean' | 'unclean'): ReturnType<RandomCluster['run']> {
    let process = this.processes.get(id);
    if (process === undefined) {
      process = { incarnationId: '', logDirs: Array.from({ length: 1 + this.random.integer(2) }, () => randomUuid(this.uuids)), previousBrokerEpoch: -1, cordonedLogDirs: null, wasStopped: false };
      this.processes.set(id, process);
    }
    process.incarnationId = randomUuid(this.uuids);
    process.previousBrokerEpoch = kind === 'clean' ? (this.controller.image.broker(id)?.epoch ?? -1) : -1;
    const registering = process;
    const { incarnationId, logDirs, previousBrokerEpoch } = process;
    const request = {
      brokerId: id,
      clusterId: CLUSTER_ID,
      incarnationId,
      listeners: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0 }],
      features: SUPPORTED_FEATURES.map((it) => ({ ...it })),
      rack: null,
      isMigratingZkBroker: false,
      logDirs,
      previousBrokerEpoch,
    };
    return this.run('register', { brokerId: id, incarnationId, logDirs, previousBrokerEpoch }, (offset) => {
      const { errorCode = 0, brokerEpoch } = this.done(this.controller.registerBroker({ nowMs: this.nowMs, random: this.uuids }, request, offset));
      if (errorCode === 0) registering.wasStopped = false;
      return [errorCode === 0 ? brokerEpoch : errorName(errorCode)];
    });
  }

  private heartbeat(id: number, options: { wantFence?: boolean; wantShutDown?: boolean; offlineLogDirs?: Uuid[] } = {}): ReturnType<RandomCluster['run']> {
    const { wantFence = false, wantShutDown = false, offlineLogDirs = [] } = options;
    const cordonedLogDirs = this.processes.get(id)?.cordonedLogDirs ?? null;
    const isStale = this.random.integer(20) === 0;
    const brokerEpoch = (this.controller.image.broker(id)?.epoch ?? 0) - (isStale ? 1 : 0);
    const metadataOffset = this.random.integer(6) === 0 ? this.random.integer(this.offset + 1) : this.offset + OFFSETS_PER_OPERATION - 1;
    return this.run('heartbeat', { brokerId: id, brokerEpoch, metadataOffset, wantFence, wantShutDown, offlineLogDirs, cordonedLogDirs }, (offset) => {
      const request = { brokerId: id, brokerEpoch, currentMetadataOffset: metadataOffset, wantFence, wantShutDown, offlineLogDirs, cordonedLogDirs };
      const { errorCode = 0, isCaughtUp, isFenced, shouldShutDown } = this.done(this.controller.brokerHeartbeat({ nowMs: this.nowMs, random: this.uuids }, request, offset));
      return errorCode === 0 ? [isCaughtUp, isFenced, shouldShutDown] : [errorName(errorCode)];
    });
  }

  private *restart(id: number): IterableIterator<ReturnType<RandomCluster['run']>> {
    const isFenced = this.controller.image.broker(id)?.isFenced === true;
    yield this.register(id, isFenced && this.random.integer(2) === 0 ? 'clean' : 'unclean');
    yield this.heartbeat(id);
  }

  /** One broker is not heard of for longer than a session; the others are. */
  private *silence(id: number): IterableIterator<ReturnType<RandomCluster['run']>> {
    for (let i = 0; i < 3; i++) {
      this.nowMs += 4000;
      for (const it of this.brokerIds) if (it !== id && this.controller.image.broker(it)?.isFenced === false) yield this.heartbeatOf(it);
    }
    yield this.run('tick', {}, () => this.tickAll());
  }

  private heartbeatOf(id: number): ReturnType<RandomCluster['run']> {
    const brokerEpoch = this.controller.image.broker(id)?.epoch ?? 0;
    const metadataOffset = this.offset + OFFSETS_PER_OPERATION - 1;
    return this.run('heartbeat', { brokerId: id, brokerEpoch, metadataOffset, wantFence: false, wantShutDown: false, offlineLogDirs: [] }, (offset) => {
      const request = { brokerId: id, brokerEpoch, currentMetadataOffset: metadataOffset, wantFence: false, wantShutDown: false, offlineLogDirs: [], cordonedLogDirs: null };
      const { isCaughtUp, isFenced, shouldShutDown } = this.done(this.controller.brokerHeartbeat({ nowMs: this.nowMs, random: this.uuids }, request, offset));
      return [isCaughtUp, isFenced, shouldShutDown];
    });
  }

  private tickAll(): readonly unknown[] {
    for (let records = this.controller.tick(this.nowMs); records.length > 0; records = this.controller.tick(this.nowMs)) this.replay(records);
    return [];
  }

  private create(): ReturnType<RandomCluster['run']> {
    const topic = this.pick(TOPICS);
    const replicationFactor = 1 + this.random.integer(Math.min(4, this.brokerIds.length));
    const assignments = Array.from({ length: 1 + this.random.integer(3) }, () => this.shuffled(this.brokerIds).slice(0, replicationFactor));
    return this.run('create', { topic, assignments }, () => {
      const request = { topics: [{ name: topic, numPartitions: -1, replicationFactor: -1, assignments: assignments.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })), configs: [] }], timeoutMs: 1, validateOnly: false };
      return this.done(this.controller.createTopics({ nowMs: this.nowMs, random: this.uuids }, request)).topics.map((it) => errorName(it.errorCode ?? 0));
    });
  }

  /** Where replicas would go: each broker that may lead leads some of so many partitions. The topic is not made. */
  private place(): ReturnType<RandomCluster['run']> {
    const replicationFactor = 1 + this.random.integer(this.brokerIds.length);
    return this.run('place', { topic: 'placed', partitions: 60, replicationFactor }, () => {
      const topic = { name: 'placed', numPartitions: 60, replicationFactor, assignments: [], configs: [] };
      const { records, response } = this.controller.createTopics({ nowMs: this.nowMs, random: this.uuids }, { topics: [topic], timeoutMs: 1, validateOnly: false });
      const leaders = new Set(records.flatMap((it) => (it.type === 'PartitionRecord' ? [it.record.leader] : [])));
      const [answer] = response.topics;
      return [errorName(answer?.errorCode ?? 0), answer?.errorMessage ?? null, [...leaders].sort((a, b) => a - b)];
    });
  }

  private upgrade(): ReturnType<RandomCluster['run']> {
    this.metadataVersion = 30;
    return this.run('upgrade', { metadataVersion: 30 }, () => {
      this.replay([{ type: 'FeatureLevelRecord', version: 0, record: { name: 'metadata.version', featureLevel: 30 } }]);
      return [];
    });
  }

  /** A broker begins to say which of its directories are cordoned, or other ones. */
  private cordon(id: number): ReturnType<RandomCluster['run']> {
    const process = this.processes.get(id);
    if (process !== undefined) process.cordonedLogDirs = this.random.integer(2) === 0 ? [...process.logDirs] : process.logDirs.slice(0, this.random.integer(2));
    return this.heartbeat(id);
  }

  private cordonConfig(id: number): ReturnType<RandomCluster['run']> {
    const value = this.pick(['*', '/a', '/a,/b', ' /b , /a', '', null]);
    const isForwarded = this.random.integer(2) === 0;
    return this.run('cordonConfig', { brokerId: id, value, isForwarded }, () => {
      const configs = [{ name: 'cordoned.log.dirs', configOperation: value === null ? 1 : 0, value }];
      const request = { resources: [{ resourceType: 4, resourceName: String(id), configs }], validateOnly: false };
      return this.done(this.controller.incrementalAlterConfigs(request, { isForwarded })).responses.flatMap((it) => [errorName(it.errorCode ?? 0), it.errorMessage ?? null]);
    });
  }

  private delete(): ReturnType<RandomCluster['run']> {
    const topic = this.pick([...this.controller.image.topics.keys()]);
    return this.run('delete', { topic }, () => {
      this.done(this.controller.deleteTopics({ topics: [], topicNames: [topic], timeoutMs: 1 }));
      return [];
    });
  }

  /** A process that has stopped takes part again, which none does: Kafka places replicas on it, and then refuses them. */
  private get hasReturned(): boolean {
    return [...this.controller.image.brokers.values()].some((it) => !it.isFenced && it.isShuttingDown && this.processes.get(it.brokerId)?.wasStopped === true);
  }

  private unregister(id: number): ReturnType<RandomCluster['run']> {
    this.processes.delete(id);
    return this.run('unregister', { brokerId: id }, () => {
      const { errorCode = 0 } = this.done(this.controller.unregisterBroker(id));
      return errorCode === 0 ? [] : [errorName(errorCode)];
    });
  }

  /** A leader proposes an in-sync set; now and then it is wrong about something. */
  private propose(): ReturnType<RandomCluster['run']> {
    const { topic, partition: it } = this.anyPartition();
    const { image } = this.controller;
    const isWrong = (): boolean => this.random.integer(12) === 0;
    const brokerId = isWrong() || it.leader < 0 ? this.pick(this.brokerIds) : it.leader;
    const leaderEpoch = it.leaderEpoch + (isWrong() ? this.random.integer(3) - 1 : 0);
    const partitionEpoch = it.partitionEpoch + (isWrong() ? this.random.integer(3) - 1 : 0);
    const others = this.shuffled(it.replicas.filter((id) => id !== brokerId && (isWrong() || image.broker(id)?.isFenced === false)));
    const members = this.random.integer(3) === 0 ? others.slice(0, this.random.integer(others.length + 1)) : others;
    const isr = [...(isWrong() ? [] : [brokerId]), ...members].map((id) => [id, isWrong() ? 77 : isWrong() ? -1 : (image.broker(id)?.epoch ?? 5)] as const);
    const brokerEpoch = image.broker(brokerId)?.epoch ?? 3;
    const leaderRecoveryState = it.isRecovering && this.random.integer(2) === 0 ? 1 : isWrong() ? 1 : 0;
    const { partitionId } = it;
    return this.run('alter', { topic, partition: partitionId, brokerId, brokerEpoch, leaderEpoch, partitionEpoch, isr, leaderRecoveryState }, () => {
      const partition = { partitionIndex: partitionId, leaderEpoch, partitionEpoch, leaderRecoveryState, newIsr: [], newIsrWithEpochs: isr.map(([id, epoch]) => ({ brokerId: id, brokerEpoch: epoch })) };
      const response = this.done(this.controller.alterPartition({ brokerId, brokerEpoch, topics: [{ topicId: image.topic(topic)?.topicId ?? '', partitions: [partition] }] }));
      const [answer] = response.topics[0]?.partitions ?? [];
      return answer === undefined ? [errorName(response.errorCode ?? 0)] : [errorName(answer.errorCode ?? 0), answer.leaderId, answer.leaderEpoch, answer.partitionEpoch, answer.isr];
    });
  }

  private reassign(): ReturnType<RandomCluster['run']> {
    const { topic, partition: it } = this.anyPartition();
    const isCancel = this.random.integer(3) === 0;
    const size = this.random.integer(3) > 0 ? it.replicas.filter((id) => !it.removingReplicas.includes(id)).length : 1 + this.random.integer(4);
    const replicas = isCancel ? null : this.shuffled(this.brokerIds).slice(0, size);
    const allowReplicationFactorChange = this.random.integer(2) === 0;
    return this.run('reassign', { topic, partition: it.partitionId, replicas, allowReplicationFactorChange }, () => {
      const response = this.done(this.controller.alterPartitionReassignments({ timeoutMs: 1, allowReplicationFactorChange, topics: [{ name: topic, partitions: [{ partitionIndex: it.partitionId, replicas }] }] }));
      const [answer] = response.responses[0]?.partitions ?? [];
      const error = errorName(answer?.errorCode ?? 0);
      return [error, error.startsWith('INVALID') ? (answer?.errorMessage ?? null) : null];
    });
  }

  private controllerReassignments(): readonly unknown[] {
    const found = this.controller.listPartitionReassignments({ timeoutMs: 1, topics: null }).topics.flatMap((topic) => topic.partitions.map((it) => [`${topic.name}-${it.partitionIndex}`, [it.replicas, it.addingReplicas, it.removingReplicas]] as const));
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).flat();
  }

  private elect(): ReturnType<RandomCluster['run']> {
    const { topic } = this.anyPartition();
    const partitions = [0, 1, 2].slice(0, 1 + this.random.integer(3));
    const electionType = this.random.integer(3) === 0 ? 1 : 0;
    return this.run('elect', { topic, partitions, electionType }, () =>
      this.done(this.controller.electLeaders({ electionType, topicPartitions: [{ topic, partitions }], timeoutMs: 1 })).replicaElectionResults.flatMap((it) => it.partitionResult.map((result) => errorName(result.errorCode ?? 0))),
    );
  }

  private config(): ReturnType<RandomCluster['run']> {
    const isBroker = this.random.integer(4) === 0;
    const topic = isBroker ? '' : this.pick([...this.controller.image.topics.keys()]);
    const name = isBroker || this.random.integer(2) === 0 ? 'min.insync.replicas' : 'unclean.leader.election.enable';
    const current = this.controller.image.configs(isBroker ? 'BROKER' : 'TOPIC', topic).get(name);
    const values = (name === 'min.insync.replicas' ? ['1', '2', '3', null] : ['true', 'false', null]).filter((it) => it !== (current ?? null));
    const value = this.pick(values);
    return this.run('config', { topic, name, value }, () => {
      const configs = [{ name, configOperation: value === null ? 1 : 0, value }];
      return this.done(this.controller.incrementalAlterConfigs({ resources: [{ resourceType: isBroker ? 4 : 2, resourceName: topic, configs }], validateOnly: false })).responses.map((it) => errorName(it.errorCode ?? 0));
    });
  }

  private assignDirectory(id: number): ReturnType<RandomCluster['run']> {
    const { topic, partition: it } = this.anyPartition();
    const broker = this.controller.image.broker(id);
    const known = this.processes.get(id)?.logDirs ?? [];
    const directory = this.random.integer(6) === 0 || known.length === 0 ? 'AAAAAAAAAAAAAAAAAAAAAg' : this.pick(known);
    const brokerEpoch = broker?.epoch ?? 0;
    return this.run('assignDirectory', { brokerId: id, brokerEpoch, directory, topic, partition: it.partitionId }, () => {
      const topicId = this.controller.image.topic(topic)?.topicId ?? '';
      const response = this.done(this.controller.assignReplicasToDirectories({ brokerId: id, brokerEpoch, directories: [{ id: directory, topics: [{ topicId, partitions: [{ partitionIndex: it.partitionId }] }] }] }));
      return response.directories.flatMap((one) => one.topics.flatMap((other) => other.partitions.map((result) => errorName(result.errorCode ?? 0))));
    });
  }

  private failDirectory(id: number): ReturnType<RandomCluster['run']> {
    const { logDirs = [], isFenced } = this.controller.image.broker(id) ?? {};
    // Kafka makes a broker that is unfenced at the same moment the leader of what is on its failed disk.
    return this.heartbeat(id, { offlineLogDirs: logDirs.length > 1 && isFenced === false ? [this.pick(logDirs)] : [] });
  }

  private anyPartition(): { readonly topic: string; readonly partition: PartitionRegistration } {
    const topic = this.pick([...this.controller.image.topics.values()]);
    return { topic: topic.name, partition: this.pick(topic.partitions) };
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.random.integer(from.length)] as T;
  }

  private shuffled<T>(from: readonly T[]): T[] {
    const left = [...from];
    return Array.from({ length: left.length }, () => left.splice(this.random.integer(left.length), 1)).flat();
  }
}
