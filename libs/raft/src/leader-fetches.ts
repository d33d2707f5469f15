import { invariant, type Offset, type TimestampMs } from '@millrace/foundation';
import { checkLeaderRequest, isOtherCluster, leaderInAnswer, refusedWhole } from './common-checks.js';
import type { RaftCore } from './raft-core.js';
import type { FetchAnswer, FetchRequest, FetchSnapshotAnswer, FetchSnapshotRequest } from './raft-messages.js';
import type { RaftError } from './raft-error.js';
import type { ReplicaKey } from './replica-key.js';
import type { Leader } from './role-state.js';
import { leaderHighWatermarkAdvanced } from './voter-changes.js';

/** A voter or an observer fetches from the log. Answered at once, or when there is something new, or when its time is over. */
export function handleFetch(core: RaftCore, requestId: number, request: FetchRequest, nowMs: TimestampMs): void {
  if (isOtherCluster(core, request.clusterId)) return core.answer(requestId, refusedFetch(core, 'INCONSISTENT_CLUSTER_ID', true));
  const { fetchOffset, lastFetchedEpoch, currentLeaderEpoch } = request;
  if (request.maxWaitMs < 0 || fetchOffset < 0 || lastFetchedEpoch < 0 || lastFetchedEpoch > currentLeaderEpoch) return core.answer(requestId, refusedFetch(core, 'INVALID_REQUEST'));
  const error = checkLeaderRequest(core, currentLeaderEpoch);
  if (error !== null) return core.answer(requestId, refusedFetch(core, error));
  const { state } = core;
  invariant(state.role === 'leader', 'checked above');
  const replica: ReplicaKey = { nodeId: request.replicaId, directoryId: request.replicaDirectoryId };
  if (replica.nodeId === core.local.nodeId) return core.answer(requestId, refusedFetch(core, 'INVALID_REQUEST'));
  const place = core.log.placeOf(fetchOffset, lastFetchedEpoch);
  if (place.kind !== 'valid') {
    const named = { epoch: place.place.epoch, endOffset: place.place.offset };
    return core.answer(requestId, { ...fetchAnswer(core, state, null), divergingEpoch: place.kind === 'diverging' ? named : null, snapshotId: place.kind === 'snapshot' ? named : null });
  }
  if (state.progress.fetched(replica, fetchOffset, core.log.endOffset, nowMs)) leaderHighWatermarkAdvanced(core, state);
  if (isAnswerable(core, state, request) || request.maxWaitMs === 0) core.answer(requestId, fetchAnswer(core, state, request));
  else state.parked.push({ requestId, request, deadlineMs: nowMs + request.maxWaitMs });
}

/** Answers the parked fetches that have something to say now, and those whose time is over. */
export function answerParkedFetches(core: RaftCore, leader: Leader, nowMs: TimestampMs): void {
  if (leader.parked.length === 0) return;
  const waiting = leader.parked.filter((it) => {
    if (nowMs < it.deadlineMs && !isAnswerable(core, leader, it.request)) return true;
    core.answer(it.requestId, fetchAnswer(core, leader, it.request));
    return false;
  });
  if (waiting.length < leader.parked.length) leader.parked = waiting;
}

/** There are records, or a high watermark that the replica does not know. */
function isAnswerable(core: RaftCore, leader: Leader, request: FetchRequest): boolean {
  return request.fetchOffset < core.log.endOffset || leader.progress.highWatermark > (request.highWatermark ?? Infinity);
}

function fetchAnswer(core: RaftCore, leader: Leader, request: FetchRequest | null): FetchAnswer {
  const upTo: Offset = core.log.endOffset;
  const read = request !== null && request.fetchOffset < upTo ? { fromOffset: request.fetchOffset, upTo, maxBytes: request.maxBytes } : null;
  return { api: 'fetch', ...leaderInAnswer(core, 'NONE'), highWatermark: leader.progress.highWatermark, logStartOffset: core.log.startOffset, divergingEpoch: null, snapshotId: null, read };
}

function refusedFetch(core: RaftCore, error: RaftError, isWhole = false): FetchAnswer {
  const leader = isWhole ? refusedWhole(error) : leaderInAnswer(core, error);
  return { api: 'fetch', ...leader, highWatermark: -1, logStartOffset: core.log.startOffset, divergingEpoch: null, snapshotId: null, read: null };
}

/** A replica whose log is too far behind fetches the bytes of a snapshot. */
export function handleFetchSnapshot(core: RaftCore, request: FetchSnapshotRequest, nowMs: TimestampMs): FetchSnapshotAnswer {
  const { snapshotId, position } = request;
  if (isOtherCluster(core, request.clusterId)) return { api: 'fetchSnapshot', ...refusedWhole('INCONSISTENT_CLUSTER_ID'), snapshotId, size: 0, position, read: null };
  const refused = (error: RaftError): FetchSnapshotAnswer => ({ api: 'fetchSnapshot', ...leaderInAnswer(core, error), snapshotId: { endOffset: 0, epoch: 0 }, size: 0, position: 0, read: null });
  const error = checkLeaderRequest(core, request.currentLeaderEpoch);
  if (error !== null) return refused(error);
  const snapshot = core.log.snapshot({ offset: snapshotId.endOffset, epoch: snapshotId.epoch });
  if (snapshot === undefined) return refused('SNAPSHOT_NOT_FOUND');
  if (position < 0 || position >= snapshot.sizeInBytes) return refused('POSITION_OUT_OF_RANGE');
  if (core.state.role === 'leader') core.state.progress.heardFrom({ nodeId: request.replicaId, directoryId: request.replicaDirectoryId }, nowMs);
  return { api: 'fetchSnapshot', ...leaderInAnswer(core, 'NONE'), snapshotId, size: snapshot.sizeInBytes, position, read: { maxBytes: request.maxBytes } };
}
