import type { ControllerApi } from './controller-api.js';
import { fetchApi } from './01-fetch.js';
import { createTopicsApi } from './19-create-topics.js';
import { deleteTopicsApi } from './20-delete-topics.js';
import { alterConfigsApi } from './33-alter-configs.js';
import { createPartitionsApi } from './37-create-partitions.js';
import { electLeadersApi } from './43-elect-leaders.js';
import { incrementalAlterConfigsApi } from './44-incremental-alter-configs.js';
import { alterPartitionReassignmentsApi } from './45-alter-partition-reassignments.js';
import { listPartitionReassignmentsApi } from './46-list-partition-reassignments.js';
import { voteApi } from './52-vote.js';
import { beginQuorumEpochApi } from './53-begin-quorum-epoch.js';
import { endQuorumEpochApi } from './54-end-quorum-epoch.js';
import { describeQuorumApi } from './55-describe-quorum.js';
import { alterPartitionApi } from './56-alter-partition.js';
import { updateFeaturesApi } from './57-update-features.js';
import { envelopeApi } from './58-envelope.js';
import { fetchSnapshotApi } from './59-fetch-snapshot.js';
import { describeClusterApi } from './60-describe-cluster.js';
import { brokerRegistrationApi } from './62-broker-registration.js';
import { brokerHeartbeatApi } from './63-broker-heartbeat.js';
import { unregisterBrokerApi } from './64-unregister-broker.js';
import { allocateProducerIdsApi } from './67-allocate-producer-ids.js';
import { controllerRegistrationApi } from './70-controller-registration.js';
import { assignReplicasToDirsApi } from './73-assign-replicas-to-dirs.js';
import { addRaftVoterApi } from './80-add-raft-voter.js';
import { removeRaftVoterApi } from './81-remove-raft-voter.js';
import { updateRaftVoterApi } from './82-update-raft-voter.js';
import { controllerApiVersionsApi } from './18-api-versions.js';

/** Every API that a controller answers. */
export const CONTROLLER_APIS: readonly ControllerApi[] = [
  fetchApi,
  createTopicsApi,
  deleteTopicsApi,
  alterConfigsApi,
  createPartitionsApi,
  electLeadersApi,
  incrementalAlterConfigsApi,
  alterPartitionReassignmentsApi,
  listPartitionReassignmentsApi,
  voteApi,
  beginQuorumEpochApi,
  endQuorumEpochApi,
  describeQuorumApi,
  alterPartitionApi,
  updateFeaturesApi,
  fetchSnapshotApi,
  describeClusterApi,
  brokerRegistrationApi,
  brokerHeartbeatApi,
  unregisterBrokerApi,
  allocateProducerIdsApi,
  controllerRegistrationApi,
  assignReplicasToDirsApi,
  addRaftVoterApi,
  removeRaftVoterApi,
  updateRaftVoterApi,
  envelopeApi(() => CONTROLLER_APIS),
  controllerApiVersionsApi(() => CONTROLLER_APIS),
].sort((a, b) => a.api.apiKey - b.api.apiKey);
