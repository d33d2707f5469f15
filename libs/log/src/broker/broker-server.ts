import type { Logger } from '@millrace/foundation';
import type { BrokerConfigLayers, MetadataDelta, MetadataImage } from '@millrace/metadata';
import type { LogDirectory } from '@millrace/storage';
import type { LogCleaner } from '../cleaner/log-cleaner.js';
import { makeLogCleaner } from '../cleaner/make-log-cleaner.js';
import type { BrokerConfig } from '../config/broker-config.js';
import { interBrokerListener, type NamedEndpoint } from '../config/listeners.js';
import { staticProperties } from '../config/static-properties.js';
import { topicSettings } from '../config/topic-settings.js';
import type { ControllerChannel } from '../controller/controller-channel.js';
import { groupConfigOf } from '../groups/group-config-of.js';
import { GroupCoordinators } from '../groups/group-coordinators.js';
import { BROKER_APIS } from '../handlers/broker-apis.js';
import { CONSUMER_OFFSETS } from '../internal-topics.js';
import type { NodeDirectories } from '../node/node-directories.js';
import type { NodePorts } from '../node/node-ports.js';
import type { LongPoll } from '../replicas/delayed-fetch.js';
import { DirectoryAssignments } from '../replicas/directory-assignments.js';
import { ReplicaManager } from '../replicas/replica-manager.js';
import { Replication } from '../replicas/replication.js';
import { RequestDispatcher } from '../request-dispatcher.js';
import { BrokerLifecycle } from './broker-lifecycle.js';
import type { BrokerServices } from './broker-services.js';
import { DirectoryCordons } from './directory-cordons.js';
import { ImageFollower } from './image-follower.js';
import { Maintenance } from './maintenance.js';
import { ProducerIds } from './producer-ids.js';
import { TopicCreation } from './topic-creation.js';
import { visibleBrokers } from './visible-brokers.js';

export interface BrokerServerOptions {
  readonly config: BrokerConfig;
  readonly directories: NodeDirectories;
  readonly ports: NodePorts;
  readonly decompressedBytesMax: number;
  readonly logger: Logger;
  /** Of the quorum: whether voters stand in the log. */
  readonly kRaftVersion: () => number;
}

/** The ways to the active controller: what waits on one holds up nothing on another. */
export interface ControllerChannels {
  readonly requests: ControllerChannel;
  readonly heartbeats: ControllerChannel;
  readonly replication: ControllerChannel;
}

/** A node's side as broker: it follows committed metadata, hosts partitions and groups, and answers clients. */
export class BrokerServer {
  readonly follower: ImageFollower;
  private readonly replicas: ReplicaManager;
  private readonly groups: GroupCoordinators;
  readonly cleaner: LogCleaner | undefined;
  private readonly maintenance: Maintenance;
  private readonly longPolls = new Set<LongPoll>();
  private readonly layers: () => BrokerConfigLayers;
  private readonly cordons: DirectoryCordons;
  private lifecycle: BrokerLifecycle | undefined;
  private assignments: DirectoryAssignments | undefined;
  private isStopping = false;
  private isStartCancelled = false;
  /** The logs of all partitions are open, and recovered where that was due. */
  hasTakenUp = false;

  constructor(private readonly options: BrokerServerOptions) {
    const { config, directories, ports, decompressedBytesMax, logger } = options;
    const { clock, scheduler, random, codecs } = ports;
    const brokerId = config.nodeId;
    this.follower = new ImageFollower(scheduler, { seen: (delta) => this.replicas.supersede(delta.changedPartitions(this.image)), change: (delta) => this.change(delta) });
    const { image } = this.follower;
    this.cordons = new DirectoryCordons(config, directories.data, image);
    const setProperties = staticProperties(config);
    this.layers = () => ({ dynamicBroker: image.configs('BROKER', String(brokerId)), dynamicDefault: image.configs('BROKER', ''), static: setProperties });
    const settingsOf = (topic: string) => topicSettings(image.configs('TOPIC', topic), this.layers());
    const replication = new Replication({ ...ports, brokerId, config, image, interBrokerListener: interBrokerListener(config), logger });
    this.replicas = new ReplicaManager({ brokerId, directories: directories.data, unreadableFolders: directories.unreadable, isCordoned: (it) => this.cordons.isCordoned(it), image, settingsOf, replication, replicaLagTimeMaxMs: config.get('replica.lag.time.max.ms'), decompressedBytesMax, clock, codecs, logger });
    this.groups = new GroupCoordinators({ config: groupConfigOf(config), clock, scheduler, random, codecs, logger, decompressedBytesMax, commitTimeoutMs: config.get('offsets.commit.timeout.ms') });
    this.cleaner = makeLogCleaner({ config, replicas: this.replicas, ports, isOfMachine: ports.areOfMachine, decompressedBytesMax, logger });
    this.maintenance = new Maintenance({ config, replicas: this.replicas, directories: directories.data, cleaner: this.cleaner, clock, scheduler, logger });
  }

  get image(): MetadataImage {
    return this.follower.image;
  }

  get brokerEpoch(): number {
    return this.lifecycle?.brokerEpoch ?? -1;
  }

  /**
   * Registers, takes up what the image says of partitions and groups. Gives what answers requests; `unfence` is next. Rejects when no controller registers this broker in time.
   */
  async start(channels: ControllerChannels, endpoints: readonly NamedEndpoint[]): Promise<RequestDispatcher> {
    const { config, directories, ports, logger } = this.options;
    const { replicas, follower } = this;
    const offlineLogDirs = () => directories.data.filter((it) => it.offlineCause !== undefined).map((it) => it.directoryId);
    this.lifecycle = new BrokerLifecycle({ ...ports, config, clusterId: directories.clusterId, endpoints, logDirs: directories.ids, offlineLogDirs, cordonedLogDirs: () => this.cordons.ids(), previousBrokerEpoch: directories.previousBrokerEpoch, channel: channels.heartbeats, follower, logger });
    if (this.isStartCancelled) this.lifecycle.stop();
    await this.lifecycle.register();
    replicas.setBrokerEpoch(this.lifecycle.brokerEpoch);
    replicas.reportStrays();
    replicas.start(channels.replication);
    // With one directory the controller knows by itself.
    if (config.logDirs.length > 1) this.assignments = new DirectoryAssignments({ ...ports, brokerId: config.nodeId, brokerEpoch: () => this.brokerEpoch, image: this.image, places: () => replicas.places(), channel: channels.replication, logger });
    replicas.mover.onPlaceChanged = () => this.assignments?.look();
    await follower.begin(async () => {
      await replicas.applyImage();
      this.hasTakenUp = true;
      this.loadGroups();
      this.assignments?.look();
    });
    this.maintenance.start(() => follower.inTurn(() => this.openBroken()));
    return RequestDispatcher.of(BROKER_APIS, this.services(channels.requests));
  }

  /** Takes part: heartbeats begin, and leaders are elected here. Resolves when the broker has read that it is unfenced. */
  async unfence(): Promise<void> {
    await this.lifecycle?.unfence();
  }

  /** A start that waits for a controller, or to be unfenced, ends. */
  stopWaiting(): void {
    this.isStartCancelled = true;
    this.lifecycle?.stop();
  }

  async controlledShutdown(): Promise<void> {
    await this.lifecycle?.controlledShutdown();
  }

  /** Answers those who wait and begins nothing new; the logs stay open. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.lifecycle?.stop();
    this.assignments?.stop();
    await this.maintenance.stop();
    for (const poll of [...this.longPolls]) poll.finish();
    this.groups.endAll();
    await this.replicas.stop();
  }

  highWatermarks(directory: LogDirectory): ReturnType<ReplicaManager['highWatermarks']> {
    return this.replicas.highWatermarks(directory);
  }

  directoryFailed(directory: LogDirectory): void {
    this.replicas.directoryFailed(directory);
    this.lifecycle?.beatSoon();
  }

  metrics(): ReturnType<ReplicaManager['metrics']> & { readonly topics: number; readonly cleaner: LogCleaner['metrics'] | undefined } {
    return { ...this.replicas.metrics(), topics: this.image.topics.size, cleaner: this.cleaner?.metrics };
  }

  private services(channel: ControllerChannel): BrokerServices {
    const { config, directories, ports, logger, kRaftVersion } = this.options;
    return {
      brokerId: config.nodeId,
      clusterId: directories.clusterId,
      config,
      clock: ports.clock,
      scheduler: ports.scheduler,
      logger,
      image: this.image,
      kRaftVersion,
      controller: channel,
      topics: new TopicCreation(config, this.follower, channel),
      producerIds: new ProducerIds(channel, () => ({ brokerId: config.nodeId, brokerEpoch: this.brokerEpoch })),
      replicas: this.replicas,
      groups: this.groups,
      longPolls: this.longPolls,
      isStopping: () => this.isStopping,
      brokersFor: (listenerName, it) => visibleBrokers(this.image, listenerName, it?.includeFenced ?? false),
      followed: (isSo, timeoutMs) => this.follower.until(isSo, timeoutMs),
      configLayers: this.layers,
    };
  }

  private async openBroken(): Promise<void> {
    if (this.isStopping || !this.replicas.hasBroken) return;
    await this.replicas.openBroken();
    this.loadGroups();
  }

  /** What committed metadata means for this broker. */
  private async change(delta: MetadataDelta): Promise<void> {
    if (this.isStopping) return;
    const { replicas, groups, image } = this;
    const deleted = new Set(delta.deletedTopics.map((it) => it.name));
    if (deleted.has(CONSUMER_OFFSETS)) groups.endAll();
    await replicas.apply(delta.localChanges(image, this.options.config.nodeId), delta.changedBrokerIds);
    for (const { type, name } of delta.changedConfigs) {
      if (type === 'TOPIC') replicas.changeSettings(name);
      else if (type === 'BROKER') replicas.changeAllSettings();
    }
    if (delta.changedConfigs.length > 0 || delta.changedFeatures.size > 0) this.lifecycle?.cordonsMayHaveChanged();
    if (deleted.size > 0) groups.topicsDeleted(deleted);
    if (this.isStopping) return;
    this.loadGroups();
    this.assignments?.look();
    replicas.mover.look();
  }

  private loadGroups(): void {
    const topic = this.image.topic(CONSUMER_OFFSETS);
    this.groups.setPartitionCount(topic?.partitions.length ?? 0);
    for (const it of topic?.partitions ?? []) {
      const hosted = this.replicas.byName(CONSUMER_OFFSETS, it.partitionId);
      if (typeof hosted === 'string') this.groups.end(it.partitionId);
      else this.groups.follow(hosted);
    }
  }
}
