import { Kafka, logLevel, type Admin } from 'kafkajs';

/** The sum of the end offsets of all partitions of these topics; a topic that is not there, or has no leader yet, counts as empty. */
export async function endOffsets(bootstrap: string, topics: readonly string[]): Promise<number> {
  const admin = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const ends = await Promise.all(topics.filter((it) => existing.has(it)).map((it) => offsetsOf(admin, it)));
    return ends.flat().reduce((sum, it) => sum + Number(it.high), 0);
  } finally {
    await admin.disconnect();
  }
}

async function offsetsOf(admin: Admin, topic: string): ReturnType<Admin['fetchTopicOffsets']> {
  try {
    return await admin.fetchTopicOffsets(topic);
  } catch (error) {
    if ((error as { type?: string }).type !== 'NOT_LEADER_FOR_PARTITION' && (error as { type?: string }).type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
    return [];
  }
}
