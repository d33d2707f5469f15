import { ErrorCode, type HeartbeatRequest } from '@millrace/protocol';
import type { ClassicGroup } from './classic-group.js';
import { memberError, renewSession, type ClassicContext } from './rebalance.js';

/** Heartbeat: the error code to answer. It keeps the session up also while a rebalance is on. */
export function heartbeat(context: ClassicContext, group: ClassicGroup, request: HeartbeatRequest, nowMs: number): number {
  if (group.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  const error = memberError(group, request.memberId, request.groupInstanceId);
  if (error !== ErrorCode.NONE) return error;
  if (request.generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  renewSession(context, group, group.member(request.memberId), nowMs);
  return group.state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}
