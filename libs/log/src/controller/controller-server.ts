import type { Logger } from '@millrace/foundation';
import { DYNAMIC_BROKER_CONFIGS, Controller, type MetadataImage } from '@millrace/metadata';
import type { RequestHandler } from '@millrace/network';
import type { BrokerConfig } from '../config/broker-config.js';
import { staticProperties } from '../config/static-properties.js';
import { CONTROLLER_APIS } from '../handlers/controller/controller-apis.js';
import type { NodeDirectories } from '../node/node-directories.js';
import type { NodePorts } from '../node/node-ports.js';
import { bootstrapLevels } from '../quorum/bootstrap-file.js';
import type { QuorumDriver } from '../quorum/quorum-driver.js';
import { RequestDispatcher } from '../request-dispatcher.js';
import { ControllerDriver } from './controller-driver.js';
import type { LeaderWatch } from './leader-watch.js';

export interface ControllerServerOptions {
  readonly config: BrokerConfig;
  readonly directories: NodeDirectories;
  readonly ports: NodePorts;
  readonly logger: Logger;
  /** Committed metadata, as this node has followed it. */
  readonly committedImage: MetadataImage;
  readonly watch: LeaderWatch;
  readonly quorum: () => QuorumDriver;
}

/** A node's side as controller: the machine, kept up to date or deciding, and the requests that it answers. */
export class ControllerServer {
  readonly driver: ControllerDriver;

  constructor(private readonly options: ControllerServerOptions) {
    const { config, directories, ports, logger, committedImage, watch, quorum } = options;
    const sessionTimeoutMs = config.get('broker.session.timeout.ms');
    const voterIds = config.roles.voters.map((it) => it.id);
    const levels = bootstrapLevels(directories.metadata.folder, { ...ports, logger });
    const controller = new Controller({
      clusterId: directories.clusterId,
      nodeId: config.nodeId,
      defaultPartitions: config.get('num.partitions'),
      defaultReplicationFactor: config.get('default.replication.factor'),
      brokerSessionTimeoutMs: sessionTimeoutMs,
      leaderImbalanceCheckIntervalMs: config.get('auto.leader.rebalance.enable') ? config.get('leader.imbalance.check.interval.seconds') * 1000 : null,
      ...(voterIds.length > 1 ? { quorumNodeIds: voterIds } : {}),
      ...(levels === undefined ? {} : { bootstrapLevels: levels }),
      staticBrokerConfigs: staticProperties(config),
      dynamicBrokerConfigs: DYNAMIC_BROKER_CONFIGS,
    });
    this.driver = new ControllerDriver({ ...ports, controller, quorum, committedImage, stallMsMax: sessionTimeoutMs / 3, logger, onActive: (isLocal) => watch.change({ isLocal }) });
  }

  /** What answers requests to this controller. */
  dispatcher(): RequestDispatcher {
    const { config, directories, ports, logger, committedImage, watch, quorum } = this.options;
    const dispatch: RequestHandler = (context, body) => dispatcher.handle(context, body);
    const dispatcher: RequestDispatcher = RequestDispatcher.of(CONTROLLER_APIS, { nodeId: config.nodeId, clusterId: directories.clusterId, clock: ports.clock, logger, image: committedImage, driver: this.driver, quorum: quorum(), watch, dispatch });
    return dispatcher;
  }

  stop(): void {
    this.driver.stop();
  }
}
