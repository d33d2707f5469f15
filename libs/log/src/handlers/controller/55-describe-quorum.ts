/** DescribeQuorum, versions 0-2. Deviations: the quorum has one voter, this node, which is always caught up with itself. */
import { DescribeQuorum, ErrorCode, type DescribeQuorumResponseInput } from '@millrace/protocol';
import { CLUSTER_METADATA } from '../../internal-topics.js';
import { controllerApi } from './controller-api.js';

export const describeQuorumApi = controllerApi(DescribeQuorum, (services) => (request, context): DescribeQuorumResponseInput => {
  const nowMs = services.clock.nowMs();
  const { epoch, nextOffset } = services.metadataLog;
  const self = { replicaId: services.nodeId, logEndOffset: nextOffset, lastFetchTimestamp: nowMs, lastCaughtUpTimestamp: nowMs, ...(context.apiVersion >= 2 ? { replicaDirectoryId: services.metadataLog.directoryId } : {}) };
  return {
    topics: request.topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) =>
        topicName === CLUSTER_METADATA && partitionIndex === 0
          ? { partitionIndex, leaderId: services.nodeId, leaderEpoch: epoch, highWatermark: nextOffset, currentVoters: [self], observers: [] }
          : { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, leaderId: -1, leaderEpoch: -1, highWatermark: -1, currentVoters: [], observers: [] },
      ),
    })),
    nodes: [],
  };
});
