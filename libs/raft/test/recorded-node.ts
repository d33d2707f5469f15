import { ByteReader } from '@millrace/foundation';
import { nodeCodecs } from '@millrace/platform';
import {
  BeginQuorumEpoch,
  EndQuorumEpoch,
  errorName,
  Fetch,
  KRaftVersionRecord,
  Vote,
  VotersRecord,
  type BeginQuorumEpochRequest as BeginMessage,
  type BeginQuorumEpochResponse as BeginAnswer,
  type EndQuorumEpochRequest as EndMessage,
  type EndQuorumEpochResponse as EndAnswer,
  type FetchRequest as FetchMessage,
  type FetchResponse as FetchAnswer,
  type VoteRequest as VoteMessage,
  type VoteResponse as VoteAnswer,
} from '@millrace/protocol';
import { batchesOf, controlRecordType, recordsOf } from '@millrace/records';
import { decodeExchange, type RecordedExchange } from '@millrace/testkit';
import type { ControlRecord, FetchedBatch, RaftEndpoint, RaftRequest, RaftResponse } from '../src/index.js';

const LISTENER = 'CONTROLLER';
const QUORUM_APIS: ReadonlySet<number> = new Set([Vote.apiKey, BeginQuorumEpoch.apiKey, EndQuorumEpoch.apiKey, Fetch.apiKey]);

/** A request to the quorum and its answer, as the machine takes them. */
export interface QuorumExchange {
  readonly line: number;
  readonly from: number;
  readonly to: number;
  readonly correlationId: number;
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
  readonly request: RaftRequest;
  readonly answer: RaftResponse;
}

/** Undefined for what is not of the quorum. */
export function quorumExchange(recorded: RecordedExchange): QuorumExchange | undefined {
  const from = /^raft-client-(\d+)$/.exec(recorded.clientId)?.[1];
  if (from === undefined || recorded.listener !== 'controller') return undefined;
  const { api, request, answer, correlationId } = decodeExchange(recorded);
  if (!QUORUM_APIS.has(api.apiKey)) return undefined;
  const { line, toNode, askedAtMs, answeredAtMs } = recorded;
  return { line, from: Number(from), to: toNode, correlationId, askedAtMs, answeredAtMs, request: requestOf(api.apiKey, request), answer: answerOf(api.apiKey, answer) };
}

function requestOf(apiKey: number, message: unknown): RaftRequest {
  switch (apiKey) {
    case Vote.apiKey: {
      const { clusterId, voterId, topics } = message as VoteMessage;
      const { partitionIndex: _, ...fields } = only(only(topics).partitions);
      return { api: 'vote', clusterId, voterId, ...fields };
    }
    case BeginQuorumEpoch.apiKey: {
      const { clusterId, voterId, topics, leaderEndpoints } = message as BeginMessage;
      const { partitionIndex: _, ...fields } = only(only(topics).partitions);
      return { api: 'beginQuorumEpoch', clusterId, voterId, ...fields, leaderEndpoints };
    }
    case EndQuorumEpoch.apiKey: {
      const { clusterId, topics, leaderEndpoints } = message as EndMessage;
      const { leaderId, leaderEpoch, preferredCandidates } = only(only(topics).partitions);
      return { api: 'endQuorumEpoch', clusterId, leaderId, leaderEpoch, preferredCandidates, leaderEndpoints };
    }
    default: {
      const { clusterId, replicaState, maxWaitMs, maxBytes, topics } = message as FetchMessage;
      const { replicaDirectoryId, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, highWatermark } = only(only(topics).partitions);
      return { api: 'fetch', clusterId, replicaId: replicaState.replicaId, replicaDirectoryId, maxWaitMs, maxBytes, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, highWatermark };
    }
  }
}

function answerOf(apiKey: number, message: unknown): RaftResponse {
  switch (apiKey) {
    case Vote.apiKey: {
      const answer = message as VoteAnswer;
      return { api: 'vote', ...head(answer, answer.topics[0]?.partitions[0]), voteGranted: answer.topics[0]?.partitions[0]?.voteGranted ?? false };
    }
    case BeginQuorumEpoch.apiKey:
      return { api: 'beginQuorumEpoch', ...head(message as BeginAnswer, (message as BeginAnswer).topics[0]?.partitions[0]) };
    case EndQuorumEpoch.apiKey:
      return { api: 'endQuorumEpoch', ...head(message as EndAnswer, (message as EndAnswer).topics[0]?.partitions[0]) };
    default: {
      const answer = message as FetchAnswer;
      const partition = answer.responses[0]?.partitions[0];
      const { divergingEpoch, snapshotId } = partition ?? {};
      return {
        api: 'fetch',
        ...head(answer, partition === undefined ? undefined : { errorCode: partition.errorCode, ...partition.currentLeader }),
        highWatermark: partition?.highWatermark ?? -1,
        logStartOffset: partition?.logStartOffset ?? -1,
        divergingEpoch: divergingEpoch === undefined || divergingEpoch.epoch < 0 ? null : divergingEpoch,
        snapshotId: snapshotId === undefined || snapshotId.epoch < 0 ? null : snapshotId,
        batches: partition?.records === undefined || partition.records === null ? [] : batchesIn(partition.records),
      };
    }
  }
}

interface Head {
  readonly topLevelError: string;
  readonly errorCode: string;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly leaderEndpoints: readonly RaftEndpoint[];
}

function head(
  answer: { readonly errorCode: number; readonly nodeEndpoints: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[] },
  partition: { readonly errorCode: number; readonly leaderId: number; readonly leaderEpoch: number } | undefined,
): Head {
  const { errorCode, leaderId, leaderEpoch } = partition ?? { errorCode: 0, leaderId: -1, leaderEpoch: -1 };
  const leaderEndpoints = answer.nodeEndpoints.filter((it) => it.nodeId === leaderId).map(({ host, port }) => ({ name: LISTENER, host, port }));
  return { topLevelError: errorName(answer.errorCode), errorCode: errorName(errorCode), leaderId, leaderEpoch, leaderEndpoints };
}

function batchesIn(bytes: Uint8Array): FetchedBatch[] {
  return [...batchesOf(bytes)].map(({ position, header }) => ({
    baseOffset: header.baseOffset,
    lastOffset: header.lastOffset,
    leaderEpoch: header.leaderEpoch,
    bytes: bytes.subarray(position, position + header.sizeBytes),
    control: header.isControl ? controlIn(bytes, position) : [],
  }));
}

function controlIn(bytes: Uint8Array, position: number): { offset: number; record: ControlRecord }[] {
  return [...recordsOf(bytes, nodeCodecs, { position, decompressedBytesMax: 1_000_000 })].flatMap(({ key, value, offset }): { offset: number; record: ControlRecord }[] => {
    if (key === null || value === null) return [];
    const type = controlRecordType(key);
    if (type === 'kraftVersion') return [{ offset, record: { type: 'kRaftVersion', version: 0, kRaftVersion: KRaftVersionRecord.decode(new ByteReader(value), 0).kRaftVersion } }];
    if (type === 'kraftVoters') return [{ offset, record: { type: 'voters', version: 0, voters: VotersRecord.decode(new ByteReader(value), 0).voters } }];
    return [];
  });
}

function only<T>(items: readonly T[]): T {
  const [first] = items;
  if (first === undefined || items.length > 1) throw new Error(`${items.length} where one was expected`);
  return first;
}
