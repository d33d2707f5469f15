import { ZERO_UUID, type LeaderEpoch, type Offset, type PartitionEpoch, type Uuid } from '@millrace/foundation';
import { coordinatorPartitionFor } from '@millrace/coordinator';
import type { MetadataImage } from '@millrace/metadata';
import type { SimulatedBroker } from '../cluster/simulated-broker.js';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { World } from '../world.js';
import { BrokerAnswers } from './broker-answers.js';
import { keyOf, viewOf, type BrokerView, type HostedReplica } from './broker-view.js';
import { CommittedLog } from './committed-log.js';
import { CutLogs } from './cut-logs.js';
import { InSyncMembers } from './in-sync-members.js';
import { LogObserver, type ObservedBatch } from './log-observer.js';
import { METADATA_FOLDER, MetadataHistory } from './metadata-history.js';
import { checkSequences } from './producer-sequences.js';
import { QuorumVoters } from './quorum-voters.js';
import { QuorumVotes } from './quorum-votes.js';
import { ReplicaProgress } from './replica-progress.js';
import { SupersededAppends } from './superseded-appends.js';
import { ToldOffsets } from './told-offsets.js';
import { WireTap } from './wire-tap.js';

const EVERY_MS = 500;
const GROUPS_TOPIC = '__consumer_offsets';

/** What a machine had when its process ended. */
interface Remains {
  readonly atMs: number;
  readonly logs: ReadonlyMap<string, readonly ObservedBatch[]>;
  /** By folder: what must be there when it comes back. */
  readonly durableEnd: ReadonlyMap<string, Offset>;
}

/** Looks into the living brokers, and at the disks of all, again and again; and at each answer that leaves a broker. */
export class ClusterProbe {
  readonly votes: QuorumVotes;
  private readonly history: MetadataHistory;
  private readonly members: InSyncMembers;
  private readonly answers: BrokerAnswers;
  private readonly voters: QuorumVoters;
  private readonly observers = new Map<SimulatedBroker, LogObserver>();
  /** By topic id and partition, and the metadata log. */
  private readonly committed = new Map<string, CommittedLog>();
  private readonly progress: ReplicaProgress;
  private readonly remains = new Map<SimulatedBroker, Remains>();
  private isOver = false;

  constructor(private readonly world: World, private readonly cluster: SimulatedCluster) {
    this.progress = new ReplicaProgress(world);
    this.history = new MetadataHistory(world);
    const observerOf = (node: SimulatedBroker): LogObserver => this.observerOf(node);
    this.members = new InSyncMembers({ world, cluster, history: this.history, observerOf });
    const tap = new WireTap(world);
    this.votes = new QuorumVotes(world, cluster, tap);
    this.voters = new QuorumVoters({ world, cluster, votes: this.votes, tap, observerOf, expectComplete: (who, log) => this.expectCompleteMetadata(who, log) });
    this.answers = new BrokerAnswers({ world, tap, history: this.history, hostedOn: (...which) => this.hostedOn(...which), onAcknowledged: (...which) => this.acknowledged(...which) });
    // They live by what they hear.
    void new SupersededAppends(world, cluster);
    void new ToldOffsets({ world, tap, replicaOf: (host, groupId) => this.replicaOf(host, groupId) });
    const cuts = new CutLogs({ world, observerOf, committedOf: (hosted) => this.committedOf(keyOf(hosted), `${hosted.topic}-${hosted.partition}`), beforeMetadataCut: () => this.lookAtMetadata() });
    for (const broker of cluster.brokers) {
      broker.onEnd = (how) => this.noteRemains(broker, how);
      broker.onUp = () => this.checkRemains(broker);
      cuts.watch(broker);
    }
  }

  start(): void {
    this.world.loop.schedule(EVERY_MS, 'probe', () => {
      if (this.isOver) return;
      this.look();
      this.start();
    });
  }

  finish(): void {
    this.look();
    this.isOver = true;
    for (const { name, batches } of this.committed.values()) if (!name.startsWith('__')) checkSequences(this.world, name, batches);
  }

  get voterChanges(): number {
    return this.voters.changeCount;
  }

  /** Every broker is up and every replica in sync. */
  isAllInSync(): boolean {
    if (!this.cluster.isAllUp) return false;
    const image = this.latestImage();
    if (image === undefined) return false;
    return [...image.topics.values()].every((topic) => topic.partitions.every((it) => it.isr.length === it.replicas.length && it.leader >= 0));
  }

  /** For a reader who wonders why nothing goes on. */
  situation(): string {
    const image = this.latestImage();
    const partitions = [...(image?.topics.values() ?? [])].flatMap((topic) => topic.partitions.map((it) => `${topic.name}-${it.partitionId} leader ${it.leader} epoch ${it.leaderEpoch} isr ${it.isr.join('/')}`));
    return [...this.cluster.brokers.map((it) => `${it.host} ${it.state}`), ...partitions].join(', ');
  }

  private latestImage(): MetadataImage | undefined {
    let latest: MetadataImage | undefined;
    for (const { broker } of this.cluster.brokers) {
      const image = broker === undefined ? undefined : viewOf(broker)?.image;
      if (image !== undefined && (latest === undefined || image.lastOffset > latest.lastOffset)) latest = image;
    }
    return latest;
  }

  private look(): void {
    this.readHistory();
    for (const [node, view] of this.views()) {
      const logs = this.observerOf(node).look();
      const who = node.process?.name ?? node.host;
      this.metadata.compare(who, logs.get(METADATA_FOLDER) ?? [], view.image.lastOffset + 1);
      for (const hosted of view.partitions) this.lookAt(node, who, hosted, logs);
    }
    this.answers.look();
    this.voters.look();
  }

  private *views(): Iterable<readonly [SimulatedBroker, BrokerView]> {
    for (const node of this.cluster.brokers) {
      const view = node.broker === undefined || !node.isUp ? undefined : viewOf(node.broker);
      if (view !== undefined) yield [node, view];
    }
  }

  private get metadata(): CommittedLog {
    return this.committedOf(METADATA_FOLDER, METADATA_FOLDER);
  }

  private lookAtMetadata(): void {
    this.readHistory();
    for (const [node, view] of this.views()) this.metadata.compare(node.process?.name ?? node.host, this.observerOf(node).lookAt(METADATA_FOLDER), view.image.lastOffset + 1);
  }

  /** Invariant 16. */
  private expectCompleteMetadata(who: string, log: readonly ObservedBatch[]): void {
    this.lookAtMetadata();
    // All of it may stand in a snapshot.
    if (log.length > 0) this.metadata.expectComplete(who, log, 0, 16);
  }

  /** From whoever has read furthest: a broker may act on a change that the one that is looked at does not know yet. */
  private readHistory(): void {
    for (const [node, view] of this.views()) this.history.read(node.disk, view.image.lastOffset + 1);
    let latest: MetadataImage | undefined;
    for (const [, { image }] of this.views()) if (latest === undefined || image.lastOffset > latest.lastOffset) latest = image;
    if (latest !== undefined) this.history.beginAnewAt(latest);
  }

  /** A broker answers a produce request with acks=all. */
  private acknowledged(node: SimulatedBroker, hosted: HostedReplica, baseOffset: Offset, askedAt: PartitionEpoch): void {
    this.readHistory();
    this.members.look(node, hosted, keyOf(hosted));
    this.members.acknowledges(node, hosted, baseOffset, askedAt);
    const name = `${hosted.topic}-${hosted.partition}`;
    this.committedOf(keyOf(hosted), name).compare(node.process?.name ?? node.host, this.observerOf(node).lookAt(name), hosted.machine.highWatermark);
  }

  private hostedOn(host: string, topicId: Uuid, topic: string, partition: number): { readonly node: SimulatedBroker; readonly hosted: HostedReplica } | undefined {
    const node = this.cluster.brokers.find((it) => it.host === host);
    const view = node?.broker === undefined ? undefined : viewOf(node.broker);
    const hosted = view?.partitions.find((it) => it.partition === partition && (topicId === ZERO_UUID ? it.topic === topic : it.topicId === topicId));
    return node === undefined || hosted === undefined ? undefined : { node, hosted };
  }

  private replicaOf(host: string, groupId: string): { readonly node: SimulatedBroker; readonly hosted: HostedReplica } | undefined {
    const broker = this.cluster.brokers.find((it) => it.host === host)?.broker;
    const count = broker === undefined ? undefined : viewOf(broker)?.image.topic(GROUPS_TOPIC)?.partitions.length;
    return count === undefined ? undefined : this.hostedOn(host, ZERO_UUID, GROUPS_TOPIC, coordinatorPartitionFor(groupId, count));
  }

  /** Nobody leads in a newer epoch, as far as the leaders say that were looked at and the controllers have committed: who leads no more may not know it yet. */
  private isLatestEpoch(key: string, leaderEpoch: LeaderEpoch): boolean {
    return this.progress.isLatestEpoch(key, leaderEpoch) && (this.history.latest(key)?.leaderEpoch ?? leaderEpoch) <= leaderEpoch;
  }

  private lookAt(node: SimulatedBroker, who: string, hosted: HostedReplica, logs: ReadonlyMap<string, readonly ObservedBatch[]>): void {
    const { machine } = hosted;
    if (machine.role === 'offline' || machine.role === 'idle') return;
    const name = `${hosted.topic}-${hosted.partition}`;
    const key = keyOf(hosted);
    this.progress.look({ who, node: node.brokerId, key, name, hosted });
    const log = logs.get(name) ?? [];
    const isLatestLeader = machine.role === 'leader' && this.isLatestEpoch(key, machine.leaderEpoch);
    if (isLatestLeader) this.members.look(node, hosted, key);
    const committed = this.committedOf(key, name);
    committed.compare(who, log, machine.highWatermark);
    if (isLatestLeader) committed.expectComplete(who, log, hosted.log.logStartOffset);
  }

  /** Of a process that ended before it served, nothing is known: neither what it had, nor what it cut off. */
  private noteRemains(node: SimulatedBroker, how: 'kill' | 'power' | 'stop' | 'failure'): void {
    if (how === 'power') this.members.powerLost(node);
    this.remains.delete(node);
    const view = node.broker === undefined || !node.isUp ? undefined : viewOf(node.broker);
    if (view === undefined) return;
    const logs = new Map([...this.observerOf(node).look()].map(([folder, batches]) => [folder, [...batches]] as const));
    const durableEnd = new Map<string, Offset>();
    for (const { topic, partition, log } of view.partitions) durableEnd.set(`${topic}-${partition}`, how === 'power' || how === 'failure' ? log.recoveryPoint : log.logEndOffset);
    this.remains.set(node, { atMs: this.world.loop.nowMs, logs, durableEnd });
  }

  /** Invariant 26: what is there again is a prefix of what was appended, with everything in it that was synced (or, when only the process died, written). */
  private checkRemains(node: SimulatedBroker): void {
    const before = this.remains.get(node);
    this.remains.delete(node);
    const view = node.broker === undefined ? undefined : viewOf(node.broker);
    if (before === undefined || view === undefined) return;
    const logs = this.observerOf(node).look();
    this.readHistory();
    for (const hosted of view.partitions) {
      // Deleted by order of the controllers, and made anew.
      if (this.history.isRemovedSince(keyOf(hosted), node.brokerId, before.atMs)) continue;
      const folder = `${hosted.topic}-${hosted.partition}`;
      const end = before.durableEnd.get(folder) ?? 0;
      // With other replicas, what was not committed may have been cut off by now, and rightly.
      const committed = this.cluster.brokers.length === 1 ? undefined : this.committedOf(keyOf(hosted), folder);
      const now = new Map((logs.get(folder) ?? []).map((it) => [it.baseOffset, it]));
      const missing = (before.logs.get(folder) ?? []).find((it) => it.lastOffset < end && it.baseOffset >= hosted.log.logStartOffset && committed?.has(it) !== false && now.get(it.baseOffset)?.crc !== it.crc);
      if (missing !== undefined) this.world.breach(26, `${node.host}, ${folder}: batch ${missing.baseOffset}-${missing.lastOffset} was durable below ${end} and is not there after the restart`);
    }
  }

  private observerOf(node: SimulatedBroker): LogObserver {
    let observer = this.observers.get(node);
    if (observer === undefined) this.observers.set(node, (observer = new LogObserver(node.disk)));
    return observer;
  }

  private committedOf(key: string, name: string): CommittedLog {
    let committed = this.committed.get(key);
    if (committed === undefined) this.committed.set(key, (committed = new CommittedLog(this.world, name)));
    return committed;
  }
}
