import type { Clock, Logger } from '@millrace/foundation';
import type { MetadataImage } from '@millrace/metadata';
import type { RequestHandler } from '@millrace/network';
import type { QuorumDriver } from '../quorum/quorum-driver.js';
import type { ControllerDriver } from './controller-driver.js';
import type { LeaderWatch } from './leader-watch.js';

/** What the handlers of a node with the role controller work with. */
export interface ControllerServices {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Committed metadata, as this node has followed it. */
  readonly image: MetadataImage;
  readonly driver: ControllerDriver;
  readonly quorum: QuorumDriver;
  readonly watch: LeaderWatch;
  /** Answers a request that came inside another one. */
  readonly dispatch: RequestHandler;
}
