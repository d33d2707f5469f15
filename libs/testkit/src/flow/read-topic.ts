import { Kafka, logLevel } from 'kafkajs';

export interface ReadRecord {
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestampMs: number;
}

/** Hands over each record that is in the topic now, in order per partition; by kafkajs, so that software that is not ours reads. */
export async function readTopic(bootstrap: string, topic: string, onRecord: (record: ReadRecord) => void): Promise<void> {
  const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const ends = (await admin.fetchTopicOffsets(topic)).map((it) => ({ partition: it.partition, end: BigInt(it.high), isEmpty: it.high === it.low }));
  await admin.disconnect();
  const missing = new Map(ends.filter((it) => !it.isEmpty).map((it) => [it.partition, it.end]));
  if (missing.size === 0) return;
  const consumer = kafka.consumer({ groupId: `read-${process.pid}-${Date.now()}-${Math.floor(performance.now() * 1000)}`, maxBytesPerPartition: 8 * 1024 * 1024 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload: { error } }) => reject(error));
    consumer
      .run({
        eachBatchAutoResolve: true,
        eachBatch: async ({ batch }) => {
          for (const { key, value, offset, timestamp } of batch.messages) {
            if (BigInt(offset) < (missing.get(batch.partition) ?? 0n)) onRecord({ partition: batch.partition, offset, key, value, timestampMs: Number(timestamp) });
          }
          if (BigInt(batch.lastOffset()) + 1n >= (missing.get(batch.partition) ?? 0n)) missing.delete(batch.partition);
          if (missing.size === 0) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
}
