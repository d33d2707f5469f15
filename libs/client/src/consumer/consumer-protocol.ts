import { decodeVersioned, encodeVersioned, ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '@millrace/protocol';
import type { TopicPartition } from '@millrace/foundation';

export interface Subscription {
  readonly topics: readonly string[];
  readonly ownedPartitions: readonly TopicPartition[];
  /** In which it got what it owns; -1: none yet, or the client is too old to tell. */
  readonly generationId: number;
  readonly userData: Uint8Array | null;
}

/** The version that Java's client writes. */
const VERSION = 3;

/** A member's metadata in the group, as Java's consumers write it. */
export function encodeSubscription({ topics, ownedPartitions = [], generationId = -1, userData = null }: Pick<Subscription, 'topics'> & Partial<Subscription>): Uint8Array {
  return encodeVersioned(ConsumerProtocolSubscription, { topics: [...topics].sort(), userData, ownedPartitions: listed(inOrder(ownedPartitions)), generationId, rackId: null }, VERSION);
}

/** Throws MalformedBytes. A later version is read as the last one known: fields are only ever added. */
export function decodeSubscription(bytes: Uint8Array): Subscription {
  const { topics, ownedPartitions, generationId, userData } = decodeVersioned(ConsumerProtocolSubscription, bytes, 'as-latest').message;
  return { topics, ownedPartitions: ownedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))), generationId, userData };
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Uint8Array {
  return encodeVersioned(ConsumerProtocolAssignment, { assignedPartitions: listed(partitions), userData: null }, VERSION);
}

/** Empty bytes are an empty assignment. */
export function decodeAssignment(bytes: Uint8Array): TopicPartition[] {
  if (bytes.length === 0) return [];
  return decodeVersioned(ConsumerProtocolAssignment, bytes, 'as-latest').message.assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}

export function byTopic(partitions: readonly TopicPartition[]): Map<string, number[]> {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    const list = topics.get(topic);
    if (list === undefined) topics.set(topic, [partition]);
    else list.push(partition);
  }
  return topics;
}

function inOrder(partitions: readonly TopicPartition[]): TopicPartition[] {
  return [...partitions].sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

function listed(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  return [...byTopic(partitions)].map(([topic, list]) => ({ topic, partitions: list }));
}
