import { decodeVersioned, encodeVersioned, ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '@millrace/protocol';
import type { TopicPartition } from '@millrace/foundation';

export interface Subscription {
  readonly topics: readonly string[];
  readonly ownedPartitions: readonly TopicPartition[];
}

/** The version that Java's client writes. */
const VERSION = 3;

/** A member's metadata in the group, as Java's consumers write it. */
export function encodeSubscription(topics: readonly string[], userData: Uint8Array | null = null): Uint8Array {
  return encodeVersioned(ConsumerProtocolSubscription, { topics: [...topics].sort(), userData, ownedPartitions: [], generationId: -1, rackId: null }, VERSION);
}

/** Throws MalformedBytes. A later version is read as the last one known: fields are only ever added. */
export function decodeSubscription(bytes: Uint8Array): Subscription {
  const { topics, ownedPartitions } = decodeVersioned(ConsumerProtocolSubscription, bytes, 'as-latest').message;
  return { topics, ownedPartitions: ownedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))) };
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Uint8Array {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    const list = byTopic.get(topic);
    if (list === undefined) byTopic.set(topic, [partition]);
    else list.push(partition);
  }
  return encodeVersioned(ConsumerProtocolAssignment, { assignedPartitions: [...byTopic].map(([topic, list]) => ({ topic, partitions: list })), userData: null }, VERSION);
}

/** Empty bytes are an empty assignment. */
export function decodeAssignment(bytes: Uint8Array): TopicPartition[] {
  if (bytes.length === 0) return [];
  return decodeVersioned(ConsumerProtocolAssignment, bytes, 'as-latest').message.assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
