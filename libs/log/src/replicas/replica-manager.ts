import { errorMessage, hasCode, OperationalError, type BrokerEpoch, type BrokerId, type Clock, type Codecs, type Logger, type Offset, type Uuid } from '@millrace/foundation';
import { directoryOf, isActive, type LocalChanges, type LocalPartition, type MetadataImage, type PartitionRegistration, type TopicImage } from '@millrace/metadata';
import { PartitionMachine } from '@millrace/partition';
import type { ErrorName } from '@millrace/protocol';
import type { CheckpointedOffset, LogDirectory, PartitionLog } from '@millrace/storage';
import type { ControllerChannel } from '../controller/controller-channel.js';
import type { TopicSettings } from '../config/topic-settings.js';
import { isStorageFailure } from '../storage-failure.js';
import { FetchSessions } from './fetch-sessions.js';
import type { ReplicaPlace } from './directory-assignments.js';
import { HostedPartition, type PartitionBroker } from './hosted-partition.js';
import type { LogDirectoryMover, MovedPartitions } from './log-directory-mover.js';
import { ReadAheadBudget } from './read-ahead.js';
import { ReplicaPlacement, type FuturePlace } from './replica-placement.js';
import { NO_TRAFFIC, partitionMetrics, replicaTotals, withTraffic } from './replica-metrics.js';
import type { Replication } from './replication.js';
import type { ReplicaMetrics } from '../broker-metrics.js';

const READ_AHEAD_BYTES_MAX = 32 * 1024 * 1024;

export interface ReplicaManagerOptions {
  readonly brokerId: BrokerId;
  readonly directories: readonly LogDirectory[];
  /** Log directories that could not be opened at the start. */
  readonly unreadableFolders: readonly string[];
  /** Of a directory that gets no new replicas while there is another (KIP-1066). */
  readonly isCordoned: (directory: LogDirectory) => boolean;
  readonly image: MetadataImage;
  readonly settingsOf: (topic: string) => TopicSettings;
  readonly replication: Replication;
  readonly replicaLagTimeMaxMs: number;
  readonly decompressedBytesMax: number;
  readonly clock: Clock;
  readonly codecs: Codecs;
  readonly logger: Logger;
}

const NO_BROKERS: ReadonlySet<BrokerId> = new Set();

/** A log directory with what this broker hosts in it. */
export interface HostedDirectory {
  readonly path: string;
  readonly isOffline: boolean;
  /** Gets no new replicas. */
  readonly isCordoned: boolean;
  readonly partitions: readonly HostedPartition[];
  /** Logs that are to take the place of a partition's log in another directory. */
  readonly futures: readonly { readonly hosted: HostedPartition; readonly log: PartitionLog }[];
}

/** The partitions that this broker hosts, and where: follows the metadata image, and finds them for requests. */
export class ReplicaManager {
  private readonly hostedByTopicId = new Map<Uuid, (HostedPartition | undefined)[]>();
  private readonly directoryOf = new Map<HostedPartition, LogDirectory>();
  private readonly placement: ReplicaPlacement;
  /** Between the log directories of this broker. */
  readonly mover: LogDirectoryMover;
  /** Partitions whose log could not be opened. They are tried again now and then: a disk that was full may have room. */
  private readonly broken = new Map<string, LocalPartition>();
  private readonly readAheadBudget = new ReadAheadBudget(READ_AHEAD_BYTES_MAX);
  private readonly lettingGo: ((hosted: HostedPartition) => Promise<void>)[] = [];
  private readonly partitionBroker: PartitionBroker = {
    proposeIsr: (hosted, proposal) => this.replication.proposals.submit(hosted, proposal),
    beforeTruncation: (hosted, offset) => this.letGoOf(hosted, offset),
  };
  /** Of partitions that are gone: totals of the broker never fall. */
  private gone = NO_TRAFFIC;

  /** Of followers that fetch from here. */
  readonly fetchSessions: FetchSessions;

  constructor(private readonly options: ReplicaManagerOptions) {
    this.fetchSessions = new FetchSessions(options.clock, { find: (topicId, partition) => this.byId(topicId, partition) });
    this.placement = new ReplicaPlacement(options);
    this.mover = options.replication.makeMover(options.directories.length, this.movedPartitions());
  }

  get replication(): Replication {
    return this.options.replication;
  }

  /** The epoch that the controller gave this broker at its registration, and again when it registers anew. */
  setBrokerEpoch(brokerEpoch: BrokerEpoch): void {
    this.replication.brokerEpoch = brokerEpoch;
    for (const it of this.all()) it.machine.brokerEpoch = brokerEpoch;
  }

  /**
   * For who works on closed segments beside the partition, and would put back what a cut takes away. Before a log is cut `letGo` is called, in the same turn in which the partition begins to
   * say `isTruncating`; the cut, and with it every change of role, waits until it resolves. It must not reject. The same before the partition moves to another directory.
   */
  beforeEachCut(letGo: (hosted: HostedPartition) => Promise<void>): void {
    this.lettingGo.push(letGo);
  }

  /** Before the first partition is taken up. `channel`: the way to the controller. */
  start(channel: ControllerChannel): void {
    this.replication.start(channel, {
      tick: () => {
        for (const it of this.all()) it.tick();
      },
      checkpointHighWatermarks: () => this.checkpointHighWatermarks(),
    });
  }

  /** Nothing is fetched from leaders any more, and nothing proposed. */
  async stop(): Promise<void> {
    await this.replication.stop();
    await this.mover.stop();
    for (const it of this.all()) await it.settled();
  }

  /** The partition, or the error to answer when it is not here (any more, or yet). */
  byName(topic: string, partition: number): HostedPartition | ErrorName {
    const image = this.options.image.topic(topic);
    return image === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : this.find(image, partition);
  }

  byId(topicId: Uuid, partition: number): HostedPartition | ErrorName {
    const image = this.options.image.topicById(topicId);
    return image === undefined ? 'UNKNOWN_TOPIC_ID' : this.find(image, partition);
  }

  *all(): Generator<HostedPartition> {
    for (const partitions of this.hostedByTopicId.values()) for (const it of partitions) if (it !== undefined) yield it;
  }

  /** Undefined once the partition was dropped. */
  directoryHolding(hosted: HostedPartition): LogDirectory | undefined {
    return this.directoryOf.get(hosted);
  }

  isOffline(topicId: Uuid, partition: number): boolean {
    return this.hostedByTopicId.get(topicId)?.[partition]?.machine.role === 'offline' || this.broken.has(brokenKey(topicId, partition));
  }

  logDirectories(): HostedDirectory[] {
    const unreadable = this.options.unreadableFolders.map((path) => ({ path, isOffline: true, isCordoned: false, partitions: [], futures: [] }));
    const known = this.options.directories.map((directory) => ({
      path: directory.folder,
      isOffline: directory.offlineCause !== undefined,
      isCordoned: this.options.isCordoned(directory),
      partitions: [...this.all()].filter((it) => this.directoryOf.get(it) === directory),
      futures: this.mover.futuresIn(directory),
    }));
    return [...known, ...unreadable];
  }

  /**
   * The replica shall be in the log directory with this path (AlterReplicaLogDirs). Resolves when its move has begun, or was called off because it is there. One that is not here yet is answered
   * REPLICA_NOT_AVAILABLE, and is made there when it comes.
   */
  async moveTo(path: string, topic: string, partition: number): Promise<ErrorName | null> {
    const { directories, unreadableFolders } = this.options;
    if (unreadableFolders.includes(path)) return 'KAFKA_STORAGE_ERROR';
    const target = directories.find((it) => it.folder === path);
    if (target === undefined) return 'LOG_DIR_NOT_FOUND';
    if (target.offlineCause !== undefined) return 'KAFKA_STORAGE_ERROR';
    if (this.options.isCordoned(target)) return 'INVALID_REPLICA_ASSIGNMENT';
    const hosted = this.byName(topic, partition);
    if (typeof hosted === 'string') {
      if (hosted === 'KAFKA_STORAGE_ERROR') return hosted;
      this.placement.prefer({ topic, partition }, target);
      return hosted === 'NOT_LEADER_OR_FOLLOWER' ? 'REPLICA_NOT_AVAILABLE' : hosted;
    }
    if (hosted.machine.role === 'offline') return 'KAFKA_STORAGE_ERROR';
    // A future log of the partition may lie in a directory that cannot be read.
    if (this.directoryOf.get(hosted) !== target && (unreadableFolders.length > 0 || directories.some((it) => it.offlineCause !== undefined))) return 'KAFKA_STORAGE_ERROR';
    try {
      await this.mover.move(hosted, target);
      return null;
    } catch (error) {
      if (hasCode(error, 'INVALID_TOPIC_EXCEPTION')) return 'INVALID_TOPIC_EXCEPTION';
      if (!isStorageFailure(error)) throw error;
      this.options.logger.error({ topic, partition, error: errorMessage(error) }, 'move of a replica cannot begin');
      return 'KAFKA_STORAGE_ERROR';
    }
  }

  /** Folders that no topic of the image owns: left alone, and told. */
  reportStrays(): void {
    const { image, logger } = this.options;
    for (const stray of this.placement.strays((topicId) => image.topicById(topicId) !== undefined)) logger.warn(stray, 'folder belongs to no topic of this cluster and is left alone');
  }

  /** Takes up what the image says as a whole: at the start. */
  async applyImage(): Promise<void> {
    const { image, brokerId } = this.options;
    const mine = [...image.topics.values()].flatMap((topic) => topic.partitions.filter((it) => it.replicas.includes(brokerId)).map((partition) => ({ topic, partition })));
    const [leading, following] = [mine.filter((it) => it.partition.leader === brokerId), mine.filter((it) => it.partition.leader !== brokerId)];
    await this.apply({ deletedTopics: [], removed: [], leading, following });
  }

  get hasBroken(): boolean {
    return this.broken.size > 0;
  }

  /** Partitions whose log could not be opened, once more. In turn with `apply`. */
  async openBroken(): Promise<void> {
    const { image } = this.options;
    const assigned = [...this.broken.values()].flatMap(({ topic: { topicId }, partition: { partitionId } }) => {
      const topic = image.topicById(topicId);
      const partition = topic?.partitions[partitionId];
      return topic === undefined || partition === undefined ? [] : [{ topic, partition }];
    });
    await this.apply({ deletedTopics: [], removed: [], leading: assigned, following: [] });
  }

  /** These partitions are to be led in other epochs from now on: what `apply` will do takes its turn, but nothing is appended in the old ones. */
  supersede(partitions: readonly LocalPartition[]): void {
    for (const { topic, partition } of partitions) this.hosted(topic.topicId, partition.partitionId)?.machine.superseded(partition.leaderEpoch);
  }

  /** Follows a change of the image: what goes, goes before anything new is opened. `changedBrokers`: registered, fenced, unfenced or stopping. One call at a time. */
  async apply(changes: LocalChanges, changedBrokers: ReadonlySet<BrokerId> = NO_BROKERS): Promise<void> {
    for (const topic of changes.deletedTopics) for (const it of topic.partitions) await this.drop(topic, it.partitionId);
    for (const { topic, partition } of changes.removed) await this.drop(topic, partition.partitionId);
    const assigned = [...changes.leading, ...changes.following];
    await this.openAll(assigned);
    for (const { topic, partition } of assigned) {
      const hosted = this.hosted(topic.topicId, partition.partitionId);
      if (hosted !== undefined) await this.assign(hosted, partition);
    }
    this.replication.fetchers.stopIdle();
    if (changedBrokers.size > 0) for (const it of this.all()) if (it.machine.role === 'leader') this.tellBrokers(it, changedBrokers);
  }

  changeSettings(topic: string): void {
    const image = this.options.image.topic(topic);
    const settings = this.options.settingsOf(topic);
    for (const it of (image === undefined ? undefined : this.hostedByTopicId.get(image.topicId)) ?? []) it?.changeSettings(settings);
  }

  /** A setting of brokers changed: the defaults of all topics, and the throttles. */
  changeAllSettings(): void {
    for (const topic of this.options.image.topics.keys()) this.changeSettings(topic);
    this.replication.throttlesChanged();
  }

  /** All logs of the directory are offline: whoever waits for them is answered. */
  directoryFailed(directory: LogDirectory): void {
    this.mover.directoryFailed(directory);
    for (const it of this.all()) {
      if (this.directoryOf.get(it) !== directory) continue;
      this.replication.fetchers.leave(it);
      it.wentOffline();
    }
  }

  async checkpointLogStartOffsets(): Promise<void> {
    for (const directory of this.options.directories) if (directory.offlineCause === undefined) await directory.checkpointLogStartOffsets();
  }

  metrics(): ReplicaMetrics {
    const { fetchers, proposals } = this.replication;
    const { maxLag, failedPartitions } = fetchers;
    const { shrinks, expands, failed } = proposals.counts;
    return { ...replicaTotals([...this.all()].map(partitionMetrics), this.gone), brokenPartitions: this.broken.size, maxLag, failedPartitions, isrShrinks: shrinks, isrExpands: expands, failedIsrUpdates: failed, ...this.mover.metrics };
  }

  /** What goes into the checkpoint of high watermarks. */
  highWatermarks(directory: LogDirectory): CheckpointedOffset[] {
    return [...this.all()].filter((it) => this.directoryOf.get(it) === directory && it.machine.role !== 'offline').map((it) => ({ topic: it.topic, partition: it.partition, offset: it.machine.highWatermark }));
  }

  private find(topic: TopicImage, partition: number): HostedPartition | ErrorName {
    const hosted = this.hosted(topic.topicId, partition);
    if (hosted !== undefined) return hosted;
    if (topic.partitions[partition] === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION';
    return this.broken.has(brokenKey(topic.topicId, partition)) ? 'KAFKA_STORAGE_ERROR' : 'NOT_LEADER_OR_FOLLOWER';
  }

  private hosted(topicId: Uuid, partition: number): HostedPartition | undefined {
    return this.hostedByTopicId.get(topicId)?.[partition];
  }

  private async openAll(partitions: readonly LocalPartition[]): Promise<void> {
    const queue = partitions.filter(({ topic, partition }) => this.hosted(topic.topicId, partition.partitionId) === undefined).values();
    const work = async (): Promise<void> => {
      for (const it of queue) await this.open(it);
    };
    // More at a time would only thrash the disk when logs are recovered.
    await Promise.all([work(), work(), work(), work()]);
  }

  private async assign(hosted: HostedPartition, partition: PartitionRegistration): Promise<void> {
    const { fetchers } = this.replication;
    const isOtherEpoch = partition.leaderEpoch !== hosted.machine.leaderEpoch;
    // What an older leader answers meanwhile must not touch the log any more, and a cut that has begun must come to its end first.
    if (partition.leader === this.options.brokerId || isOtherEpoch) fetchers.leave(hosted);
    if (hosted.isTruncating) await hosted.settled();
    // The end of its log counts at once: a leader's for the high watermark, a follower's with its first fetch. Nothing is appended meanwhile (`superseded`).
    if (isOtherEpoch) await hosted.syncAsAsked();
    hosted.assign(partition);
    if (isOtherEpoch && hosted.machine.role === 'follower') await hosted.syncAsAsked();
    fetchers.follow(hosted);
    if (hosted.machine.role === 'leader' && partition.replicas.length > 1) this.tellBrokers(hosted);
  }

  /** How the brokers of the other replicas fare. */
  private tellBrokers(hosted: HostedPartition, brokers?: ReadonlySet<BrokerId>): void {
    const { image, brokerId } = this.options;
    for (const id of hosted.machine.replicas) {
      if (id === brokerId || brokers?.has(id) === false) continue;
      const registration = image.broker(id);
      hosted.brokerChanged(id, { isActive: isActive(registration), brokerEpoch: registration?.epoch ?? -1 });
    }
  }

  /** Which replica is in which directory, failed ones included. */
  *places(): Generator<ReplicaPlace> {
    for (const [hosted, directory] of this.directoryOf) {
      const { directoryId } = this.mover.placeOf(hosted) ?? directory;
      yield { topicId: hosted.topicId, partition: hosted.partition, directoryId };
    }
  }

  /** Of a broker whose partitions have other replicas; with one replica they follow from the log. */
  private async checkpointHighWatermarks(): Promise<void> {
    if (![...this.all()].some((it) => it.machine.replicas.length > 1)) return;
    for (const directory of this.options.directories) if (directory.offlineCause === undefined) await directory.checkpointHighWatermarks(this.highWatermarks(directory));
  }

  /** What was cleaned above the cut was cleaned in vain. */
  private async letGoOf(hosted: HostedPartition, offset: Offset): Promise<void> {
    await Promise.all([this.mover.beforeTruncation(hosted, offset), this.endWorkOn(hosted)]);
    const directory = this.directoryOf.get(hosted);
    const cleanedOffset = directory?.cleanedOffset(hosted.log);
    if (directory !== undefined && cleanedOffset !== undefined && cleanedOffset > offset) await directory.checkpointCleanedOffset(hosted.log, offset);
  }

  private async endWorkOn(hosted: HostedPartition): Promise<void> {
    await Promise.all(this.lettingGo.map((letGo) => letGo(hosted)));
  }

  /** A partition whose log cannot be opened is answered KAFKA_STORAGE_ERROR; the others go on. */
  private async open({ topic, partition }: LocalPartition): Promise<void> {
    const settings = this.options.settingsOf(topic.name);
    try {
      const directory = await this.placement.directoryFor(topic, partition, this.directoryOf.values());
      const log = await directory.openPartition({ topic: topic.name, partition: partition.partitionId, topicId: topic.topicId, config: settings.log });
      const hosted = this.host(topic, partition, { directory, log, settings });
      await hosted.syncAsAsked();
      await this.resumeMove(hosted, this.placement.opened(log.name));
    } catch (error) {
      if (!isStorageFailure(error) && !(error instanceof OperationalError)) throw error;
      const key = brokenKey(topic.topicId, partition.partitionId);
      const isKnown = this.broken.has(key);
      this.broken.set(key, { topic, partition });
      if (!isKnown) this.options.logger.error({ topic: topic.name, partition: partition.partitionId, error: errorMessage(error) }, 'partition cannot be opened');
    }
  }

  private host(topic: TopicImage, partition: PartitionRegistration, place: { directory: LogDirectory; log: PartitionLog; settings: TopicSettings }): HostedPartition {
    const { clock, codecs, logger, decompressedBytesMax, brokerId, replicaLagTimeMaxMs } = this.options;
    const { directory, log, settings } = place;
    let made: HostedPartition | undefined;
    const logNow = () => made?.log ?? log;
    const machine = new PartitionMachine({
      brokerId,
      brokerEpoch: this.replication.brokerEpoch,
      minInsyncReplicas: settings.minInsyncReplicas,
      replicaLagTimeMaxMs,
      log: { logStartOffset: log.logStartOffset, logEndOffset: log.logEndOffset, highWatermark: directory.checkpointedHighWatermark(topic.name, partition.partitionId) ?? log.logStartOffset, firstUnstableOffset: log.firstUnstableOffset ?? -1 },
      epochs: {
        latestEpoch: () => logNow().latestEpoch,
        epochAt: (offset: Offset) => logNow().epochAt(offset),
        endOffsetFor: (epoch) => {
          const end = logNow().endOffsetForEpoch(epoch);
          return end.epoch < 0 ? null : { leaderEpoch: end.epoch, endOffset: end.endOffset };
        },
      },
    });
    const hosted = (made = new HostedPartition({ topic: topic.name, topicId: topic.topicId, partition: partition.partitionId, log, machine, settings, clock, codecs, logger, decompressedBytesMax, readAheadBudget: this.readAheadBudget, broker: this.partitionBroker }));
    let partitions = this.hostedByTopicId.get(topic.topicId);
    if (partitions === undefined) this.hostedByTopicId.set(topic.topicId, (partitions = []));
    partitions[partition.partitionId] = hosted;
    this.directoryOf.set(hosted, directory);
    this.broken.delete(brokenKey(topic.topicId, partition.partitionId));
    return hosted;
  }

  /** Without its move the partition is as good as before. */
  private async resumeMove(hosted: HostedPartition, futures: readonly FuturePlace[]): Promise<void> {
    try {
      await this.mover.resume(hosted, futures);
    } catch (error) {
      if (!isStorageFailure(error) && !(error instanceof OperationalError)) throw error;
      this.options.logger.error({ topic: hosted.topic, partition: hosted.partition, error: errorMessage(error) }, 'move of a replica cannot go on');
    }
  }

  private movedPartitions(): MovedPartitions {
    const { image, brokerId } = this.options;
    return {
      directoryHolding: (hosted) => this.directoryOf.get(hosted),
      isAgreed: ({ topicId, partition }, { directoryId }) => {
        const registration = image.topicById(topicId)?.partitions[partition];
        return registration !== undefined && directoryOf(registration, brokerId) === directoryId;
      },
      moved: (hosted, directory) => this.directoryOf.set(hosted, directory),
      endWorkOn: (hosted) => this.endWorkOn(hosted),
      highWatermarks: (directory) => this.highWatermarks(directory),
    };
  }

  private async drop(topic: TopicImage, partition: number): Promise<void> {
    const partitions = this.hostedByTopicId.get(topic.topicId);
    const hosted = partitions?.[partition];
    this.broken.delete(brokenKey(topic.topicId, partition));
    if (hosted === undefined || partitions === undefined) return this.removed(topic, partition, () => this.placement.remove(topic, partition));
    partitions[partition] = undefined;
    if (partitions.every((it) => it === undefined)) this.hostedByTopicId.delete(topic.topicId);
    this.replication.fetchers.leave(hosted);
    await hosted.settled();
    await this.mover.callOff(hosted).catch((error: unknown) => this.options.logger.error({ topic: topic.name, partition, error: errorMessage(error) }, 'future log cannot be removed from the disk'));
    const directory = this.directoryOf.get(hosted);
    this.directoryOf.delete(hosted);
    this.gone = withTraffic(this.gone, partitionMetrics(hosted));
    hosted.wentOffline();
    await this.removed(topic, partition, async () => directory?.removePartition(topic.name, partition));
  }

  private async removed(topic: TopicImage, partition: number, remove: () => Promise<void>): Promise<void> {
    try {
      await remove();
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      this.options.logger.error({ topic: topic.name, partition, error: errorMessage(error) }, 'partition cannot be removed from the disk');
    }
  }
}

function brokenKey(topicId: Uuid, partition: number): string {
  return `${topicId}-${partition}`;
}
