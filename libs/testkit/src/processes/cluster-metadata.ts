import { Metadata } from '@millrace/protocol';
import { askBroker } from './ask-broker.js';

const METADATA_VERSION = 9;

export interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  /** -1: nobody. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

/** What one broker tells its clients of the cluster. */
export interface ClusterMetadata {
  /** That can be reached. */
  readonly brokers: readonly number[];
  readonly partitions: readonly PartitionState[];
}

/** As the broker at `address` has it now; undefined when it does not answer. */
export async function clusterMetadata(address: string): Promise<ClusterMetadata | undefined> {
  return askBroker(address, async (connection) => {
    const { brokers, topics } = await connection.request(Metadata, METADATA_VERSION, { topics: null, allowAutoTopicCreation: false });
    return {
      brokers: brokers.map((it) => it.nodeId),
      partitions: topics.flatMap((topic) => topic.partitions.map((it) => ({ topic: topic.name ?? '', partition: it.partitionIndex, leader: it.leaderId, replicas: it.replicaNodes, inSync: it.isrNodes }))),
    };
  });
}

/** Every partition has a leader, and all its replicas in sync. */
export function isWhole({ partitions }: ClusterMetadata): boolean {
  return partitions.every((it) => it.leader >= 0 && it.inSync.length === it.replicas.length);
}
