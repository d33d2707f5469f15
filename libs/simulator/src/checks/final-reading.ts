import { Consumer, stringSerializer, type Admin } from '@millrace/client';
import { topicPartitionName, type Offset } from '@millrace/foundation';
import type { SimulatedClient } from '../workload/simulated-client.js';

export interface ReadPartition {
  readonly topic: string;
  readonly partition: number;
  readonly startOffset: Offset;
  readonly endOffset: Offset;
  /** In the order of the log. */
  readonly records: readonly { readonly offset: Offset; readonly key: string }[];
}

/** Every record of these topics, from the start to the end, as a fresh reader is given them. Rejects with what the cluster cannot do. */
export async function readEverything(client: SimulatedClient, admin: Admin, topics: readonly { readonly name: string; readonly partitions: number }[]): Promise<ReadPartition[]> {
  const partitions = topics.flatMap(({ name, partitions: count }) => Array.from({ length: count }, (_, partition) => ({ topic: name, partition })));
  const starts = await admin.listOffsets(partitions.map((it) => ({ ...it, at: 'earliest' as const })));
  const ends = await admin.listOffsets(partitions.map((it) => ({ ...it, at: 'latest' as const })));
  const consumer = new Consumer({ ...client.options(), autoOffsetReset: 'none', maxPollRecords: 5000, keyDeserializer: stringSerializer });
  const offsetOf = (list: typeof starts, name: string): Offset => Number(list.find((it) => topicPartitionName(it) === name)?.offset ?? -1);
  const read = new Map(partitions.map((it) => [topicPartitionName(it), { ...it, startOffset: offsetOf(starts, topicPartitionName(it)), endOffset: offsetOf(ends, topicPartitionName(it)), records: [] as { offset: Offset; key: string }[] }]));
  consumer.assign(partitions);
  for (const it of read.values()) consumer.seek(it, it.startOffset);
  const isBehind = (): boolean => [...read.values()].some((it) => Number(consumer.position(it) ?? -1) < it.endOffset);
  while (isBehind()) {
    for (const it of await consumer.poll(1000)) read.get(topicPartitionName(it))?.records.push({ offset: Number(it.offset), key: it.key ?? '' });
  }
  await consumer.close();
  return [...read.values()];
}
