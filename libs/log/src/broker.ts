import { errorMessage, OperationalError, randomUuid, SILENT_LOGGER, type Clock, type Codecs, type Logger, type Offset, type Random, type Scheduler, type Transport } from '@millrace/foundation';
import { BROKER_TOPIC_DEFAULTS, Controller, MetadataDelta, MetadataImage, SUPPORTED_FEATURES, type BrokerConfigLayers } from '@millrace/metadata';
import { NodeTransport, ProtocolServer, type RequestContext, type ResponseBytes } from '@millrace/network';
import { nodeCodecs, systemClock, systemRandom, timerScheduler } from '@millrace/platform';
import { ErrorCode, type MetadataRecord } from '@millrace/protocol';
import { LogDirectory, NodeFileSystem, type FileSystem, type Processes } from '@millrace/storage';
import type { LogCleaner, LogCleanerMetrics } from './cleaner/log-cleaner.js';
import { makeLogCleaner } from './cleaner/make-log-cleaner.js';
import type { BrokerMetrics } from './broker-metrics.js';
import type { BrokerServices } from './broker-services.js';
import { BROKER_CONFIG_DEFINITIONS, BrokerConfig, type BrokerConfigKey } from './config/broker-config.js';
import { advertisedEndpoints, clientListeners, type NamedEndpoint } from './config/listeners.js';
import { topicSettings } from './config/topic-settings.js';
import { ControllerDriver } from './controller/controller-driver.js';
import { MetadataLog } from './controller/metadata-log.js';
import { ProducerIds } from './controller/producer-ids.js';
import { TopicCreation } from './controller/topic-creation.js';
import { GroupCoordinators } from './groups/group-coordinators.js';
import { groupConfigOf } from './groups/group-config-of.js';
import { BROKER_APIS } from './handlers/broker-apis.js';
import { CONSUMER_OFFSETS } from './internal-topics.js';
import { Maintenance } from './maintenance.js';
import type { DelayedFetch } from './replicas/delayed-fetch.js';
import { ReplicaManager } from './replicas/replica-manager.js';
import { RequestDispatcher } from './request-dispatcher.js';
import { visibleBrokers } from './visible-brokers.js';

/** What one compressed batch may expand to when its records are looked at. */
const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024;
const STOP_GRACE_MS = 3000;
const HEARTBEAT_MS = 2000;
const SESSION_TIMEOUT_MS = 9000;

export interface BrokerOptions {
  /** Kafka's broker properties (`node.id`, `listeners`, `log.dirs`, ...); what is left out has Kafka's default. */
  readonly properties: Readonly<Record<string, string>>;
  readonly logger?: Logger;
  /**
   * The broker can go on no longer (its disk failed) and has stopped itself, in order. Called once; `stop` need not be called any more, but may be.
   */
  readonly onFailure?: (cause: OperationalError) => void;
  readonly fileSystem?: FileSystem;
  /** Who holds the lock of a log directory is asked here. */
  readonly processes?: Processes;
  readonly transport?: Transport;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly scheduler?: Scheduler;
  readonly codecs?: Codecs;
}

interface Running {
  readonly services: BrokerServices;
  readonly maintenance: Maintenance;
  readonly cleaner: LogCleaner | undefined;
  readonly directories: readonly LogDirectory[];
  readonly brokerEpoch: () => number;
}

/** A Kafka broker that is its own controller. `start` and `stop` once each. */
export class Broker {
  readonly config: BrokerConfig;
  private readonly logger: Logger;
  private readonly ports: { readonly fileSystem: FileSystem; readonly transport: Transport; readonly clock: Clock; readonly random: Random; readonly scheduler: Scheduler; readonly codecs: Codecs };
  private readonly image = new MetadataImage();
  private readonly longPolls = new Set<DelayedFetch>();
  private server: ProtocolServer | undefined;
  private advertised: readonly NamedEndpoint[] = [];
  private running: Running | undefined;
  private isStopping = false;
  private starting: Promise<void> | undefined;
  private stopped: Promise<void> | undefined;

  /** Throws code `INVALID_CONFIG`, naming the property. */
  constructor(private readonly options: BrokerOptions) {
    this.config = new BrokerConfig(options.properties);
    this.logger = options.logger ?? SILENT_LOGGER;
    this.ports = {
      fileSystem: options.fileSystem ?? new NodeFileSystem(),
      transport: options.transport ?? new NodeTransport(),
      clock: options.clock ?? systemClock,
      random: options.random ?? systemRandom,
      scheduler: options.scheduler ?? timerScheduler,
      codecs: options.codecs ?? nodeCodecs,
    };
  }

  /** What clients are told to connect to; known once `start` has resolved. */
  get endpoints(): readonly NamedEndpoint[] {
    return this.advertised;
  }

  /** Undefined while the broker does not run, or does not compact (`log.cleaner.enable`). */
  get logCleaner(): LogCleanerMetrics | undefined {
    return this.running?.cleaner?.metrics;
  }

  /** Undefined while the broker does not run. */
  metrics(): BrokerMetrics | undefined {
    const { running, dispatcher, server } = this;
    if (running === undefined || dispatcher === undefined || server === undefined) return undefined;
    return { ...running.services.replicas.metrics(), brokerId: this.config.nodeId, topics: this.image.topics.size, connections: server.connectionCount, requests: dispatcher.traffic(), cleaner: running.cleaner?.metrics };
  }

  get clusterId(): string | undefined {
    return this.running?.services.clusterId;
  }

  /**
   * Binds the listeners, recovers the logs, and resolves when every request is answered. Rejects with `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`, `DIRECTORY_LOCKED`,
   * `INCONSISTENT_CLUSTER_ID`, `INVALID_CONFIG`, `KAFKA_STORAGE_ERROR` and others that say what is wrong; nothing is left open then.
   */
  start(): Promise<void> {
    this.starting ??= this.startOnce();
    return this.starting;
  }

  private async startOnce(): Promise<void> {
    const startedMs = this.ports.clock.monotonicMs();
    for (const key of this.config.unknownKeys) this.logger.warn({ property: key }, 'unknown property is ignored');
    const directories: LogDirectory[] = [];
    try {
      const bound = await this.listen();
      this.advertised = advertisedEndpoints(this.config, bound);
      await this.openDirectories(directories);
      this.running = await this.assemble(directories);
    } catch (error) {
      this.releaseRequests(undefined);
      await this.server?.close(0);
      for (const directory of directories) directory.abandon();
      throw error;
    }
    this.releaseRequests(new RequestDispatcher(BROKER_APIS, this.running.services));
    this.running.maintenance.start();
    this.logger.info({ brokerId: this.config.nodeId, clusterId: this.running.services.clusterId, endpoints: this.advertised.map((it) => `${it.name}://${it.host}:${it.port}`), durationMs: Math.round(this.ports.clock.monotonicMs() - startedMs) }, 'broker started');
  }

  /** In order: waiting requests are answered, connections closed, logs synced and closed, the marker of a clean shutdown written. Resolves in every case. */
  stop(): Promise<void> {
    this.stopped ??= this.stopOnce();
    return this.stopped;
  }

  private async stopOnce(): Promise<void> {
    this.isStopping = true;
    // Logs under recovery are finished first: closed half way they would be recovered again.
    await this.starting?.catch(() => undefined);
    const { running } = this;
    await running?.maintenance.stop();
    for (const poll of [...this.longPolls]) poll.finish();
    running?.services.groups.endAll();
    await this.server?.close(STOP_GRACE_MS);
    if (running === undefined) return;
    await running.services.controller.settled();
    for (const directory of running.directories) {
      await directory.close({ brokerEpoch: running.brokerEpoch(), highWatermarks: running.services.replicas.highWatermarks(directory) }).catch((error: unknown) => {
        this.logger.error({ folder: directory.folder, error: errorMessage(error) }, 'log directory cannot be closed in order; its logs are recovered at the next start');
      });
    }
    this.logger.info({ brokerId: this.config.nodeId }, 'broker stopped');
  }

  /** Requests that arrive before the broker is ready wait for it. */
  private dispatcher: RequestDispatcher | undefined;
  private releaseRequests: (dispatcher: RequestDispatcher | undefined) => void = () => undefined;

  private async listen(): Promise<NamedEndpoint[]> {
    const listeners = clientListeners(this.config);
    const ready = new Promise<RequestDispatcher | undefined>((resolve) => {
      this.releaseRequests = (dispatcher) => {
        this.dispatcher = dispatcher;
        resolve(dispatcher);
      };
    });
    const { transport, clock, scheduler } = this.ports;
    const known = new Map(BROKER_APIS.map((it) => [it.api.apiKey, it]));
    this.server = new ProtocolServer({
      transport,
      clock,
      scheduler,
      logger: this.logger,
      apiRange: (apiKey) => known.get(apiKey),
      handle: (context, body) => (this.dispatcher === undefined ? this.handleWhenReady(ready, context, body) : this.dispatcher.handle(context, body)),
      limits: {
        frameBytesMax: this.config.get('socket.request.max.bytes'),
        waitingRequestsMax: this.config.get('queued.max.requests'),
        idleMsMax: this.config.get('connections.max.idle.ms'),
        connectionsMax: this.config.get('max.connections'),
        connectionsPerIpMax: this.config.get('max.connections.per.ip'),
      },
    });
    const bound: NamedEndpoint[] = [];
    for (const listener of listeners) {
      const { endpoint } = await this.server.listen(listener.name, listener);
      bound.push({ name: listener.name, host: endpoint.host, port: endpoint.port });
    }
    return bound;
  }

  private async handleWhenReady(ready: Promise<RequestDispatcher | undefined>, context: RequestContext, body: Uint8Array): Promise<ResponseBytes> {
    const kept = new Uint8Array(body);
    const dispatcher = await ready;
    return dispatcher?.handle(context, kept);
  }

  private async openDirectories(directories: LogDirectory[]): Promise<void> {
    const { fileSystem, clock, random, codecs } = this.ports;
    let clusterId: string | undefined;
    for (const folder of this.config.logDirs) {
      const directory = await LogDirectory.open({
        fileSystem,
        folder,
        nodeId: this.config.nodeId,
        ...(clusterId === undefined ? {} : { clusterId }),
        clock,
        random,
        logger: this.logger,
        codecs,
        producerIdExpirationMs: this.config.get('producer.id.expiration.ms'),
        ...(this.options.processes === undefined ? {} : { processes: this.options.processes }),
        onOffline: (cause) => this.directoryFailed(folder, cause),
      });
      clusterId = directory.clusterId;
      directories.push(directory);
    }
  }

  /** Everything behind the sockets: metadata replayed, this broker registered, its partitions opened, its groups loading. */
  private async assemble(directories: readonly LogDirectory[]): Promise<Running> {
    const { fileSystem, clock, random, scheduler, codecs } = this.ports;
    const brokerId = this.config.nodeId;
    const [first] = directories;
    if (first === undefined) throw new OperationalError('INVALID_CONFIG', 'log.dirs names no directory');
    const metadataDirectory = directories.find((it) => it.folder === this.config.get('metadata.log.dir')) ?? first;
    const controller = new Controller(this.controllerConfig(first.clusterId));
    const metadataLog = await MetadataLog.open({ fileSystem, directory: metadataDirectory, nodeId: brokerId, clock, codecs, logger: this.logger, decompressedBytesMax: DECOMPRESSED_BYTES_MAX }, (record, offset) => {
      controller.replay(record, offset);
      this.image.replay(record);
      this.image.lastOffset = offset;
    });
    const layers = (): BrokerConfigLayers => ({ dynamicBroker: this.image.configs('BROKER', String(brokerId)), dynamicDefault: this.image.configs('BROKER', ''), static: this.staticProperties() });
    const settingsOf = (topic: string) => topicSettings(this.image.configs('TOPIC', topic), layers());
    const replicas = new ReplicaManager({ brokerId, directories, image: this.image, settingsOf, replicaLagTimeMaxMs: this.config.get('replica.lag.time.max.ms'), decompressedBytesMax: DECOMPRESSED_BYTES_MAX, clock, codecs, logger: this.logger });
    const groups = new GroupCoordinators({ config: groupConfigOf(this.config), clock, scheduler, random, codecs, logger: this.logger, decompressedBytesMax: DECOMPRESSED_BYTES_MAX });
    let isServing = false;
    const driver = new ControllerDriver({
      controller,
      log: metadataLog,
      clock,
      random,
      logger: this.logger,
      onCommitted: (records, baseOffset) => this.follow(records, baseOffset, { replicas, groups, isServing }),
    });
    const bootstrap = controller.activate();
    if (bootstrap.length > 0) await driver.write(bootstrap);
    const brokerEpoch = await this.register(driver, directories);
    replicas.setBrokerEpoch(brokerEpoch);
    replicas.reportStrays();
    await replicas.apply({ deletedTopics: [], removed: [], following: [], leading: [...this.image.topics.values()].flatMap((topic) => topic.partitions.filter((it) => it.leader === brokerId).map((partition) => ({ topic, partition }))) });
    isServing = true;
    this.loadGroups(replicas, groups);
    const services: BrokerServices = {
      brokerId,
      clusterId: first.clusterId,
      config: this.config,
      clock,
      scheduler,
      logger: this.logger,
      image: this.image,
      controller: driver,
      metadataLog,
      topics: new TopicCreation(this.config, this.image, driver),
      producerIds: new ProducerIds(driver, () => ({ brokerId, brokerEpoch })),
      replicas,
      groups,
      longPolls: this.longPolls,
      isStopping: () => this.isStopping,
      brokersFor: (listenerName, options) => visibleBrokers(this.image, listenerName, options?.includeFenced ?? false),
      configLayers: layers,
    };
    const heartbeat = async (): Promise<void> => {
      await driver.submit((it, moment) => it.brokerHeartbeat(moment, { brokerId, brokerEpoch, currentMetadataOffset: this.image.lastOffset, wantFence: false, wantShutDown: false, offlineLogDirs: [], cordonedLogDirs: null }));
    };
    // Another disk or another clock than the machine's cannot be taken to another thread.
    const isOfMachine = [this.options.fileSystem, this.options.clock, this.options.scheduler, this.options.codecs].every((it) => it === undefined);
    const cleaner = makeLogCleaner({ config: this.config, replicas, ports: this.ports, isOfMachine, decompressedBytesMax: DECOMPRESSED_BYTES_MAX, logger: this.logger });
    const maintenance = new Maintenance({ config: this.config, replicas, directories, cleaner, heartbeat, heartbeatMs: HEARTBEAT_MS, clock, scheduler, logger: this.logger });
    return { services, maintenance, cleaner, directories, brokerEpoch: () => brokerEpoch };
  }

  /** Registers this process and gets it unfenced. Returns its epoch. */
  private async register(driver: ControllerDriver, directories: readonly LogDirectory[]): Promise<number> {
    const brokerId = this.config.nodeId;
    const [first] = directories;
    const registered = await driver.submit((controller, moment, nextOffset) =>
      controller.registerBroker(
        moment,
        {
          brokerId,
          clusterId: first?.clusterId ?? '',
          incarnationId: randomUuid(this.ports.random),
          listeners: this.advertised.map((it) => ({ name: it.name, host: it.host, port: it.port, securityProtocol: 0 })),
          features: [...SUPPORTED_FEATURES],
          rack: this.config.get('broker.rack'),
          isMigratingZkBroker: false,
          logDirs: directories.map((it) => it.directoryId),
          previousBrokerEpoch: first?.previousBrokerEpoch ?? -1,
        },
        nextOffset,
      ),
    );
    if (registered.errorCode !== undefined && registered.errorCode !== ErrorCode.NONE) throw new OperationalError('REGISTRATION_REFUSED', `the controller refused broker ${brokerId} with error ${registered.errorCode}`);
    const brokerEpoch = registered.brokerEpoch ?? -1;
    await driver.submit((controller, moment) => controller.brokerHeartbeat(moment, { brokerId, brokerEpoch, currentMetadataOffset: this.image.lastOffset, wantFence: false, wantShutDown: false, offlineLogDirs: [], cordonedLogDirs: null }));
    return brokerEpoch;
  }

  /** The broker's side of committed metadata: its image, its partitions, its groups. */
  private async follow(records: readonly MetadataRecord[], baseOffset: Offset, to: { replicas: ReplicaManager; groups: GroupCoordinators; isServing: boolean }): Promise<void> {
    const delta = new MetadataDelta();
    for (const record of records) this.image.replay(record, delta);
    this.image.lastOffset = baseOffset + records.length - 1;
    if (!to.isServing) return;
    const { replicas, groups } = to;
    const deleted = new Set(delta.deletedTopics.map((it) => it.name));
    if (deleted.has(CONSUMER_OFFSETS)) groups.endAll();
    await replicas.apply(delta.localChanges(this.image, this.config.nodeId));
    for (const { type, name } of delta.changedConfigs) {
      if (type === 'TOPIC') replicas.changeSettings(name);
      else if (type === 'BROKER') for (const topic of this.image.topics.keys()) replicas.changeSettings(topic);
    }
    if (deleted.size > 0) groups.topicsDeleted(deleted);
    this.loadGroups(replicas, groups);
  }

  private loadGroups(replicas: ReplicaManager, groups: GroupCoordinators): void {
    const topic = this.image.topic(CONSUMER_OFFSETS);
    groups.setPartitionCount(topic?.partitions.length ?? 0);
    for (const it of topic?.partitions ?? []) {
      const hosted = replicas.byName(CONSUMER_OFFSETS, it.partitionId);
      if (typeof hosted !== 'string') groups.begin(hosted);
    }
  }

  private controllerConfig(clusterId: string): ConstructorParameters<typeof Controller>[0] {
    return {
      clusterId,
      defaultPartitions: this.config.get('num.partitions'),
      defaultReplicationFactor: this.config.get('default.replication.factor'),
      brokerSessionTimeoutMs: SESSION_TIMEOUT_MS,
      staticBrokerConfigs: this.staticProperties(),
      dynamicBrokerConfigs: BROKER_TOPIC_DEFAULTS,
    };
  }

  private staticProperties(): ReadonlyMap<string, string> {
    const keys = Object.keys(BROKER_CONFIG_DEFINITIONS) as BrokerConfigKey[];
    return new Map(keys.flatMap((key) => (this.config.isSet(key) ? [[key, this.config.text(key) ?? ''] as const] : [])));
  }

  /** Invariant 2: what the disk lost is never acknowledged. With other directories left the broker goes on; without, or without its metadata, it stops in order. */
  private directoryFailed(folder: string, cause: OperationalError): void {
    const { running } = this;
    const directory = running?.directories.find((it) => it.folder === folder);
    if (running === undefined || directory === undefined || this.isStopping) return;
    running.services.replicas.directoryFailed(directory);
    const hasMetadata = running.services.metadataLog.directoryId === directory.directoryId;
    if (!hasMetadata && running.directories.some((it) => it.offlineCause === undefined)) return;
    this.logger.error({ folder, error: cause.message }, hasMetadata ? 'the disk of the metadata log failed; the broker stops' : 'no usable log directory is left; the broker stops');
    // Not inside the failed operation: its request is answered first.
    this.ports.scheduler.after(0, () => void this.stop().then(() => this.options.onFailure?.(cause)));
  }
}
