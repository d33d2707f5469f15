import { createHash } from 'node:crypto';
import type { SinkRecord } from '@millrace/connect-api';

/**
 * Invariant 3: the id of a record's delivery, made of the connector's name and where the record stands in Kafka: the same in every attempt, after
 * every restart, in every task. A UUID of version 8; it tells nothing of what it was made of.
 */
export function deliveryId(connector: string, record: SinkRecord): string {
  return uuidOf(`${connector}\u0000${record.originalTopic}\u0000${record.originalPartition}\u0000${record.originalKafkaOffset}`);
}

/** The id of a request that carries several records: the same for the same records. */
export function batchId(ids: readonly string[]): string {
  return ids.length === 1 ? (ids[0] ?? '') : uuidOf(ids.join('\u0000'));
}

function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
