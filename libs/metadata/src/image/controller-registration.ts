import type { BrokerId, Uuid } from '@millrace/foundation';
import type { BrokerEndpoint, FeatureRange } from './broker-registration.js';

/** A controller as the cluster knows it: where it listens, and what it can do. Never changed in place. */
export interface ControllerRegistration {
  readonly controllerId: BrokerId;
  /** Made up by each start of the controller's process. */
  readonly incarnationId: Uuid;
  readonly endpoints: readonly BrokerEndpoint[];
  readonly features: readonly FeatureRange[];
}
