/** ElectLeaders, versions 0-2; decided by the active controller. Deviations: none known. */
import { ElectLeaders } from '@millrace/protocol';
import { forwardedApi } from './forward.js';

export const electLeadersApi = forwardedApi(ElectLeaders, (errorCode, request) => ({
  errorCode,
  replicaElectionResults: (request.topicPartitions ?? []).map(({ topic, partitions }) => ({ topic, partitionResult: partitions.map((partitionId) => ({ partitionId, errorCode })) })),
}));
