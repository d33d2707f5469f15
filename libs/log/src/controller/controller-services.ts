import type { Clock, Logger } from '@millrace/foundation';
import type { ControllerDriver } from './controller-driver.js';
import type { MetadataLog } from './metadata-log.js';

/** What the handlers of the controller work with. */
export interface ControllerServices {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly driver: ControllerDriver;
  readonly metadataLog: MetadataLog;
}
