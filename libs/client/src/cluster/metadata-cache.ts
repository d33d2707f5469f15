import { ZERO_UUID, type BrokerId, type Endpoint, type LeaderEpoch, type Uuid } from '@millrace/foundation';
import type { MetadataResponse } from '@millrace/protocol';

export interface BrokerInfo extends Endpoint {
  readonly nodeId: BrokerId;
  readonly rack: string | null;
}

export interface PartitionInfo {
  readonly partition: number;
  readonly errorCode: number;
  /** -1: none at the moment. */
  readonly leaderId: BrokerId;
  readonly leaderEpoch: LeaderEpoch;
  readonly replicas: readonly BrokerId[];
  readonly isr: readonly BrokerId[];
  readonly offlineReplicas: readonly BrokerId[];
}

export interface TopicInfo {
  readonly name: string;
  readonly topicId: Uuid;
  readonly errorCode: number;
  readonly isInternal: boolean;
  /** By partition, from 0. */
  readonly partitions: readonly PartitionInfo[];
}

/** What this client knows of the cluster: the last answers, merged. */
export class MetadataCache {
  clusterId: string | null = null;
  controllerId: BrokerId = -1;
  readonly brokers = new Map<BrokerId, BrokerInfo>();
  readonly topics = new Map<string, TopicInfo>();

  /** `isWhole`: the answer names every topic, so what it does not name is gone. */
  update(response: MetadataResponse, isWhole: boolean): void {
    if (response.brokers.length > 0) {
      this.brokers.clear();
      for (const { nodeId, host, port, rack } of response.brokers) this.brokers.set(nodeId, { nodeId, host, port, rack });
    }
    this.clusterId = response.clusterId ?? this.clusterId;
    this.controllerId = response.controllerId;
    const known = new Map(this.topics);
    if (isWhole) this.topics.clear();
    for (const topic of response.topics) {
      if (topic.name !== null) this.topics.set(topic.name, mergedTopic(topicInfoOf(topic), known.get(topic.name)));
    }
  }

  noteBroker(broker: BrokerInfo): void {
    if (!this.brokers.has(broker.nodeId)) this.brokers.set(broker.nodeId, broker);
  }

  /** Takes over a leader that came with an error (KIP-951), if it is news. */
  noteLeader(topic: string, partition: number, leaderId: BrokerId, leaderEpoch: LeaderEpoch): void {
    const info = this.topics.get(topic);
    const known = info?.partitions[partition];
    if (info === undefined || known === undefined || leaderId < 0 || leaderEpoch <= known.leaderEpoch) return;
    const partitions = info.partitions.map((it) => (it.partition === partition ? { ...it, leaderId, leaderEpoch } : it));
    this.topics.set(topic, { ...info, partitions });
  }

  leaderOf(topic: string, partition: number): BrokerId {
    return this.topics.get(topic)?.partitions[partition]?.leaderId ?? -1;
  }

  /** -1: not known. */
  leaderEpochOf(topic: string, partition: number): LeaderEpoch {
    return this.topics.get(topic)?.partitions[partition]?.leaderEpoch ?? -1;
  }

  nameOf(topicId: Uuid): string | undefined {
    for (const topic of this.topics.values()) if (topic.topicId === topicId) return topic.name;
    return undefined;
  }
}

export function topicInfoOf(topic: MetadataResponse.Topic): TopicInfo {
  const partitions: PartitionInfo[] = topic.partitions.map((it) => ({
    partition: it.partitionIndex,
    errorCode: it.errorCode,
    leaderId: it.leaderId,
    leaderEpoch: it.leaderEpoch,
    replicas: it.replicaNodes,
    isr: it.isrNodes,
    offlineReplicas: it.offlineReplicas,
  }));
  partitions.sort((a, b) => a.partition - b.partition);
  return { name: topic.name ?? '', topicId: topic.topicId, errorCode: topic.errorCode, isInternal: topic.isInternal, partitions };
}

/** An answer from a broker that lags behind must not bring back an older leader; a topic that was made anew starts afresh. */
function mergedTopic(fresh: TopicInfo, known: TopicInfo | undefined): TopicInfo {
  if (known === undefined || fresh.partitions.length === 0 || (known.topicId !== fresh.topicId && known.topicId !== ZERO_UUID)) return fresh;
  const partitions = fresh.partitions.map((it) => {
    const before = known.partitions[it.partition];
    return before !== undefined && it.leaderEpoch >= 0 && before.leaderEpoch > it.leaderEpoch ? before : it;
  });
  return { ...fresh, partitions };
}
