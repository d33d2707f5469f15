/** EndQuorumEpoch, versions 0-1. Deviations: none known. */
import { ZERO_UUID } from '@millrace/foundation';
import { EndQuorumEpoch, ErrorCode, type EndQuorumEpochResponseInput } from '@millrace/protocol';
import { CLUSTER_METADATA } from '../../internal-topics.js';
import { controllerApi } from './controller-api.js';
import { codeOf, nodeEndpoints, onlyPartition, partitionHead } from './quorum-answer.js';

export const endQuorumEpochApi = controllerApi(EndQuorumEpoch, (services) => async (request, context): Promise<EndQuorumEpochResponseInput | undefined> => {
  const partition = onlyPartition(request.topics, (it) => it.partitionIndex);
  if (partition === undefined) return { errorCode: ErrorCode.INVALID_REQUEST, topics: [] };
  const { leaderId, leaderEpoch } = partition;
  const preferredCandidates = context.apiVersion >= 1 ? partition.preferredCandidates : partition.preferredSuccessors.map((candidateId) => ({ candidateId, candidateDirectoryId: ZERO_UUID }));
  const reply = await services.quorum.ask({ api: 'endQuorumEpoch', clusterId: request.clusterId, leaderId, leaderEpoch, preferredCandidates, leaderEndpoints: request.leaderEndpoints });
  if (reply === undefined) return undefined;
  const { answer } = reply;
  if (answer.topLevelError !== 'NONE') return { errorCode: codeOf(answer.topLevelError), topics: [] };
  return {
    topics: [{ topicName: CLUSTER_METADATA, partitions: [partitionHead(answer)] }],
    ...(context.apiVersion >= 1 ? { nodeEndpoints: nodeEndpoints(answer, context.connection.listenerName) } : {}),
  };
});
