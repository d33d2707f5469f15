import { badRequest } from '../rest/rest-error.js';
import type { ConnectorOffset, StringMap } from '../rest/shapes.js';

/** The consumer group of a sink connector, and how its cluster is reached. */
export interface SinkGroup {
  readonly groupId: string;
  readonly adminConfig: StringMap;
}

export interface SinkOffset {
  readonly topic: string;
  readonly partition: number;
  /** Null: to be forgotten. */
  readonly offset: number | null;
}

/** What is asked of the brokers about the groups of sinks. */
export interface SinkGroups {
  /** As Connect shows them. */
  committed(group: SinkGroup): Promise<ConnectorOffset[]>;
  /** Rejects with KAFKA_UNKNOWN_MEMBER_ID or KAFKA_GROUP_SUBSCRIBED_TO_TOPIC while the group has members. */
  alter(group: SinkGroup, offsets: readonly SinkOffset[]): Promise<void>;
  /** Deletes the group; fine when there is none. Rejects with KAFKA_NON_EMPTY_GROUP while it has members. */
  remove(group: SinkGroup): Promise<void>;
}

/** Offsets of a sink as REST clients give them; numbers may be texts. Throws 400 with Connect's texts. */
export function sinkOffsetsOf(offsets: readonly ConnectorOffset[]): SinkOffset[] {
  const byPartition = new Map<string, SinkOffset>();
  for (const { partition, offset } of offsets) {
    if (partition === null) throw badRequest('The partition for a sink connector offset cannot be null or missing');
    if (!('kafka_topic' in partition) || !('kafka_partition' in partition)) throw badRequest("The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'");
    if (partition.kafka_topic === null) throw badRequest('Kafka topic names must be valid strings and may not be null');
    if (partition.kafka_partition === null) throw badRequest('Kafka partitions must be valid numbers and may not be null');
    const topic = textOf(partition.kafka_topic);
    const number = integerOf(partition.kafka_partition, 2 ** 31);
    if (number === undefined) throw badRequest(`Failed to parse the following Kafka partition value in the provided offsets: '${textOf(partition.kafka_partition)}'. Partition values for sink connectors need to be integers.`);
    byPartition.set(`${topic}-${number}`, { topic, partition: number, offset: offset === null ? null : sinkOffsetOf(offset) });
  }
  return [...byPartition.values()];
}

function sinkOffsetOf(offset: Readonly<Record<string, unknown>>): number {
  if (!('kafka_offset' in offset)) throw badRequest("The offset for a sink connector should either be null or contain the key 'kafka_offset'");
  const value = integerOf(offset.kafka_offset, Number.MAX_SAFE_INTEGER);
  if (value === undefined) throw badRequest(`Failed to parse the following Kafka offset value in the provided offsets: '${textOf(offset.kafka_offset)}'. Offset values for sink connectors need to be integers.`);
  return value;
}

function integerOf(value: unknown, limit: number): number | undefined {
  const text = textOf(value);
  return /^[+-]?\d+$/.test(text) && Math.abs(Number(text)) < limit ? Number(text) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
