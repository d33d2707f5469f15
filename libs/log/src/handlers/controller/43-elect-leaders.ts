/** ElectLeaders, versions 0-2. Deviations: none known. */
import { ElectLeaders } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const electLeadersApi = operationApi(
  ElectLeaders,
  (request) => (controller) => controller.electLeaders(request),
  // Version 0 has no place for an error of the whole request: it stands with each partition, too.
  (errorCode, request) => ({
    errorCode,
    replicaElectionResults: (request.topicPartitions ?? []).map(({ topic, partitions }) => ({ topic, partitionResult: partitions.map((partitionId) => ({ partitionId, errorCode })) })),
  }),
);
