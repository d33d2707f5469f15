/** Fetch of the metadata log by voters and observers, versions 12-18 (below, nobody replicates metadata). Deviations: no fetch sessions, as in Kafka. */
import { METADATA_TOPIC_UUID } from '@millrace/foundation';
import { ErrorCode, Fetch, NO_BYTES, type FetchRequest, type FetchResponseInput } from '@millrace/protocol';
import { CLUSTER_METADATA } from '../../internal-topics.js';
import { controllerApi } from './controller-api.js';
import { codeOf, nodeEndpoints } from './quorum-answer.js';

const QUORUM_SINCE_VERSION = 12;
const TOPIC_IDS_SINCE_VERSION = 13;
const REPLICA_STATE_SINCE_VERSION = 15;
const ENDPOINTS_SINCE_VERSION = 17;
const HIGH_WATERMARK_SINCE_VERSION = 18;

const served = controllerApi(Fetch, (services) => async (request, context): Promise<FetchResponseInput | undefined> => {
  const { apiVersion } = context;
  const partition = metadataPartition(request, apiVersion);
  if (partition === undefined) return { errorCode: ErrorCode.INVALID_REQUEST, responses: [] };
  const reply = await services.quorum.ask({
    api: 'fetch',
    clusterId: request.clusterId,
    replicaId: apiVersion >= REPLICA_STATE_SINCE_VERSION ? request.replicaState.replicaId : request.replicaId,
    replicaDirectoryId: partition.replicaDirectoryId,
    maxWaitMs: request.maxWaitMs,
    maxBytes: request.maxBytes,
    currentLeaderEpoch: partition.currentLeaderEpoch,
    fetchOffset: partition.fetchOffset,
    lastFetchedEpoch: partition.lastFetchedEpoch,
    highWatermark: apiVersion >= HIGH_WATERMARK_SINCE_VERSION ? partition.highWatermark : undefined,
  });
  if (reply === undefined) return undefined;
  const { answer, bytes } = reply;
  if (answer.topLevelError !== 'NONE') return { errorCode: codeOf(answer.topLevelError), responses: [] };
  const { divergingEpoch, snapshotId, leaderId, leaderEpoch } = answer;
  const answered: FetchResponseInput.Partition = {
    partitionIndex: 0,
    errorCode: codeOf(answer.errorCode),
    highWatermark: answer.highWatermark,
    logStartOffset: answer.logStartOffset,
    abortedTransactions: null,
    currentLeader: { leaderId, leaderEpoch },
    ...(divergingEpoch === null ? {} : { divergingEpoch: { ...divergingEpoch } }),
    ...(snapshotId === null ? {} : { snapshotId: { ...snapshotId } }),
    records: bytes ?? NO_BYTES,
  };
  return {
    responses: [{ topic: CLUSTER_METADATA, topicId: METADATA_TOPIC_UUID, partitions: [answered] }],
    ...(apiVersion >= ENDPOINTS_SINCE_VERSION ? { nodeEndpoints: nodeEndpoints(answer, context.connection.listenerName) } : {}),
  };
});

export const fetchApi = { ...served, minVersion: QUORUM_SINCE_VERSION };

function metadataPartition(request: FetchRequest, apiVersion: number): FetchRequest.Partition | undefined {
  const [topic] = request.topics;
  const [partition] = topic?.partitions ?? [];
  if (topic === undefined || request.topics.length > 1 || topic.partitions.length > 1 || partition?.partition !== 0) return undefined;
  const isMetadata = apiVersion >= TOPIC_IDS_SINCE_VERSION ? topic.topicId === METADATA_TOPIC_UUID : topic.topic === CLUSTER_METADATA;
  return isMetadata ? partition : undefined;
}
