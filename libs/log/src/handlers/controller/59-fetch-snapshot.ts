/** FetchSnapshot, versions 0-1. Deviations: none known. */
import { ErrorCode, FetchSnapshot, NO_BYTES, type FetchSnapshotResponseInput } from '@millrace/protocol';
import { CLUSTER_METADATA } from '../../internal-topics.js';
import { controllerApi } from './controller-api.js';
import { codeOf, nodeEndpoints, onlyPartition } from './quorum-answer.js';

export const fetchSnapshotApi = controllerApi(FetchSnapshot, (services) => async (request, context): Promise<FetchSnapshotResponseInput | undefined> => {
  const partition = onlyPartition(
    request.topics.map((it) => ({ topicName: it.name, partitions: it.partitions })),
    (it) => it.partition,
  );
  if (partition === undefined) return { errorCode: ErrorCode.INVALID_REQUEST, topics: [] };
  const { currentLeaderEpoch, snapshotId, position, replicaDirectoryId } = partition;
  const { clusterId, replicaId, maxBytes } = request;
  const reply = await services.quorum.ask({ api: 'fetchSnapshot', clusterId, replicaId, replicaDirectoryId, maxBytes, currentLeaderEpoch, snapshotId, position });
  if (reply === undefined) return undefined;
  const { answer, bytes } = reply;
  if (answer.topLevelError !== 'NONE') return { errorCode: codeOf(answer.topLevelError), topics: [] };
  const { leaderId, leaderEpoch } = answer;
  const answered: FetchSnapshotResponseInput.Partition = {
    index: 0,
    errorCode: codeOf(answer.errorCode),
    snapshotId: { ...answer.snapshotId },
    currentLeader: { leaderId, leaderEpoch },
    size: answer.size,
    position: answer.position,
    unalignedRecords: bytes ?? NO_BYTES,
  };
  return {
    topics: [{ name: CLUSTER_METADATA, partitions: [answered] }],
    ...(context.apiVersion >= 1 ? { nodeEndpoints: nodeEndpoints(answer, context.connection.listenerName) } : {}),
  };
});
