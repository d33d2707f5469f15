import type { BrokerServices } from '../broker-services.js';
import type { ApiHandler } from './api-handler.js';
import { metadataHandler } from './control/03-metadata.js';
import { findCoordinatorHandler } from './control/10-find-coordinator.js';
import { apiVersionsHandler } from './control/18-api-versions.js';
import { createTopicsHandler } from './control/19-create-topics.js';
import { deleteTopicsHandler } from './control/20-delete-topics.js';
import { describeConfigsHandler } from './control/32-describe-configs.js';
import { alterConfigsHandler } from './control/33-alter-configs.js';
import { describeLogDirsHandler } from './control/35-describe-log-dirs.js';
import { createPartitionsHandler } from './control/37-create-partitions.js';
import { electLeadersHandler } from './control/43-elect-leaders.js';
import { incrementalAlterConfigsHandler } from './control/44-incremental-alter-configs.js';
import { listPartitionReassignmentsHandler } from './control/46-list-partition-reassignments.js';
import { describeQuorumHandler } from './control/55-describe-quorum.js';
import { describeClusterHandler } from './control/60-describe-cluster.js';
import { listConfigResourcesHandler } from './control/74-list-config-resources.js';
import { describeTopicPartitionsHandler } from './control/75-describe-topic-partitions.js';
import { produceHandler } from './data/00-produce.js';
import { fetchHandler } from './data/01-fetch.js';
import { listOffsetsHandler } from './data/02-list-offsets.js';
import { deleteRecordsHandler } from './data/21-delete-records.js';
import { initProducerIdHandler } from './data/22-init-producer-id.js';
import { offsetForLeaderEpochHandler } from './data/23-offset-for-leader-epoch.js';
import { offsetCommitHandler } from './group/08-offset-commit.js';
import { offsetFetchHandler } from './group/09-offset-fetch.js';
import { joinGroupHandler } from './group/11-join-group.js';
import { heartbeatHandler } from './group/12-heartbeat.js';
import { leaveGroupHandler } from './group/13-leave-group.js';
import { syncGroupHandler } from './group/14-sync-group.js';
import { describeGroupsHandler } from './group/15-describe-groups.js';
import { listGroupsHandler } from './group/16-list-groups.js';
import { deleteGroupsHandler } from './group/42-delete-groups.js';
import { offsetDeleteHandler } from './group/47-offset-delete.js';

const MAKERS: readonly ((services: BrokerServices) => ApiHandler)[] = [
  produceHandler,
  fetchHandler,
  listOffsetsHandler,
  metadataHandler,
  offsetCommitHandler,
  offsetFetchHandler,
  findCoordinatorHandler,
  joinGroupHandler,
  heartbeatHandler,
  leaveGroupHandler,
  syncGroupHandler,
  describeGroupsHandler,
  listGroupsHandler,
  createTopicsHandler,
  deleteTopicsHandler,
  deleteRecordsHandler,
  initProducerIdHandler,
  offsetForLeaderEpochHandler,
  describeConfigsHandler,
  alterConfigsHandler,
  describeLogDirsHandler,
  createPartitionsHandler,
  deleteGroupsHandler,
  electLeadersHandler,
  incrementalAlterConfigsHandler,
  listPartitionReassignmentsHandler,
  offsetDeleteHandler,
  describeQuorumHandler,
  describeClusterHandler,
  listConfigResourcesHandler,
  describeTopicPartitionsHandler,
];

/** Every API that the broker answers: the listing is what ApiVersions says. */
export function apiHandlers(services: BrokerServices): ApiHandler[] {
  const handlers: ApiHandler[] = MAKERS.map((make) => make(services));
  handlers.push(apiVersionsHandler(services, () => handlers));
  return handlers.sort((a, b) => a.api.apiKey - b.api.apiKey);
}
