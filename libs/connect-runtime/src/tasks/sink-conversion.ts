import { LazyStruct, type SchemaAndValue, type SinkRecord, type TopicPartition } from '@millrace/connect-api';
import type { PartitionRecords } from '@millrace/client';
import { CHECKING_WRITER } from '../errors/checking-writer.js';
import type { FailedStep } from '../errors/failed-step.js';
import { ORIGINAL, type OriginalRecord } from '../errors/original-record.js';
import { Attempts, type Culprit, type RecordErrors } from '../errors/record-errors.js';
import type { TaskSpec } from '../isolation/task-protocol.js';
import type { TransformationChain } from '../transforms/transformation-chain.js';
import type { TaskConverters } from './task-converters.js';

/** The same record is to be converted again, after `retryMs`. */
export const CONVERT_LATER: unique symbol = Symbol('convert later');

/** From a record in Kafka to what `put` gets: converters, then transformations. */
export class SinkConversion {
  retryMs = 0;
  private readonly isStrict: boolean;
  private readonly keepsOriginals: boolean;

  constructor(
    private readonly spec: Pick<TaskSpec, 'keyConverter' | 'valueConverter' | 'headerConverter'>,
    private readonly converters: TaskConverters,
    private readonly chain: TransformationChain,
    readonly errors: RecordErrors,
  ) {
    this.isStrict = errors.isStrict;
    this.keepsOriginals = errors.settings.deadLetters !== null;
  }

  /** Nothing more can be taken until dead letters are written. */
  get isHeldUp(): boolean {
    return this.errors.deadLetters?.isFull === true;
  }

  /** Null: the record is dropped, by a transformation or because it is bad. Throws when the task must fail. */
  convert({ topic, partition }: TopicPartition, { cursor }: PartitionRecords, place: { attempts: Attempts | undefined }): SinkRecord | null | typeof CONVERT_LATER {
    const { converters, chain } = this;
    let stage: FailedStep['stage'] = 'KEY_CONVERTER';
    try {
      const keyBytes = cursor.key();
      const key = this.checked(converters.key.toConnectData(topic, keyBytes));
      stage = 'VALUE_CONVERTER';
      const valueBytes = cursor.value();
      const value = this.checked(converters.value.toConnectData(topic, valueBytes));
      stage = 'HEADER_CONVERTER';
      const record: SinkRecord & { readonly [ORIGINAL]: OriginalRecord | undefined } = {
        topic,
        partition,
        kafkaOffset: cursor.offset,
        keySchema: key.schema,
        key: key.value,
        valueSchema: value.schema,
        value: value.value,
        timestampMs: cursor.timestampMs,
        timestampType: cursor.timestampMs < 0 ? 'NoTimestampType' : 'CreateTime',
        headers: converters.headersFromWire(topic, cursor),
        originalTopic: topic,
        originalPartition: partition,
        originalKafkaOffset: cursor.offset,
        [ORIGINAL]: this.keepsOriginals ? { topic, partition, offset: cursor.offset, timestampMs: cursor.timestampMs, key: keyBytes, value: valueBytes, headers: cursor.headers() } : undefined,
      };
      if (chain.isEmpty) return record;
      stage = 'TRANSFORMATION';
      return this.transformed(record);
    } catch (error) {
      const delayMs = this.errors.decide({ stage, className: this.className(stage), error }, culprit(topic, partition, cursor), (place.attempts ??= new Attempts()));
      if (delayMs === undefined) return null;
      this.retryMs = delayMs;
      return CONVERT_LATER;
    }
  }

  private transformed(record: SinkRecord): SinkRecord | null {
    const transformed = this.chain.apply(record);
    if (transformed === null || transformed === record) return transformed as SinkRecord | null;
    const { topic, partition, keySchema, key, valueSchema, value, timestampMs, headers } = transformed;
    return { ...record, topic, partition: partition ?? record.partition, keySchema, key, valueSchema, value, timestampMs: timestampMs ?? -1, headers };
  }

  /** A value that reads itself later would fail in `put`, where one record cannot be told from the others. */
  private checked(it: SchemaAndValue): SchemaAndValue {
    if (this.isStrict && it.value instanceof LazyStruct) it.value.visit(CHECKING_WRITER);
    return it;
  }

  private className(stage: FailedStep['stage']): string {
    if (stage === 'TRANSFORMATION') return this.chain.className;
    const { keyConverter, valueConverter, headerConverter } = this.spec;
    return (stage === 'KEY_CONVERTER' ? keyConverter : stage === 'VALUE_CONVERTER' ? valueConverter : headerConverter).plugin.class;
  }
}

function culprit(topic: string, partition: number, cursor: PartitionRecords['cursor']): Culprit {
  const { offset, timestampMs } = cursor;
  return {
    where: () => `the record at ${topic}-${partition}, offset ${offset}`,
    fields: () => ({ topic, partition, offset, timestampMs }),
    original: () => ({ topic, partition, offset, timestampMs, key: cursor.key(), value: cursor.value(), headers: cursor.headers() }),
  };
}
