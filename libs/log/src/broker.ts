import { errorMessage, OperationalError, SILENT_LOGGER, type Clock, type Codecs, type Logger, type Random, type Scheduler, type Transport } from '@millrace/foundation';
import type { FileSystem, LogDirectory, Processes } from '@millrace/storage';
import type { BrokerMetrics } from './broker-metrics.js';
import { BrokerServer } from './broker/broker-server.js';
import { ImageFollower } from './broker/image-follower.js';
import type { LogCleanerMetrics } from './cleaner/log-cleaner.js';
import { BrokerConfig } from './config/broker-config.js';
import { advertisedEndpoints, type NamedEndpoint } from './config/listeners.js';
import { ActiveControllerChannel } from './controller/active-controller-channel.js';
import { ControllerLifecycle } from './controller/controller-lifecycle.js';
import { ControllerServer } from './controller/controller-server.js';
import { LeaderWatch } from './controller/leader-watch.js';
import { BROKER_APIS } from './handlers/broker-apis.js';
import { CONTROLLER_APIS } from './handlers/controller/controller-apis.js';
import { ListenerGroup } from './node/listener-group.js';
import { NodeDirectories } from './node/node-directories.js';
import { nodePorts, type NodePorts } from './node/node-ports.js';
import { NodeQuorum } from './node/node-quorum.js';
import { PeerConnections } from './node/peer-connections.js';
import type { RequestDispatcher } from './request-dispatcher.js';

/** What one compressed batch may expand to when its records are looked at. */
const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024;
const STOP_GRACE_MS = 3000;
const CONNECT_TIMEOUT_MS = 3000;
const CONTROLLER_REQUEST_TIMEOUT_MS = 30_000;
/** How long a leader of the quorum that stops waits for another. */
const RESIGN_TIMEOUT_MS = 2000;

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

/** What runs behind the sockets; put together piece by piece, so that a start that fails can take back what there is. */
interface Running {
  readonly directories: NodeDirectories;
  readonly peers: PeerConnections;
  readonly channels: readonly ActiveControllerChannel[];
  readonly broker: BrokerServer | undefined;
  readonly controller: ControllerServer | undefined;
  readonly quorum: NodeQuorum;
  /** Undefined without the role controller, and for a node that nobody else looks for. */
  readonly registration: ControllerLifecycle | undefined;
}

/** A node of a cluster: a Kafka broker, a controller, or (when nothing else is said) both, alone. `start` and `stop` once each. */
export class Broker {
  readonly config: BrokerConfig;
  private readonly logger: Logger;
  private readonly ports: NodePorts;
  private readonly clientListeners: ListenerGroup;
  private readonly controllerListeners: ListenerGroup;
  private advertised: readonly NamedEndpoint[] = [];
  private running: Running | undefined;
  private dispatcher: RequestDispatcher | undefined;
  private isStopping = false;
  private hasFailed = false;
  /** The start has come to its end: whoever stops now has leaderships to hand over. */
  private isStarted = false;
  private starting: Promise<void> | undefined;
  private stopped: Promise<void> | undefined;

  /** Throws code `INVALID_CONFIG`, naming the property. */
  constructor(private readonly options: BrokerOptions) {
    this.config = new BrokerConfig(options.properties);
    this.logger = options.logger ?? SILENT_LOGGER;
    this.ports = nodePorts(options);
    this.clientListeners = new ListenerGroup(this.config, BROKER_APIS, this.ports, this.logger);
    this.controllerListeners = new ListenerGroup(this.config, CONTROLLER_APIS, this.ports, this.logger);
  }

  /** What clients are told to connect to; known once `start` has resolved. None without the role broker. */
  get endpoints(): readonly NamedEndpoint[] {
    return this.advertised;
  }

  /** Undefined while the broker does not run, or does not compact (`log.cleaner.enable`). */
  get logCleaner(): LogCleanerMetrics | undefined {
    return this.running?.broker?.cleaner?.metrics;
  }

  /** Undefined while the broker does not run, and without the role broker. */
  metrics(): BrokerMetrics | undefined {
    const { running, dispatcher } = this;
    if (running?.broker === undefined || dispatcher === undefined) return undefined;
    return { ...running.broker.metrics(), brokerId: this.config.nodeId, connections: this.clientListeners.connectionCount, requests: dispatcher.traffic() };
  }

  get clusterId(): string | undefined {
    return this.running?.directories.clusterId;
  }

  /**
   * Binds the listeners, recovers the logs, joins the cluster, and resolves when every request is answered: a broker is registered and unfenced then, which needs an active
   * controller. Rejects with `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`, `DIRECTORY_LOCKED`, `INCONSISTENT_CLUSTER_ID`, `NOT_FORMATTED`, `INVALID_CONFIG`, `KAFKA_STORAGE_ERROR`,
   * `NO_CONTROLLER` and others that say what is wrong; nothing is left open then. `stop` meanwhile makes it reject with `NO_CONTROLLER` once the logs are recovered.
   */
  start(): Promise<void> {
    this.starting ??= this.startOnce();
    return this.starting;
  }

  private async startOnce(): Promise<void> {
    const { config, ports, logger } = this;
    const startedMs = ports.clock.monotonicMs();
    for (const key of config.unknownKeys) logger.warn({ property: key }, 'unknown property is ignored');
    let directories: NodeDirectories | undefined;
    let hasBegun = false;
    try {
      const controllerEndpoints = advertisedEndpoints(config, await this.controllerListeners.listen(config.roles.controllerListeners));
      this.advertised = advertisedEndpoints(config, await this.clientListeners.listen(config.roles.clientListeners));
      directories = await NodeDirectories.open({ config, ports, processes: this.options.processes, logger, onOffline: (directory, cause) => this.directoryFailed(directory, cause) });
      this.running = await this.assemble(directories, controllerEndpoints);
      if (this.isStopping) throw new OperationalError('NO_CONTROLLER', 'the broker stops before it has started');
      hasBegun = true;
      await this.run(this.running);
      this.isStarted = true;
    } catch (error) {
      // Who stops meanwhile closes in order what there is.
      if (!this.isStopping || !hasBegun) await this.abandon(directories);
      throw error;
    }
    const roles = config.get('process.roles').join(',');
    logger.info({ brokerId: config.nodeId, clusterId: directories.clusterId, roles, endpoints: this.advertised.map((it) => `${it.name}://${it.host}:${it.port}`), durationMs: Math.round(ports.clock.monotonicMs() - startedMs) }, 'broker started');
  }

  /** Everything behind the sockets; nothing of it runs yet. */
  private async assemble(directories: NodeDirectories, controllerEndpoints: readonly NamedEndpoint[]): Promise<Running> {
    const { config, ports, logger } = this;
    const side = { config, directories, ports, decompressedBytesMax: DECOMPRESSED_BYTES_MAX, logger };
    const watch = new LeaderWatch(ports.scheduler);
    const parts: { quorum?: NodeQuorum } = {};
    const broker = config.roles.isBroker ? new BrokerServer({ ...side, kRaftVersion: () => parts.quorum?.driver.kRaftVersion ?? 0 }) : undefined;
    const follower = broker?.follower ?? new ImageFollower(ports.scheduler);
    const driverOf = () => {
      if (parts.quorum === undefined) throw new OperationalError('NO_CONTROLLER', 'the metadata quorum is not open yet', { isRetriable: true });
      return parts.quorum.driver;
    };
    const controller = config.roles.isController ? new ControllerServer({ ...side, committedImage: follower.image, watch, quorum: driverOf }) : undefined;
    const quorum = await NodeQuorum.open({ ...side, follower, controller: controller?.driver, watch, controllerEndpoints, onFailure: (error) => this.quorumFailed(error) });
    parts.quorum = quorum;
    const peers = new PeerConnections({ ...ports, clientId: `broker-${config.nodeId}-to-controller`, connectTimeoutMs: CONNECT_TIMEOUT_MS, requestTimeoutMs: CONTROLLER_REQUEST_TIMEOUT_MS });
    const local = controller?.dispatcher();
    if (local !== undefined) this.controllerListeners.serve(local);
    const channelOf = (lane: string) => new ActiveControllerChannel({ nodeId: config.nodeId, watch, clock: ports.clock, peers, lane, local: () => local });
    const [registering, ...brokerChannels] = [channelOf('registration'), channelOf('requests'), channelOf('heartbeats'), channelOf('replication')] as const;
    const channels = [...brokerChannels, registering];
    const registration = config.roles.controllerListeners.length === 0 ? undefined : new ControllerLifecycle({ ...ports, nodeId: config.nodeId, endpoints: controllerEndpoints, image: follower.image, channel: registering, logger });
    return { directories, peers, channels, broker, controller, quorum, registration };
  }

  private async run({ quorum, broker, channels, registration }: Running): Promise<void> {
    await quorum.driver.start();
    registration?.start();
    const [requests, heartbeats, replication] = channels;
    if (broker === undefined || requests === undefined || heartbeats === undefined || replication === undefined) return;
    const dispatcher = await broker.start({ requests, heartbeats, replication }, this.advertised);
    this.dispatcher = dispatcher;
    this.clientListeners.serve(dispatcher);
    await broker.unfence();
  }

  private async abandon(directories: NodeDirectories | undefined): Promise<void> {
    const { running } = this;
    this.running = undefined;
    for (const channel of running?.channels ?? []) channel.close();
    await running?.broker?.stop();
    running?.registration?.stop();
    running?.controller?.stop();
    running?.quorum.driver.end();
    running?.peers.close();
    await Promise.all([this.clientListeners.close(0), this.controllerListeners.close(0)]);
    directories?.abandon();
  }

  /** Ends as if the process had died, for tests and simulations: nothing is written any more, connections are cut, nobody is told. */
  async crash(): Promise<void> {
    this.isStopping = true;
    this.stopped ??= Promise.resolve();
    await this.abandon(this.running?.directories);
  }

  /**
   * In order: leaderships handed over, waiting requests answered, connections closed, logs synced and closed, the marker of a clean shutdown written. Resolves in every case.
   */
  stop(): Promise<void> {
    this.stopped ??= this.stopOnce();
    return this.stopped;
  }

  private async stopOnce(): Promise<void> {
    this.isStopping = true;
    // A broker that waits for a controller waits no longer; logs under recovery are finished first: closed half way they would be recovered again.
    if (!this.isStarted) this.stopWaiting();
    await this.starting?.catch(() => undefined);
    const { running } = this;
    if (this.isStarted) await running?.broker?.controlledShutdown();
    await running?.broker?.stop();
    await this.clientListeners.close(STOP_GRACE_MS);
    if (running === undefined) return;
    const { directories, controller, broker, quorum, channels, peers, registration } = running;
    registration?.stop();
    await quorum.stop(RESIGN_TIMEOUT_MS);
    controller?.stop();
    for (const channel of channels) channel.close();
    peers.close();
    await this.controllerListeners.close(STOP_GRACE_MS);
    await directories.close({ brokerEpoch: broker?.brokerEpoch ?? -1, areLogsOpen: broker?.hasTakenUp ?? true, highWatermarks: (directory) => broker?.highWatermarks(directory) ?? [] });
    this.logger.info({ brokerId: this.config.nodeId }, 'broker stopped');
  }

  private stopWaiting(): void {
    this.running?.broker?.stopWaiting();
    for (const channel of this.running?.channels ?? []) channel.close();
  }

  /** Invariant 2: what the disk lost is never acknowledged. With other directories left the broker goes on; without, or without its metadata, it stops in order. */
  private directoryFailed(directory: LogDirectory, cause: OperationalError): void {
    const { running } = this;
    if (running === undefined || this.isStopping) return;
    running.broker?.directoryFailed(directory);
    const hasMetadata = running.directories.metadata === directory;
    if (!hasMetadata && running.directories.isUsable) return;
    this.failed(cause, hasMetadata ? 'the disk of the metadata log failed; the broker stops' : 'no usable log directory is left; the broker stops', { folder: directory.folder });
  }

  private quorumFailed(error: unknown): void {
    if (this.isStopping || this.running?.directories.metadata.offlineCause !== undefined) return;
    const cause = error instanceof OperationalError ? error : new OperationalError('QUORUM_FAILED', errorMessage(error), { cause: error });
    this.failed(cause, 'this node cannot take part in the metadata quorum any more; the broker stops', {});
  }

  private failed(cause: OperationalError, message: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    this.logger.error({ ...fields, error: cause.message }, message);
    // Not inside the failed operation: its request is answered first.
    this.ports.scheduler.after(0, () => void this.stop().then(() => this.options.onFailure?.(cause)));
  }
}
