import { errorMessage, OperationalError, type BrokerEpoch, type Logger, type Uuid } from '@millrace/foundation';
import { exists, LogDirectory, META_PROPERTIES_FILE, type CheckpointedOffset, type Processes } from '@millrace/storage';
import type { BrokerConfig } from '../config/broker-config.js';
import { isStorageFailure } from '../storage-failure.js';
import type { NodePorts } from './node-ports.js';

export interface NodeDirectoriesOptions {
  readonly config: BrokerConfig;
  readonly ports: NodePorts;
  readonly processes?: Processes | undefined;
  readonly logger: Logger;
  /** A disk can be trusted no longer. */
  readonly onOffline: (directory: LogDirectory, cause: OperationalError) => void;
}

/** What a node that stops knows of its partitions. */
export interface ClosedBy {
  readonly brokerEpoch: BrokerEpoch;
  /** Whether the partitions were taken up in this life. */
  readonly areLogsOpen: boolean;
  readonly highWatermarks: (directory: LogDirectory) => readonly CheckpointedOffset[];
}

/** The log directories of a node: one cluster, one node id, each its own lock. */
export class NodeDirectories {
  private constructor(
    readonly all: readonly LogDirectory[],
    /** Those of `log.dirs`: where partitions are. */
    readonly data: readonly LogDirectory[],
    /** Where the metadata log is. */
    readonly metadata: LogDirectory,
    /** Those of `log.dirs` that could not be opened at the start: nothing is known of what is in them. */
    readonly unreadable: readonly string[],
    private readonly logger: Logger,
  ) {}

  static async open({ config, ports, processes, logger, onOffline }: NodeDirectoriesOptions): Promise<NodeDirectories> {
    const { fileSystem, clock, random, codecs } = ports;
    const opened: LogDirectory[] = [];
    const unreadable: string[] = [];
    const metadataFolder = config.get('metadata.log.dir') ?? config.logDirs[0];
    const folders = metadataFolder === undefined || config.logDirs.includes(metadataFolder) ? config.logDirs : [...config.logDirs, metadataFolder];
    expectFormatted(config, ports, folders);
    try {
      for (const folder of folders) {
        const clusterId: string | undefined = opened[0]?.clusterId ?? config.get('cluster.id') ?? undefined;
        let directory: LogDirectory | undefined;
        try {
          directory = await LogDirectory.open({
            fileSystem,
            folder,
            nodeId: config.nodeId,
            ...(clusterId === undefined ? {} : { clusterId }),
            clock,
            random,
            logger,
            codecs,
            producerIdExpirationMs: config.get('producer.id.expiration.ms'),
            ...(processes === undefined ? {} : { processes }),
            onOffline: (cause) => directory !== undefined && onOffline(directory, cause),
          });
          opened.push(directory);
        } catch (error) {
          if (folder === metadataFolder || !isStorageFailure(error)) throw error;
          logger.error({ folder, error: errorMessage(error) }, 'log directory cannot be opened; the broker starts without it');
          unreadable.push(folder);
        }
      }
      const metadata = opened.find((it) => it.folder === metadataFolder);
      if (metadata === undefined) throw new OperationalError('INVALID_CONFIG', 'log.dirs names no directory');
      return new NodeDirectories(opened, opened.filter((it) => config.logDirs.includes(it.folder)), metadata, unreadable, logger);
    } catch (error) {
      for (const directory of opened) directory.abandon();
      throw error;
    }
  }

  get clusterId(): string {
    return this.metadata.clusterId;
  }

  get ids(): Uuid[] {
    return this.data.map((it) => it.directoryId);
  }

  /** The broker epoch that ended in order in all of them (KIP-966); -1 when one of them was not closed then, or closed in another, or cannot be read. */
  get previousBrokerEpoch(): BrokerEpoch {
    if (this.unreadable.length > 0) return -1;
    const epochs = new Set(this.data.map((it) => it.previousBrokerEpoch));
    const [only] = epochs;
    return epochs.size === 1 && only !== undefined ? only : -1;
  }

  /** Whether anything can still be written to any of them. */
  get isUsable(): boolean {
    return this.data.some((it) => it.offlineCause === undefined);
  }

  /**
   * Closes all in order; one that cannot be is told, and recovered at the next start. So is one whose logs were to be recovered, and never were opened. A `brokerEpoch` of -1:
   * the broker was not registered, so what ended in order before still has.
   */
  async close({ brokerEpoch, areLogsOpen, highWatermarks }: ClosedBy): Promise<void> {
    const endedEpoch = brokerEpoch < 0 ? this.previousBrokerEpoch : brokerEpoch;
    for (const directory of this.all) {
      if (!areLogsOpen && !directory.hadCleanShutdown) directory.abandon();
      else await directory.close({ brokerEpoch: endedEpoch, highWatermarks: highWatermarks(directory) }).catch((error: unknown) => {
        this.logger.error({ folder: directory.folder, error: errorMessage(error) }, 'log directory cannot be closed in order; its logs are recovered at the next start');
      });
    }
  }

  /** Gives all back without writing. */
  abandon(): void {
    for (const directory of this.all) directory.abandon();
  }
}

/** Nodes of one cluster must agree on its id before they meet: only a node that is its own quorum may make one up. */
function expectFormatted(config: BrokerConfig, { fileSystem }: NodePorts, folders: readonly string[]): void {
  if (config.roles.isSole || config.get('cluster.id') !== null || folders.some((it) => exists(fileSystem, `${it}/${META_PROPERTIES_FILE}`))) return;
  throw new OperationalError('NOT_FORMATTED', `${folders.join(', ')}: no ${META_PROPERTIES_FILE}. Set cluster.id to the same value on all nodes, or format the directories with Kafka's kafka-storage tool.`);
}
