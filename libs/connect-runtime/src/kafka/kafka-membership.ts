import { GroupMember, type KafkaClient } from '@millrace/client';
import { errorMessage, type Logger } from '@millrace/foundation';
import type { GroupMembership, MembershipEvents } from '../group/group-membership.js';

export interface KafkaMembershipOptions {
  readonly client: KafkaClient;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly logger: Logger;
  /** The group cannot be joined whatever is tried: not authorized, no common protocol. */
  readonly onFailed: (error: Error) => void;
}

/** A worker's membership in a real group: the classic protocol with protocol type `connect`. */
export class KafkaMembership implements GroupMembership {
  private member: GroupMember | undefined;

  constructor(private readonly options: KafkaMembershipOptions) {}

  start(events: MembershipEvents): void {
    const { client, groupId, sessionTimeoutMs, rebalanceTimeoutMs, heartbeatMs, logger, onFailed } = this.options;
    this.member = new GroupMember({
      client,
      groupId,
      protocolType: 'connect',
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      heartbeatMs,
      protocols: () => events.protocols(),
      performAssignment: ({ generationId, protocol, leaderId, members }) => events.assign({ generation: generationId, protocol, leaderId, members }),
      onAssigned: async ({ generationId, protocol, memberId, bytes }) => {
        try {
          await events.onAssigned({ generation: generationId, protocol, memberId, assignment: bytes });
        } catch (error) {
          logger.error({ groupId, error: errorMessage(error) }, 'an assignment could not be taken over; joining again');
          this.requestRejoin();
        }
      },
      onRevoked: () => events.onRejoin(),
      onLost: (reason) => this.lost(events, reason),
      onExpired: (reason) => this.lost(events, reason),
      onAlive: (ageMs) => events.onAlive(ageMs),
      onCoordinatorLost: (reason) => events.onUnreachable(reason),
      onFailed,
    });
    this.member.start();
  }

  requestRejoin(): void {
    this.member?.requestRejoin('the work has changed');
  }

  async leave(reason: string): Promise<void> {
    await this.member?.leave(reason);
  }

  private async lost(events: MembershipEvents, reason: Error): Promise<void> {
    const { groupId, logger } = this.options;
    logger.warn({ groupId, error: errorMessage(reason) }, 'this worker has lost its place in the group');
    await events.onLost();
  }

  async stop(): Promise<void> {
    await this.member?.close();
  }
}
