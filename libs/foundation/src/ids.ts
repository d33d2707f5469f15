import type { Flavor } from './flavor.js';

/** A record's place in a partition. One representation inside Millrace: a safe integer; public client APIs speak bigint. */
export type Offset = Flavor<number, 'Offset'>;
/** A byte's place in a file. Never called an offset. */
export type FilePosition = Flavor<number, 'FilePosition'>;
/** The generation of a partition's leadership (KIP-101). -1 is "none known". */
export type LeaderEpoch = Flavor<number, 'LeaderEpoch'>;
export type PartitionEpoch = Flavor<number, 'PartitionEpoch'>;
export type BrokerId = Flavor<number, 'BrokerId'>;
/** The metadata-log offset of a broker's registration. */
export type BrokerEpoch = Flavor<number, 'BrokerEpoch'>;
export type ProducerId = Flavor<number, 'ProducerId'>;
export type ProducerEpoch = Flavor<number, 'ProducerEpoch'>;
/** Milliseconds since the Unix epoch. -1 is "none". */
export type TimestampMs = Flavor<number, 'TimestampMs'>;

/** A topic and one of its partitions. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The text form that Kafka's tools and directories use: `orders-3`. */
export function topicPartitionName(it: TopicPartition): string {
  return `${it.topic}-${it.partition}`;
}
