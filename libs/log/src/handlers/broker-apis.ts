import type { BrokerApi } from './broker-api.js';
import { metadataApi } from './control/03-metadata.js';
import { findCoordinatorApi } from './control/10-find-coordinator.js';
import { apiVersionsApi } from './control/18-api-versions.js';
import { createTopicsApi } from './control/19-create-topics.js';
import { deleteTopicsApi } from './control/20-delete-topics.js';
import { describeConfigsApi } from './control/32-describe-configs.js';
import { alterConfigsApi } from './control/33-alter-configs.js';
import { alterReplicaLogDirsApi } from './control/34-alter-replica-log-dirs.js';
import { describeLogDirsApi } from './control/35-describe-log-dirs.js';
import { createPartitionsApi } from './control/37-create-partitions.js';
import { electLeadersApi } from './control/43-elect-leaders.js';
import { incrementalAlterConfigsApi } from './control/44-incremental-alter-configs.js';
import { alterPartitionReassignmentsApi } from './control/45-alter-partition-reassignments.js';
import { listPartitionReassignmentsApi } from './control/46-list-partition-reassignments.js';
import { describeQuorumApi } from './control/55-describe-quorum.js';
import { updateFeaturesApi } from './control/57-update-features.js';
import { describeClusterApi } from './control/60-describe-cluster.js';
import { unregisterBrokerApi } from './control/64-unregister-broker.js';
import { listConfigResourcesApi } from './control/74-list-config-resources.js';
import { describeTopicPartitionsApi } from './control/75-describe-topic-partitions.js';
import { addRaftVoterApi } from './control/80-add-raft-voter.js';
import { removeRaftVoterApi } from './control/81-remove-raft-voter.js';
import { produceApi } from './data/00-produce.js';
import { fetchApi } from './data/01-fetch.js';
import { listOffsetsApi } from './data/02-list-offsets.js';
import { deleteRecordsApi } from './data/21-delete-records.js';
import { initProducerIdApi } from './data/22-init-producer-id.js';
import { offsetForLeaderEpochApi } from './data/23-offset-for-leader-epoch.js';
import { offsetCommitApi } from './group/08-offset-commit.js';
import { offsetFetchApi } from './group/09-offset-fetch.js';
import { joinGroupApi } from './group/11-join-group.js';
import { heartbeatApi } from './group/12-heartbeat.js';
import { leaveGroupApi } from './group/13-leave-group.js';
import { syncGroupApi } from './group/14-sync-group.js';
import { describeGroupsApi } from './group/15-describe-groups.js';
import { listGroupsApi } from './group/16-list-groups.js';
import { deleteGroupsApi } from './group/42-delete-groups.js';
import { offsetDeleteApi } from './group/47-offset-delete.js';

/** Every API that the broker answers: the listing is what ApiVersions says. */
export const BROKER_APIS: readonly BrokerApi[] = [
  produceApi,
  fetchApi,
  listOffsetsApi,
  metadataApi,
  offsetCommitApi,
  offsetFetchApi,
  findCoordinatorApi,
  joinGroupApi,
  heartbeatApi,
  leaveGroupApi,
  syncGroupApi,
  describeGroupsApi,
  listGroupsApi,
  createTopicsApi,
  deleteTopicsApi,
  deleteRecordsApi,
  initProducerIdApi,
  offsetForLeaderEpochApi,
  describeConfigsApi,
  alterConfigsApi,
  alterReplicaLogDirsApi,
  describeLogDirsApi,
  createPartitionsApi,
  deleteGroupsApi,
  electLeadersApi,
  incrementalAlterConfigsApi,
  alterPartitionReassignmentsApi,
  listPartitionReassignmentsApi,
  offsetDeleteApi,
  describeQuorumApi,
  updateFeaturesApi,
  describeClusterApi,
  unregisterBrokerApi,
  listConfigResourcesApi,
  describeTopicPartitionsApi,
  addRaftVoterApi,
  removeRaftVoterApi,
  apiVersionsApi(() => BROKER_APIS),
].sort((a, b) => a.api.apiKey - b.api.apiKey);
