/** DescribeQuorum, versions 0-2. Deviations: none known. */
import { DescribeQuorum, ErrorCode, type DescribeQuorumResponseInput } from '@millrace/protocol';
import type { QuorumReplicaState } from '@millrace/raft';
import { CLUSTER_METADATA } from '../../internal-topics.js';
import { controllerApi } from './controller-api.js';
import { codeOf, onlyPartition } from './quorum-answer.js';

const DIRECTORIES_SINCE_VERSION = 2;

export const describeQuorumApi = controllerApi(DescribeQuorum, (services) => async (request, { apiVersion }): Promise<DescribeQuorumResponseInput | undefined> => {
  const named = (errorCode: number): DescribeQuorumResponseInput['topics'] =>
    request.topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode, leaderId: -1, leaderEpoch: -1, highWatermark: -1, currentVoters: [], observers: [] })),
    }));
  if (onlyPartition(request.topics, (it) => it.partitionIndex) === undefined) return { topics: named(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION), nodes: [] };
  const reply = await services.quorum.ask({ api: 'describeQuorum' });
  if (reply === undefined) return undefined;
  const { answer } = reply;
  if (answer.errorCode !== 'NONE') return { topics: named(codeOf(answer.errorCode)), nodes: [] };
  const { leaderId, leaderEpoch, highWatermark } = answer;
  const stateOf = ({ replicaDirectoryId, ...rest }: QuorumReplicaState) => ({ ...rest, ...(apiVersion >= DIRECTORIES_SINCE_VERSION ? { replicaDirectoryId } : {}) });
  return {
    topics: [
      { topicName: CLUSTER_METADATA, partitions: [{ partitionIndex: 0, leaderId, leaderEpoch, highWatermark, currentVoters: answer.currentVoters.map(stateOf), observers: answer.observers.map(stateOf) }] },
    ],
    nodes: apiVersion >= DIRECTORIES_SINCE_VERSION ? answer.nodes.map(({ nodeId, listeners }) => ({ nodeId, listeners: listeners.map(({ name, host, port }) => ({ name, host, port })) })) : [],
  };
});
