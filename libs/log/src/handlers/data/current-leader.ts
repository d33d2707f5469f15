import type { ErrorName } from '@millrace/protocol';
import type { BrokerServices } from '../../broker/broker-services.js';

export interface NodeEndpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/** Who leads now, told together with an error so that the client need not ask (KIP-951). */
export class CurrentLeaders {
  private readonly ids = new Set<number>();

  constructor(
    private readonly services: BrokerServices,
    private readonly listenerName: string,
  ) {}

  /** Empty when nobody is known to lead. */
  of(topic: { readonly name: string; readonly topicId: string }, partition: number): { currentLeader?: { leaderId: number; leaderEpoch: number } } {
    const { image } = this.services;
    const found = (topic.name === '' ? image.topicById(topic.topicId) : image.topic(topic.name))?.partitions[partition];
    if (found === undefined || found.leader < 0) return {};
    this.ids.add(found.leader);
    return { currentLeader: { leaderId: found.leader, leaderEpoch: found.leaderEpoch } };
  }

  endpoints(): { nodeEndpoints?: NodeEndpoint[] } {
    if (this.ids.size === 0) return {};
    const brokers = this.services.brokersFor(this.listenerName).filter((it) => this.ids.has(it.brokerId));
    return { nodeEndpoints: brokers.map((it) => ({ nodeId: it.brokerId, host: it.host, port: it.port, rack: it.rack })) };
  }
}

/** The errors that are told with the leader. */
export function isLeaderHinted(error: ErrorName | null): boolean {
  return error === 'NOT_LEADER_OR_FOLLOWER' || error === 'FENCED_LEADER_EPOCH';
}
