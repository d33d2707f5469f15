import type { ConnectRecord, SourceRecord } from '@millrace/connect-api';
import type { FailedStep } from '../errors/failed-step.js';
import { Attempts, type Culprit, type RecordErrors } from '../errors/record-errors.js';
import type { TaskSpec } from '../isolation/task-protocol.js';
import type { TransformationChain } from '../transforms/transformation-chain.js';
import { javaText } from '../converters/string-converter.js';
import type { TaskConverters, WireHeader } from './task-converters.js';

const PRODUCER = 'org.apache.kafka.clients.producer.ProducerRecord';

/** From what `poll` gave to what is produced: transformations, then converters. `convert` leaves its result in the fields, whose bytes are valid until the next call. */
export class SourceConversion {
  topic = '';
  partition: number | null = null;
  timestampMs = 0;
  key: Uint8Array | null = null;
  value: Uint8Array | null = null;
  headers: WireHeader[] | undefined;
  retryMs = 0;
  private attempts: Attempts | undefined;

  constructor(
    private readonly spec: Pick<TaskSpec, 'keyConverter' | 'valueConverter' | 'headerConverter'>,
    private readonly converters: TaskConverters,
    private readonly chain: TransformationChain,
    readonly errors: RecordErrors,
  ) {}

  /** 'dropped': by a transformation, or because the record is bad. 'later': call again with the same record after `retryMs`. Throws when the task must fail. */
  convert(record: SourceRecord, nowMs: number): 'ready' | 'dropped' | 'later' {
    const { converters } = this;
    let stage: FailedStep['stage'] = 'TRANSFORMATION';
    try {
      const it = this.chain.isEmpty ? record : this.chain.apply(asConnectRecord(record));
      if (it === null) {
        this.attempts = undefined;
        return 'dropped';
      }
      const { topic, headers } = it;
      stage = 'HEADER_CONVERTER';
      this.headers = converters.headersToWire(topic, headers);
      stage = 'KEY_CONVERTER';
      this.key = converters.key.fromConnectData(topic, it.keySchema, it.key, headers);
      stage = 'VALUE_CONVERTER';
      this.value = converters.value.fromConnectData(topic, it.valueSchema, it.value, headers);
      this.topic = topic;
      this.partition = it.partition ?? null;
      this.timestampMs = it.timestampMs ?? nowMs;
      this.attempts = undefined;
      return 'ready';
    } catch (error) {
      const delayMs = this.errors.decide({ stage, className: this.className(stage), error }, culprit(record), (this.attempts ??= new Attempts()));
      if (delayMs === undefined) {
        this.attempts = undefined;
        return 'dropped';
      }
      this.retryMs = delayMs;
      return 'later';
    }
  }

  /** The producer refused the record, now or later; it is skipped. Throws when that is not tolerated. */
  refused(error: unknown, record?: SourceRecord): void {
    this.errors.decide({ stage: 'KAFKA_PRODUCE', className: PRODUCER, error }, record ? culprit(record) : UNKNOWN, new Attempts());
  }

  private className(stage: FailedStep['stage']): string {
    if (stage === 'TRANSFORMATION') return this.chain.className;
    const { keyConverter, valueConverter, headerConverter } = this.spec;
    return (stage === 'KEY_CONVERTER' ? keyConverter : stage === 'VALUE_CONVERTER' ? valueConverter : headerConverter).plugin.class;
  }
}

const UNKNOWN: Culprit = { where: () => 'a record', fields: () => ({}), original: () => undefined };

/** Without the offset: it may be worked out only when it is read. */
function asConnectRecord(record: SourceRecord): ConnectRecord {
  const { topic, keySchema, key, valueSchema, value } = record;
  return { topic, partition: record.partition ?? null, keySchema, key, valueSchema, value, timestampMs: record.timestampMs ?? null, headers: record.headers ?? [] };
}

function culprit(record: SourceRecord): Culprit {
  return {
    where: () => `a record for topic ${record.topic}`,
    fields: () => ({ topic: record.topic, sourcePartition: record.sourcePartition, sourceOffset: record.sourceOffset, key: javaText(record.key), value: javaText(record.value) }),
    original: () => undefined,
  };
}
