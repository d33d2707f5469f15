import { errorMessage, OperationalError, topicPartitionName } from '@millrace/foundation';
import type { AssignedPartition } from './assigned-partition.js';
import type { Assignment } from './assignment.js';
import type { ConsumerOptions } from './consumer-options.js';
import type { ConsumerRecord } from './consumer-record.js';
import type { PartitionRecords } from './partition-records.js';

type Deserializers<K, V> = Pick<ConsumerOptions<K, V>, 'keyDeserializer' | 'valueDeserializer'>;

/** What was fetched and not given to the application yet. Positions follow what is taken. */
export class BufferedRecords<K, V> {
  private firstPartition = 0;

  constructor(
    private readonly assignment: Assignment,
    private readonly deserializers: Deserializers<K, V>,
    /** A buffer has room again. */
    private readonly onRoom: () => void,
  ) {}

  take(recordsMax: number): ConsumerRecord<K, V>[] {
    const list: ConsumerRecord<K, V>[] = [];
    for (const it of this.inTurn()) {
      for (let records = it.buffered[0]; records !== undefined && list.length < recordsMax; records = it.buffered[0]) {
        const { cursor } = records;
        while (list.length < recordsMax) {
          if (!records.next()) {
            this.drained(it, records);
            break;
          }
          try {
            list.push({ topic: it.topic, partition: it.partition, offset: BigInt(cursor.offset), timestampMs: cursor.timestampMs, key: this.key(cursor.key()), value: this.value(cursor.value()), headers: cursor.headers() });
            it.position = cursor.offset + 1;
          } catch (error) {
            // The application must decide about this record: the position stays on it.
            it.seek(cursor.offset);
            it.error = new OperationalError('DESERIALIZATION_FAILED', `the record at offset ${cursor.offset} of ${topicPartitionName(it)} cannot be deserialized, seek past it to go on: ${errorMessage(error)}`, { cause: error });
            return list;
          }
        }
      }
      if (list.length >= recordsMax) break;
    }
    return list;
  }

  /** Whole pieces until they hold so many records; the last one may go beyond. */
  takePieces(recordsMax: number): PartitionRecords[] {
    const list: PartitionRecords[] = [];
    let count = 0;
    for (const it of this.inTurn()) {
      for (let records = it.buffered[0]; records !== undefined && count < recordsMax; records = it.buffered[0]) {
        this.drained(it, records);
        if (records.recordsMax === 0) continue;
        list.push(records);
        count += records.recordsMax;
      }
      if (count >= recordsMax) break;
    }
    return list;
  }

  /** The partitions that have records, beginning with another one each time. */
  private inTurn(): AssignedPartition[] {
    const ready = [...this.assignment.partitions].filter((it) => it.buffered.length > 0 && !it.isPaused && it.error === undefined);
    if (ready.length < 2) return ready;
    this.firstPartition = (this.firstPartition + 1) % ready.length;
    return [...ready.slice(this.firstPartition), ...ready.slice(0, this.firstPartition)];
  }

  private drained(it: AssignedPartition, records: PartitionRecords): void {
    it.buffered.shift();
    it.bufferedBytes -= records.sizeBytes;
    it.position = records.nextOffset;
    this.onRoom();
  }

  private key(bytes: Uint8Array | null): K | null {
    const { keyDeserializer } = this.deserializers;
    return bytes === null ? null : keyDeserializer === undefined ? (bytes as K) : keyDeserializer.deserialize(bytes);
  }

  private value(bytes: Uint8Array | null): V | null {
    const { valueDeserializer } = this.deserializers;
    return bytes === null ? null : valueDeserializer === undefined ? (bytes as V) : valueDeserializer.deserialize(bytes);
  }
}
