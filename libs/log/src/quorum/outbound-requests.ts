import { METADATA_TOPIC_UUID, type Codecs } from '@millrace/foundation';
import { OWN_SOFTWARE } from '@millrace/network';
import {
  AddRaftVoter,
  ApiVersions,
  BeginQuorumEpoch,
  EndQuorumEpoch,
  ErrorCode,
  errorName,
  Fetch,
  FetchSnapshot,
  RemoveRaftVoter,
  UpdateRaftVoter,
  Vote,
  type Api,
  type FetchResponse as FetchMessage,
} from '@millrace/protocol';
import type { FetchRequest, FetchResponse, FetchSnapshotRequest, RaftEndpoint, RaftOutboundRequest, RaftResponse } from '@millrace/raft';
import { CLUSTER_METADATA } from '../internal-topics.js';
import { KRAFT_VERSIONS } from '../kraft-versions.js';
import { fetchedBatches } from './control-batches.js';

/** Sends one request of the protocol and gives its response. */
export type Send = <Request, RequestInput, Response, ResponseInput>(api: Api<Request, RequestInput, Response, ResponseInput>, body: RequestInput) => Promise<Response>;

export interface OutboundContext {
  /** The name that voters' endpoints have among controllers. */
  readonly listenerName: string;
  readonly codecs: Codecs;
  readonly decompressedBytesMax: number;
}

interface NodeEndpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** What the quorum's machine asks of another node, as Kafka's messages carry it. */
export async function sendRaftRequest(request: RaftOutboundRequest, send: Send, context: OutboundContext): Promise<RaftResponse> {
  switch (request.api) {
    case 'vote': {
      const { clusterId, voterId, api: _, ...partition } = request;
      const response = await send(Vote, { clusterId, voterId, topics: [{ topicName: CLUSTER_METADATA, partitions: [{ partitionIndex: 0, ...partition }] }] });
      const answered = response.topics[0]?.partitions[0];
      return { api: 'vote', ...head(response, answered, context), voteGranted: answered?.voteGranted ?? false };
    }
    case 'beginQuorumEpoch': {
      const { clusterId, voterId, voterDirectoryId, leaderId, leaderEpoch } = request;
      const partition = { partitionIndex: 0, voterDirectoryId, leaderId, leaderEpoch };
      const response = await send(BeginQuorumEpoch, { clusterId, voterId, topics: [{ topicName: CLUSTER_METADATA, partitions: [partition] }], leaderEndpoints: request.leaderEndpoints.map(copyOf) });
      return { api: 'beginQuorumEpoch', ...head(response, response.topics[0]?.partitions[0], context) };
    }
    case 'endQuorumEpoch': {
      const { clusterId, leaderId, leaderEpoch } = request;
      const partition = { partitionIndex: 0, leaderId, leaderEpoch, preferredCandidates: request.preferredCandidates.map((it) => ({ ...it })) };
      const response = await send(EndQuorumEpoch, { clusterId, topics: [{ topicName: CLUSTER_METADATA, partitions: [partition] }], leaderEndpoints: request.leaderEndpoints.map(copyOf) });
      return { api: 'endQuorumEpoch', ...head(response, response.topics[0]?.partitions[0], context) };
    }
    case 'fetch':
      return fetchResponse(await send(Fetch, fetchMessage(request)), context);
    case 'fetchSnapshot':
      return await sendFetchSnapshot(request, send, context);
    case 'updateRaftVoter': {
      const { clusterId, currentLeaderEpoch, voterId, voterDirectoryId } = request;
      const body = { clusterId, currentLeaderEpoch, voterId, voterDirectoryId, listeners: request.listeners.map(copyOf), kRaftVersionFeature: { ...request.kRaftVersionFeature } };
      const { errorCode, currentLeader } = await send(UpdateRaftVoter, body);
      const { leaderId, leaderEpoch, host, port } = currentLeader;
      const leaderEndpoints = leaderId < 0 || host === '' ? [] : [{ name: context.listenerName, host, port }];
      return { api: 'updateRaftVoter', topLevelError: errorName(errorCode), errorCode: 'NONE', leaderId, leaderEpoch, leaderEndpoints };
    }
    case 'addRaftVoter': {
      const { clusterId, timeoutMs, voterId, voterDirectoryId, listeners, ackWhenCommitted } = request;
      const { errorCode, errorMessage } = await send(AddRaftVoter, { clusterId, timeoutMs, voterId, voterDirectoryId, listeners: listeners.map(copyOf), ackWhenCommitted });
      return { api: 'addRaftVoter', errorCode: errorName(errorCode), errorMessage };
    }
    case 'removeRaftVoter': {
      const { clusterId, voterId, voterDirectoryId } = request;
      const { errorCode, errorMessage } = await send(RemoveRaftVoter, { clusterId, voterId, voterDirectoryId });
      return { api: 'removeRaftVoter', errorCode: errorName(errorCode), errorMessage };
    }
    case 'apiVersions': {
      const { errorCode, supportedFeatures } = await send(ApiVersions, { clientSoftwareName: OWN_SOFTWARE.name, clientSoftwareVersion: OWN_SOFTWARE.version });
      const range = supportedFeatures.find((it) => it.name === KRAFT_VERSIONS.name);
      return { api: 'apiVersions', errorCode: errorName(errorCode), supportedKRaftVersions: range === undefined ? null : { minSupportedVersion: range.minVersion, maxSupportedVersion: range.maxVersion } };
    }
  }
}

function fetchMessage(request: FetchRequest): Parameters<(typeof Fetch)['request']['encode']>[1] {
  const { clusterId, replicaId, replicaDirectoryId, maxWaitMs, maxBytes, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, highWatermark } = request;
  return {
    clusterId,
    replicaState: { replicaId, replicaEpoch: -1 },
    maxWaitMs,
    minBytes: 0,
    maxBytes,
    topics: [
      {
        topicId: METADATA_TOPIC_UUID,
        partitions: [{ partition: 0, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, logStartOffset: 0, partitionMaxBytes: 0, replicaDirectoryId, ...(highWatermark === undefined ? {} : { highWatermark }) }],
      },
    ],
    forgottenTopicsData: [],
  };
}

function fetchResponse(response: FetchMessage, context: OutboundContext): FetchResponse {
  const partition = response.responses[0]?.partitions[0];
  const { divergingEpoch, snapshotId } = partition ?? {};
  return {
    api: 'fetch',
    ...head(response, partition === undefined ? undefined : { errorCode: partition.errorCode, ...partition.currentLeader }, context),
    highWatermark: partition?.highWatermark ?? -1,
    logStartOffset: partition?.logStartOffset ?? -1,
    divergingEpoch: divergingEpoch === undefined || divergingEpoch.epoch < 0 ? null : { epoch: divergingEpoch.epoch, endOffset: divergingEpoch.endOffset },
    snapshotId: snapshotId === undefined || snapshotId.epoch < 0 || snapshotId.endOffset < 0 ? null : { endOffset: snapshotId.endOffset, epoch: snapshotId.epoch },
    batches: partition?.records === undefined || partition.records === null ? [] : fetchedBatches(partition.records, context),
  };
}

async function sendFetchSnapshot(request: FetchSnapshotRequest, send: Send, context: OutboundContext): Promise<RaftResponse> {
  const { clusterId, replicaId, replicaDirectoryId, maxBytes, currentLeaderEpoch, snapshotId, position } = request;
  const partition = { partition: 0, currentLeaderEpoch, snapshotId: { ...snapshotId }, position, replicaDirectoryId };
  const response = await send(FetchSnapshot, { clusterId, replicaId, maxBytes, topics: [{ name: CLUSTER_METADATA, partitions: [partition] }] });
  const answered = response.topics[0]?.partitions[0];
  return {
    api: 'fetchSnapshot',
    ...head(response, answered === undefined ? undefined : { errorCode: answered.errorCode, ...answered.currentLeader }, context),
    snapshotId: answered?.snapshotId ?? { endOffset: -1, epoch: -1 },
    position: answered?.position ?? -1,
    size: answered?.size ?? -1,
    bytes: answered?.unalignedRecords ?? new Uint8Array(0),
  };
}

interface Head {
  readonly topLevelError: string;
  readonly errorCode: string;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly leaderEndpoints: readonly RaftEndpoint[];
}

/** A response without the one partition that was asked for is taken as an error of the whole. */
function head(
  response: { readonly errorCode: number; readonly nodeEndpoints: readonly NodeEndpoint[] },
  partition: { readonly errorCode: number; readonly leaderId: number; readonly leaderEpoch: number } | undefined,
  { listenerName }: OutboundContext,
): Head {
  const topLevelError = errorName(response.errorCode !== ErrorCode.NONE || partition !== undefined ? response.errorCode : ErrorCode.UNKNOWN_SERVER_ERROR);
  const { errorCode, leaderId, leaderEpoch } = partition ?? { errorCode: ErrorCode.NONE, leaderId: -1, leaderEpoch: -1 };
  const leaderEndpoints = response.nodeEndpoints.filter((it) => it.nodeId === leaderId).map(({ host, port }) => ({ name: listenerName, host, port }));
  return { topLevelError, errorCode: errorName(errorCode), leaderId, leaderEpoch, leaderEndpoints };
}

function copyOf({ name, host, port }: RaftEndpoint): { name: string; host: string; port: number } {
  return { name, host, port };
}
