import { invariant, type TimestampMs } from '@millrace/foundation';
import { checkAnswer } from './common-checks.js';
import type { FetchedBatch } from './control-record.js';
import type { RaftCore } from './raft-core.js';
import type { RaftNode } from './raft-effects.js';
import type { FetchRequest, FetchResponse, FetchSnapshotRequest, FetchSnapshotResponse } from './raft-messages.js';
import type { Follower } from './role-state.js';

/** What the leader answered to a Fetch. Returns whether the answer was of use. */
export function handleFetchResponse(core: RaftCore, sent: FetchRequest, response: FetchResponse, nowMs: TimestampMs): boolean {
  const before = core.state;
  const outcome = checkAnswer(core, response, nowMs);
  // A node that neither leads nor knows more than this one is not asked again at once, or the two would be busy with nothing else until there is a leader.
  if (outcome !== 'continue') return outcome === 'handled' && (response.errorCode === 'NONE' || core.state !== before);
  const { state } = core;
  // An answer to a question of before, or of a node that is not the leader, must not change the log.
  if (state.role !== 'follower' || response.leaderId !== state.leaderId) return true;
  if (sent.fetchOffset !== core.log.endOffset || sent.lastFetchedEpoch !== core.log.lastEpoch) return true;
  if (response.divergingEpoch !== null) truncate(core, response.divergingEpoch);
  else if (response.snapshotId !== null) state.fetchingSnapshot = { id: { offset: response.snapshotId.endOffset, epoch: response.snapshotId.epoch }, position: 0 };
  else {
    append(core, response.batches);
    if (response.highWatermark >= 0) core.advanceHighWatermark(Math.min(response.highWatermark, core.log.endOffset));
  }
  fetched(state, nowMs);
  return true;
}

function truncate(core: RaftCore, diverging: { readonly epoch: number; readonly endOffset: number }): void {
  const offset = core.log.truncationOffset({ offset: diverging.endOffset, epoch: diverging.epoch });
  invariant(offset >= core.highWatermark, `the leader of epoch ${core.epoch} asks to cut the log to ${offset}, below the high watermark ${core.highWatermark}: committed records would be lost`);
  if (offset >= core.log.endOffset) return;
  core.log.truncated(offset);
  core.control.truncate(offset);
  core.effects.truncateTo = offset;
}

/** Appends the batches that follow on the log, and are not of an epoch that this node does not know of. */
function append(core: RaftCore, batches: readonly FetchedBatch[]): void {
  const { log } = core;
  let count = 0;
  for (const batch of batches) {
    if (batch.baseOffset !== log.endOffset || batch.leaderEpoch > core.epoch || batch.leaderEpoch < log.lastEpoch) break;
    log.appended(batch.lastOffset + 1, batch.leaderEpoch);
    // Invariant 17: voters count from the moment that they are in the log.
    for (const { offset, record } of batch.control) core.control.add(offset, record);
    count++;
  }
  if (count === 0) return;
  core.effects.append = { kind: 'fetched', batches: count === batches.length ? batches : batches.slice(0, count) };
  if (core.mustFlushBeforeFetch) core.askToFlush();
  else log.flushedOffset = log.endOffset;
}

/** The leader is there: the fetch timeout begins anew. */
function fetched(state: Follower, nowMs: TimestampMs): void {
  state.fetchDeadlineMs = nowMs + state.fetchTimeoutMs;
  state.hasFetchedFromLeader = true;
}

export function handleFetchSnapshotResponse(core: RaftCore, sent: FetchSnapshotRequest, response: FetchSnapshotResponse, nowMs: TimestampMs): boolean {
  const isGone = response.errorCode === 'SNAPSHOT_NOT_FOUND' || response.errorCode === 'POSITION_OUT_OF_RANGE';
  const outcome = checkAnswer(core, isGone ? { ...response, errorCode: 'NONE' } : response, nowMs);
  if (outcome !== 'continue') return outcome === 'handled';
  const { state } = core;
  if (state.role !== 'follower' || response.leaderId !== state.leaderId || state.fetchingSnapshot === null) return true;
  const { id, position } = state.fetchingSnapshot;
  if (sent.snapshotId.endOffset !== id.offset || sent.snapshotId.epoch !== id.epoch || sent.position !== position) return true;
  const isOther = response.snapshotId.endOffset !== id.offset || response.snapshotId.epoch !== id.epoch || response.position !== position;
  if (isGone || isOther) {
    // The leader has deleted it: the next fetch says which one to take.
    state.fetchingSnapshot = null;
  } else if (response.bytes.length > 0) {
    state.fetchingSnapshot.position += response.bytes.length;
    const isLast = state.fetchingSnapshot.position >= response.size;
    core.effects.writeSnapshot = { snapshotId: id, position, bytes: response.bytes, isLast };
    core.isInstalling = isLast;
  }
  fetched(state, nowMs);
  return true;
}

/** The log is empty and starts where the snapshot ends; all of it is committed. */
export function snapshotInstalled(core: RaftCore, sizeInBytes: number): void {
  const { state } = core;
  invariant(core.isInstalling && state.role === 'follower' && state.fetchingSnapshot !== null, 'no snapshot is being installed');
  const { id } = state.fetchingSnapshot;
  core.isInstalling = false;
  state.fetchingSnapshot = null;
  core.log.installed({ ...id, sizeInBytes });
  core.advanceHighWatermark(id.offset);
}

/** Goes on fetching from the leader; from anyone, to hear of a leader, when the leader does not answer. */
export function sendFetch(core: RaftCore, state: Follower, nowMs: TimestampMs): void {
  const leader = core.nodeAt(state.leaderId, state.leaderEndpoints);
  if (leader === null) return sendFetchToAny(core, nowMs);
  const { connections, log } = core;
  if (connections.hasTimedOut(leader.id, nowMs)) {
    connections.reset(leader.id);
    sendFetchToAny(core, nowMs);
  } else if (connections.isBackingOff(leader.id, nowMs)) {
    sendFetchToAny(core, nowMs);
  } else if (!connections.hasAnyInFlight(nowMs) && isReadyToFetch(core)) {
    const { fetchingSnapshot } = state;
    core.send(leader, () => (fetchingSnapshot === null ? fetchRequest(core) : snapshotRequest(core, fetchingSnapshot)), nowMs);
  }
  invariant(log.flushedOffset <= log.endOffset, 'more is durable than there is');
}

/** Asks anyone who may know the leader. */
export function sendFetchToAny(core: RaftCore, nowMs: TimestampMs): void {
  if (!isReadyToFetch(core)) return;
  const node: RaftNode | null = core.connections.readyOf(core.nodesToAsk, nowMs);
  if (node !== null) core.send(node, () => fetchRequest(core), nowMs);
}

/** A fetch offset says "all before is durable here". */
function isReadyToFetch(core: RaftCore): boolean {
  return !core.isInstalling && (core.log.flushedOffset === core.log.endOffset || !core.mustFlushBeforeFetch);
}

function fetchRequest(core: RaftCore): FetchRequest {
  return {
    api: 'fetch',
    clusterId: core.options.clusterId,
    replicaId: core.local.nodeId,
    replicaDirectoryId: core.local.directoryId,
    maxWaitMs: core.settings.fetchMaxWaitMs,
    maxBytes: core.settings.fetchMaxBytes,
    currentLeaderEpoch: core.epoch,
    fetchOffset: core.log.endOffset,
    lastFetchedEpoch: core.log.lastEpoch,
    highWatermark: core.highWatermark,
  };
}

function snapshotRequest(core: RaftCore, fetching: { readonly id: { readonly offset: number; readonly epoch: number }; readonly position: number }): FetchSnapshotRequest {
  return {
    api: 'fetchSnapshot',
    clusterId: core.options.clusterId,
    replicaId: core.local.nodeId,
    replicaDirectoryId: core.local.directoryId,
    maxBytes: core.settings.fetchSnapshotMaxBytes,
    currentLeaderEpoch: core.epoch,
    snapshotId: { endOffset: fetching.id.offset, epoch: fetching.id.epoch },
    position: fetching.position,
  };
}
