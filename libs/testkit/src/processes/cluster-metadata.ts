import { BrokerConnection, NodeTransport } from '@millrace/network';
import { systemClock, timerScheduler } from '@millrace/platform';
import { Metadata } from '@millrace/protocol';

const METADATA_VERSION = 9;
const TIMEOUT_MS = 2000;

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
  const [host = '', port = ''] = address.split(':');
  let connection: BrokerConnection | undefined;
  try {
    connection = await BrokerConnection.connect({ transport: new NodeTransport(), clock: systemClock, scheduler: timerScheduler, endpoint: { host, port: Number(port) }, clientId: 'testkit', connectTimeoutMs: TIMEOUT_MS, requestTimeoutMs: TIMEOUT_MS });
    const { brokers, topics } = await connection.request(Metadata, METADATA_VERSION, { topics: null, allowAutoTopicCreation: false });
    return {
      brokers: brokers.map((it) => it.nodeId),
      partitions: topics.flatMap((topic) => topic.partitions.map((it) => ({ topic: topic.name ?? '', partition: it.partitionIndex, leader: it.leaderId, replicas: it.replicaNodes, inSync: it.isrNodes }))),
    };
  } catch {
    return undefined;
  } finally {
    connection?.close();
  }
}

/** Every partition has a leader, and all its replicas in sync. */
export function isWhole({ partitions }: ClusterMetadata): boolean {
  return partitions.every((it) => it.leader >= 0 && it.inSync.length === it.replicas.length);
}
