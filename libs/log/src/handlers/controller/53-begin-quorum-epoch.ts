/** BeginQuorumEpoch, versions 0-1. Deviations: none known. */
import { BeginQuorumEpoch, ErrorCode, type BeginQuorumEpochResponseInput } from '@millrace/protocol';
import { CLUSTER_METADATA } from '../../internal-topics.js';
import { controllerApi } from './controller-api.js';
import { codeOf, nodeEndpoints, onlyPartition, partitionHead } from './quorum-answer.js';

export const beginQuorumEpochApi = controllerApi(BeginQuorumEpoch, (services) => async (request, context): Promise<BeginQuorumEpochResponseInput | undefined> => {
  const partition = onlyPartition(request.topics, (it) => it.partitionIndex);
  if (partition === undefined) return { errorCode: ErrorCode.INVALID_REQUEST, topics: [] };
  const { voterDirectoryId, leaderId, leaderEpoch } = partition;
  const reply = await services.quorum.ask({ api: 'beginQuorumEpoch', clusterId: request.clusterId, voterId: request.voterId, voterDirectoryId, leaderId, leaderEpoch, leaderEndpoints: request.leaderEndpoints });
  if (reply === undefined) return undefined;
  const { answer } = reply;
  if (answer.topLevelError !== 'NONE') return { errorCode: codeOf(answer.topLevelError), topics: [] };
  return {
    topics: [{ topicName: CLUSTER_METADATA, partitions: [partitionHead(answer)] }],
    ...(context.apiVersion >= 1 ? { nodeEndpoints: nodeEndpoints(answer, context.connection.listenerName) } : {}),
  };
});
