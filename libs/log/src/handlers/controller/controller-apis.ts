import type { ControllerApi } from './controller-api.js';
import { createTopicsApi } from './19-create-topics.js';
import { deleteTopicsApi } from './20-delete-topics.js';
import { alterConfigsApi } from './33-alter-configs.js';
import { createPartitionsApi } from './37-create-partitions.js';
import { electLeadersApi } from './43-elect-leaders.js';
import { incrementalAlterConfigsApi } from './44-incremental-alter-configs.js';
import { describeQuorumApi } from './55-describe-quorum.js';
import { alterPartitionApi } from './56-alter-partition.js';
import { updateFeaturesApi } from './57-update-features.js';
import { brokerRegistrationApi } from './62-broker-registration.js';
import { brokerHeartbeatApi } from './63-broker-heartbeat.js';
import { unregisterBrokerApi } from './64-unregister-broker.js';
import { allocateProducerIdsApi } from './67-allocate-producer-ids.js';

/** Every API that a controller answers. */
export const CONTROLLER_APIS: readonly ControllerApi[] = [
  createTopicsApi,
  deleteTopicsApi,
  alterConfigsApi,
  createPartitionsApi,
  electLeadersApi,
  incrementalAlterConfigsApi,
  describeQuorumApi,
  alterPartitionApi,
  updateFeaturesApi,
  brokerRegistrationApi,
  brokerHeartbeatApi,
  unregisterBrokerApi,
  allocateProducerIdsApi,
];
