import type { ErrantRecordReporter, SinkRecord } from '@millrace/connect-api';
import type { TaskConverters } from '../tasks/task-converters.js';
import { originalOf, type OriginalRecord } from './original-record.js';
import type { RecordErrors } from './record-errors.js';

const SINK_TASK = 'org.apache.kafka.connect.sink.SinkTask';

/** Takes the records that a sink task gives up by itself. */
export class ErrantRecords implements ErrantRecordReporter {
  /** A record was given up although errors are not tolerated: the task fails, whatever it makes of the rejection. */
  failure: Error | undefined;

  constructor(
    private readonly errors: RecordErrors,
    private readonly converters: TaskConverters,
    /** `failure` is set. */
    private readonly onFailed: (failure: Error) => void,
  ) {}

  async report(record: SinkRecord, error: Error): Promise<void> {
    const { originalTopic: topic, originalPartition: partition, originalKafkaOffset: offset, timestampMs } = record;
    try {
      await this.errors.give(
        { stage: 'TASK_PUT', className: SINK_TASK, error },
        { where: () => `the record at ${topic}-${partition}, offset ${offset}`, fields: () => ({ topic, partition, offset, timestampMs }), original: () => originalOf(record) ?? this.convertedBack(record) },
      );
    } catch (failure) {
      this.failure ??= failure as Error;
      this.onFailed(this.failure);
      throw failure;
    }
  }

  /** A record that the task has made itself: as it would stand in Kafka. */
  private convertedBack(record: SinkRecord): OriginalRecord {
    const { topic, partition, kafkaOffset: offset, timestampMs, headers } = record;
    const key = this.converters.key.fromConnectData(topic, record.keySchema, record.key, headers);
    const keyBytes = key && Uint8Array.from(key);
    const value = this.converters.value.fromConnectData(topic, record.valueSchema, record.value, headers);
    return { topic, partition, offset, timestampMs, key: keyBytes, value: value && Uint8Array.from(value), headers: this.converters.headersToWire(topic, headers) ?? [] };
  }
}
