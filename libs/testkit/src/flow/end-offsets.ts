import { Kafka, logLevel } from 'kafkajs';

/** The sum of the end offsets of all partitions of these topics; a topic that is not there counts as empty. */
export async function endOffsets(bootstrap: string, topics: readonly string[]): Promise<number> {
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const ends = await Promise.all(topics.filter((it) => existing.has(it)).map((it) => admin.fetchTopicOffsets(it)));
    return ends.flat().reduce((sum, it) => sum + Number(it.high), 0);
  } finally {
    await admin.disconnect();
  }
}
