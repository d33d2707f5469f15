/** Vote, versions 0-2. Deviations: none known. */
import { ErrorCode, Vote, type VoteResponseInput } from '@millrace/protocol';
import { CLUSTER_METADATA } from '../../internal-topics.js';
import { controllerApi } from './controller-api.js';
import { codeOf, nodeEndpoints, onlyPartition, partitionHead } from './quorum-answer.js';

export const voteApi = controllerApi(Vote, (services) => async (request, context): Promise<VoteResponseInput | undefined> => {
  const partition = onlyPartition(request.topics, (it) => it.partitionIndex);
  if (partition === undefined) return { errorCode: ErrorCode.INVALID_REQUEST, topics: [] };
  const { partitionIndex: _, ...fields } = partition;
  const reply = await services.quorum.ask({ api: 'vote', clusterId: request.clusterId, voterId: request.voterId, ...fields });
  if (reply === undefined) return undefined;
  const { answer } = reply;
  if (answer.topLevelError !== 'NONE') return { errorCode: codeOf(answer.topLevelError), topics: [] };
  return {
    topics: [{ topicName: CLUSTER_METADATA, partitions: [{ ...partitionHead(answer), voteGranted: answer.voteGranted }] }],
    ...(context.apiVersion >= 1 ? { nodeEndpoints: nodeEndpoints(answer, context.connection.listenerName) } : {}),
  };
});
