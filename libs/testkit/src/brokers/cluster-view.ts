import { Kafka, logLevel, type Admin } from 'kafkajs';
import { waitFor } from '../flow/flow.js';

export interface PartitionView {
  readonly topic: string;
  readonly partition: number;
  /** -1: nobody leads. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

/** What clients are told of a cluster. */
export class ClusterView {
  private readonly kafka: Kafka;

  constructor(bootstrap: string) {
    this.kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING, connectionTimeout: 1000, requestTimeout: 2000, retry: { retries: 0 } });
  }

  /** Undefined while nobody answers. */
  async partitions(): Promise<readonly PartitionView[] | undefined> {
    return this.ask(async (admin) => {
      const metadata = await admin.fetchTopicMetadata();
      return metadata.topics.flatMap(({ name, partitions }) => partitions.map((it) => ({ topic: name, partition: it.partitionId, leader: it.leader, replicas: it.replicas, inSyncReplicas: it.isr })));
    });
  }

  /** Those that are there and not fenced. */
  async brokers(): Promise<readonly number[] | undefined> {
    return this.ask(async (admin) => (await admin.describeCluster()).brokers.map((it) => it.nodeId));
  }

  async createTopic(topic: string, partitions: number, replicationFactor: number): Promise<void> {
    await waitFor(`${topic} is created`, 60_000, async () => {
      // Somebody may be slower than the request allows: what counts is that it is there.
      await this.ask((admin) => admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor }] }));
      return (await this.partitions())?.some((it) => it.topic === topic) === true && (await this.areInSync());
    });
  }

  /** Whether each partition has a leader and all its replicas in sync. */
  async areInSync(): Promise<boolean> {
    const views = await this.partitions();
    return views !== undefined && views.length > 0 && views.every((it) => it.leader >= 0 && it.inSyncReplicas.length === it.replicas.length);
  }

  /** With a connection of its own: a broker that hangs is not asked twice. */
  private async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T | undefined> {
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      return await question(admin);
    } catch {
      return undefined;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}
