import { ByteReader, ByteWriter, hasCode, type TopicPartition } from '@millrace/foundation';
import type { MemberAssignment } from './assignors.js';
import { byTopic } from './consumer-protocol.js';

const NOTHING: MemberAssignment = { partitions: [], generationId: -1 };

/** What the cooperative assignor adds to a subscription. */
export function encodeGeneration(generationId: number): Uint8Array {
  const writer = new ByteWriter(4);
  writer.int32(generationId);
  return writer.take();
}

export function decodeGeneration(bytes: Uint8Array | null): number {
  return bytes === null || bytes.length < 4 ? -1 : new ByteReader(bytes).int32();
}

/** What the eager one adds: topics with their partitions, and the generation, which the first version of it did not have. */
export function encodePrevious({ partitions, generationId }: MemberAssignment): Uint8Array {
  const topics = byTopic(partitions);
  const writer = new ByteWriter();
  writer.int32(topics.size);
  for (const [topic, list] of topics) {
    const name = Buffer.from(topic);
    writer.int16(name.length);
    writer.bytes(name);
    writer.int32(list.length);
    for (const partition of list) writer.int32(partition);
  }
  writer.int32(generationId);
  return writer.take();
}

/** What cannot be read counts as nothing. */
export function decodePrevious(bytes: Uint8Array | null): MemberAssignment {
  try {
    return bytes === null ? NOTHING : readPrevious(new ByteReader(bytes));
  } catch (error) {
    if (hasCode(error, 'MALFORMED_BYTES')) return NOTHING;
    throw error;
  }
}

function readPrevious(reader: ByteReader): MemberAssignment {
  const partitions: TopicPartition[] = [];
  const topics = reader.int32();
  reader.expectItems(topics, 6);
  for (let i = 0; i < topics; i++) {
    const topic = reader.utf8(reader.int16());
    const count = reader.int32();
    reader.expectItems(count, 4);
    for (let j = 0; j < count; j++) partitions.push({ topic, partition: reader.int32() });
  }
  return { partitions, generationId: reader.remaining >= 4 ? reader.int32() : -1 };
}
