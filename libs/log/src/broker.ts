import { SILENT_LOGGER, type Clock, type Codecs, type Logger, type OperationalError, type Random, type Scheduler, type Transport } from '@millrace/foundation';
import type { FileSystem, LogDirectory, Processes } from '@millrace/storage';
import type { BrokerMetrics } from './broker-metrics.js';
import { BrokerServer } from './broker/broker-server.js';
import type { LogCleanerMetrics } from './cleaner/log-cleaner.js';
import { BrokerConfig } from './config/broker-config.js';
import { advertisedEndpoints, clientListeners, type NamedEndpoint } from './config/listeners.js';
import { ControllerServer } from './controller/controller-server.js';
import { BROKER_APIS } from './handlers/broker-apis.js';
import { ListenerGroup } from './node/listener-group.js';
import { NodeDirectories } from './node/node-directories.js';
import { nodePorts, type NodePorts } from './node/node-ports.js';
import type { RequestDispatcher } from './request-dispatcher.js';

/** What one compressed batch may expand to when its records are looked at. */
const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024;
const STOP_GRACE_MS = 3000;

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
  readonly directories: NodeDirectories;
  readonly controller: ControllerServer;
  readonly broker: BrokerServer;
  readonly dispatcher: RequestDispatcher;
}

/** A node: a Kafka broker that is its own controller. `start` and `stop` once each. */
export class Broker {
  readonly config: BrokerConfig;
  private readonly logger: Logger;
  private readonly ports: NodePorts;
  private readonly clientListeners: ListenerGroup;
  private advertised: readonly NamedEndpoint[] = [];
  private running: Running | undefined;
  private isStopping = false;
  private starting: Promise<void> | undefined;
  private stopped: Promise<void> | undefined;

  /** Throws code `INVALID_CONFIG`, naming the property. */
  constructor(private readonly options: BrokerOptions) {
    this.config = new BrokerConfig(options.properties);
    this.logger = options.logger ?? SILENT_LOGGER;
    this.ports = nodePorts(options);
    this.clientListeners = new ListenerGroup(this.config, BROKER_APIS, this.ports, this.logger);
  }

  /** What clients are told to connect to; known once `start` has resolved. */
  get endpoints(): readonly NamedEndpoint[] {
    return this.advertised;
  }

  /** Undefined while the broker does not run, or does not compact (`log.cleaner.enable`). */
  get logCleaner(): LogCleanerMetrics | undefined {
    return this.running?.broker.cleaner?.metrics;
  }

  /** Undefined while the broker does not run. */
  metrics(): BrokerMetrics | undefined {
    const { running } = this;
    if (running === undefined) return undefined;
    return { ...running.broker.metrics(), brokerId: this.config.nodeId, connections: this.clientListeners.connectionCount, requests: running.dispatcher.traffic() };
  }

  get clusterId(): string | undefined {
    return this.running?.directories.clusterId;
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
    const { config, ports, logger } = this;
    const startedMs = ports.clock.monotonicMs();
    for (const key of config.unknownKeys) logger.warn({ property: key }, 'unknown property is ignored');
    let directories: NodeDirectories | undefined;
    try {
      this.advertised = advertisedEndpoints(config, await this.clientListeners.listen(clientListeners(config)));
      directories = await NodeDirectories.open({ config, ports, processes: this.options.processes, logger, onOffline: (directory, cause) => this.directoryFailed(directory, cause) });
      this.running = await this.assemble(directories);
    } catch (error) {
      await this.clientListeners.close(0);
      directories?.abandon();
      throw error;
    }
    this.clientListeners.serve(this.running.dispatcher);
    logger.info({ brokerId: config.nodeId, clusterId: directories.clusterId, endpoints: this.advertised.map((it) => `${it.name}://${it.host}:${it.port}`), durationMs: Math.round(ports.clock.monotonicMs() - startedMs) }, 'broker started');
  }

  /** Everything behind the sockets. */
  private async assemble(directories: NodeDirectories): Promise<Running> {
    const { config, ports, logger } = this;
    const side = { config, directories, ports, decompressedBytesMax: DECOMPRESSED_BYTES_MAX, logger };
    const broker = new BrokerServer(side);
    const { follower } = broker;
    const controller = await ControllerServer.open({ ...side, onLoaded: (record, offset) => follower.load(record, offset), onCommitted: (records, baseOffset) => follower.follow(records, baseOffset) });
    const dispatcher = await broker.start(controller.channel, this.advertised);
    return { directories, controller, broker, dispatcher };
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
    await running?.broker.stop();
    await this.clientListeners.close(STOP_GRACE_MS);
    if (running === undefined) return;
    const { directories, controller, broker } = running;
    await controller.settled();
    await directories.close(broker.brokerEpoch, (directory) => broker.highWatermarks(directory));
    this.logger.info({ brokerId: this.config.nodeId }, 'broker stopped');
  }

  /** Invariant 2: what the disk lost is never acknowledged. With other directories left the broker goes on; without, or without its metadata, it stops in order. */
  private directoryFailed(directory: LogDirectory, cause: OperationalError): void {
    const { running } = this;
    if (running === undefined || this.isStopping) return;
    running.broker.directoryFailed(directory);
    const hasMetadata = running.directories.metadata === directory;
    if (!hasMetadata && running.directories.isUsable) return;
    this.logger.error({ folder: directory.folder, error: cause.message }, hasMetadata ? 'the disk of the metadata log failed; the broker stops' : 'no usable log directory is left; the broker stops');
    // Not inside the failed operation: its request is answered first.
    this.ports.scheduler.after(0, () => void this.stop().then(() => this.options.onFailure?.(cause)));
  }
}
