import type { Logger, Offset } from '@millrace/foundation';
import { BROKER_TOPIC_DEFAULTS, Controller } from '@millrace/metadata';
import type { MetadataRecord } from '@millrace/protocol';
import type { BrokerConfig } from '../config/broker-config.js';
import { staticProperties } from '../config/static-properties.js';
import { CONTROLLER_APIS } from '../handlers/controller/controller-apis.js';
import type { NodeDirectories } from '../node/node-directories.js';
import type { NodePorts } from '../node/node-ports.js';
import { RequestDispatcher } from '../request-dispatcher.js';
import type { ControllerChannel } from './controller-channel.js';
import { ControllerDriver } from './controller-driver.js';
import { askLocalController } from './local-controller.js';
import { MetadataLog } from './metadata-log.js';

const SESSION_TIMEOUT_MS = 9000;

export interface ControllerServerOptions {
  readonly config: BrokerConfig;
  readonly directories: NodeDirectories;
  readonly ports: NodePorts;
  readonly decompressedBytesMax: number;
  readonly logger: Logger;
  /** What the log holds at start, record by record. */
  readonly onLoaded: (record: MetadataRecord, offset: Offset) => void;
  /** Each committed batch in order; an operation is answered when it has resolved. */
  readonly onCommitted: (records: readonly MetadataRecord[], baseOffset: Offset) => Promise<void>;
}

/** A node's side as controller: the machine on its log, and the requests that it answers. */
export class ControllerServer {
  private constructor(
    private readonly driver: ControllerDriver,
    readonly dispatcher: RequestDispatcher,
  ) {}

  /** Replays the log and becomes active. */
  static async open({ config, directories, ports, decompressedBytesMax, logger, onLoaded, onCommitted }: ControllerServerOptions): Promise<ControllerServer> {
    const { fileSystem, clock, random, codecs } = ports;
    const { clusterId, metadata: directory } = directories;
    const controller = new Controller({
      clusterId,
      nodeId: config.nodeId,
      defaultPartitions: config.get('num.partitions'),
      defaultReplicationFactor: config.get('default.replication.factor'),
      brokerSessionTimeoutMs: SESSION_TIMEOUT_MS,
      staticBrokerConfigs: staticProperties(config),
      dynamicBrokerConfigs: BROKER_TOPIC_DEFAULTS,
    });
    const metadataLog = await MetadataLog.open({ fileSystem, directory, nodeId: config.nodeId, clock, codecs, logger, decompressedBytesMax }, (record, offset) => {
      controller.replay(record, offset);
      onLoaded(record, offset);
    });
    const driver = new ControllerDriver({ controller, log: metadataLog, clock, random, logger, onCommitted });
    const bootstrap = controller.activate(clock.nowMs());
    if (bootstrap.length > 0) await driver.write(bootstrap);
    return new ControllerServer(driver, RequestDispatcher.of(CONTROLLER_APIS, { nodeId: config.nodeId, clusterId, clock, logger, driver, metadataLog }));
  }

  /** For the broker of the same process. */
  readonly channel: ControllerChannel = { request: (api, body, options = {}) => askLocalController(this.dispatcher, api, body, options) };

  /** Resolves when all that was submitted has been committed or refused. */
  async settled(): Promise<void> {
    await this.driver.settled();
  }
}
