import type { TimestampMs } from '@millrace/foundation';
import type { RaftNode } from './raft-effects.js';
import type { RaftOutboundRequest } from './raft-messages.js';

/** A request that is under way. */
export interface RequestInFlight {
  readonly correlationId: number;
  readonly nodeId: number;
  readonly request: RaftOutboundRequest;
}

/** One request at a time to a node, and a pause after a failure. */
interface NodeConnection {
  /** Null: backing off. */
  readonly inFlight: RequestInFlight | null;
  /** When the request counts as lost, or the pause is over. */
  readonly untilMs: TimestampMs;
}

/** What is under way to whom. A node that has no entry here can be sent to. */
export class RequestManager {
  private readonly connections = new Map<number, NodeConnection>();
  private lastCorrelationId = 0;

  constructor(
    private readonly retryBackoffMs: number,
    private readonly requestTimeoutMs: number,
    private readonly random: { integer(bound: number): number },
  ) {}

  isReady(nodeId: number, nowMs: TimestampMs): boolean {
    const connection = this.connections.get(nodeId);
    if (connection === undefined) return true;
    if (nowMs < connection.untilMs) return false;
    this.connections.delete(nodeId);
    return true;
  }

  hasTimedOut(nodeId: number, nowMs: TimestampMs): boolean {
    const connection = this.connections.get(nodeId);
    return connection !== undefined && connection.inFlight !== null && nowMs >= connection.untilMs;
  }

  isBackingOff(nodeId: number, nowMs: TimestampMs): boolean {
    const connection = this.connections.get(nodeId);
    return connection !== undefined && connection.inFlight === null && nowMs < connection.untilMs;
  }

  hasAnyInFlight(nowMs: TimestampMs): boolean {
    for (const it of this.connections.values()) if (it.inFlight !== null && nowMs < it.untilMs) return true;
    return false;
  }

  /** When something of the connections changes next by time alone. */
  nextChangeMs(nowMs: TimestampMs): TimestampMs {
    let next = Infinity;
    for (const it of this.connections.values()) if (it.untilMs > nowMs) next = Math.min(next, it.untilMs);
    return next;
  }

  /** One of `nodes` that can be sent to, from a random one on; null while a request is under way to any node, or all back off. */
  readyOf(nodes: readonly RaftNode[], nowMs: TimestampMs): RaftNode | null {
    if (nodes.length === 0 || this.hasAnyInFlight(nowMs)) return null;
    const start = this.random.integer(nodes.length);
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[(start + i) % nodes.length]!;
      if (this.isReady(node.id, nowMs)) return node;
    }
    return null;
  }

  sent(nodeId: number, request: RaftOutboundRequest, nowMs: TimestampMs): number {
    const correlationId = ++this.lastCorrelationId;
    this.connections.set(nodeId, { inFlight: { correlationId, nodeId, request }, untilMs: nowMs + this.requestTimeoutMs });
    return correlationId;
  }

  /** Null when the answer is not waited for any more. */
  inFlight(correlationId: number): RequestInFlight | null {
    for (const { inFlight } of this.connections.values()) if (inFlight?.correlationId === correlationId) return inFlight;
    return null;
  }

  /** The answer is dealt with, or there will be none. What was sent to the node since then stays as it is. */
  answered(correlationId: number, isHandled: boolean, nowMs: TimestampMs): void {
    const nodeId = this.inFlight(correlationId)?.nodeId;
    if (nodeId === undefined) return;
    if (isHandled) this.connections.delete(nodeId);
    else this.connections.set(nodeId, { inFlight: null, untilMs: nowMs + this.retryBackoffMs });
  }

  reset(nodeId: number): void {
    this.connections.delete(nodeId);
  }

  resetAll(): void {
    this.connections.clear();
  }
}
