import { createHash } from 'node:crypto';
import type { SinkRecord } from '@millrace/connect-api';

/**
 * Invariant 3: the id of the message of a record, made of the connector's name and where the record stands in Kafka: the same in every attempt, after
 * every restart, in every task. A UUID of version 8; it tells nothing of what it was made of.
 */
export class MessageId {
  private readonly place: string;

  constructor(connector: string, record: SinkRecord) {
    this.place = `${connector}\u0000${record.originalTopic}\u0000${record.originalPartition}\u0000${record.originalKafkaOffset}`;
  }

  toString(): string {
    return uuidOf(this.place);
  }

  /** The id of a message of several records: the same for the same records; of one, that record's. */
  static ofAll(ids: readonly MessageId[]): string {
    return uuidOf(ids.map((it) => it.place).join('\u0000\u0000'));
  }
}

function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
