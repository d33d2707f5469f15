import { Kafka, logLevel } from 'kafkajs';

/** How many partitions of the topic have no leader, or not all their replicas in sync. */
export async function partitionsNotWhole(bootstrap: string, topic: string): Promise<number> {
  const admin = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics.flatMap((it) => it.partitions).filter((it) => it.leader < 0 || it.isr.length < it.replicas.length).length;
  } finally {
    await admin.disconnect();
  }
}
