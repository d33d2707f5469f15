import type { Codecs, CompressionType, Offset, TimestampMs } from '@millrace/foundation';
import { RecordBatchBuilder, recordsOf, stampProducer, type RecordHeader } from '@millrace/records';

export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  /** -1 with acks=0, and for a batch of which the broker only remembers that it had it before. */
  readonly offset: bigint;
  readonly timestampMs: TimestampMs;
}

/** What became of one batch. */
export interface BatchAck {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the batch's first record; the others follow one by one. -1: not known (see RecordMetadata.offset), or failed. */
  readonly baseOffset: Offset;
  /** The broker's time on a LogAppendTime topic, -1 on others. */
  readonly logAppendTimeMs: TimestampMs;
  readonly count: number;
  /** The tags of the batch's records, in their order, as runs: first, last, first, last, ... Records without a tag (of `send`) are not among them. */
  readonly tagRuns: readonly number[];
  /** Undefined: acknowledged. */
  readonly error: Error | undefined;
}

/** Who waits for one record of a batch. */
export interface Delivery {
  readonly index: number;
  readonly timestampMs: TimestampMs;
  readonly resolve: (metadata: RecordMetadata) => void;
  readonly reject: (error: Error) => void;
}

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export const NO_TAG = -1;

/** Records for one partition on their way: open (being filled), then sealed, then built into bytes when it is first sent. */
export class ProducerBatch {
  private builder: RecordBatchBuilder | undefined;
  private bytes: Uint8Array | undefined;
  private builtFor: ProducerIdentity | undefined;
  private builtSequence = -1;
  private readonly runs: number[] = [];
  private deliveries: Delivery[] | undefined;
  private doneListeners: (() => void)[] | undefined;
  count = 0;
  attempts = 0;
  /** What it takes of the producer's memory. */
  memoryBytes = 0;
  baseSequence = -1;
  /** How many batches its partition had sent before it under a sequence. */
  ordinal = -1;
  isDone = false;

  constructor(
    readonly createdMs: number,
    batchBytes: number,
  ) {
    this.builder = new RecordBatchBuilder(Math.min(batchBytes, 65_536) + 64);
  }

  /** Bytes so far, before compression; of a built batch its real size. */
  get sizeBytes(): number {
    return this.bytes?.length ?? this.builder?.estimatedBytes ?? 0;
  }

  append(key: Uint8Array | null, value: Uint8Array | null, timestampMs: TimestampMs, headers: readonly RecordHeader[] | undefined, tag: number): void {
    this.builder?.append(key, value, timestampMs, headers);
    if (tag !== NO_TAG) this.addTag(tag);
    this.count += 1;
  }

  addDelivery(delivery: Delivery): void {
    (this.deliveries ??= []).push(delivery);
  }

  onDone(listener: () => void): void {
    (this.doneListeners ??= []).push(listener);
  }

  /** The bytes to send, with this identity and place in the sequence; compressed once. */
  build(codecs: Codecs, compression: CompressionType, level: number | undefined, identity: ProducerIdentity | undefined): Uint8Array {
    const producer = { producerId: identity?.producerId ?? -1, producerEpoch: identity?.producerEpoch ?? -1, baseSequence: this.baseSequence };
    if (this.bytes === undefined) {
      if (this.builder === undefined) throw new Error('a batch is built from its records or from its bytes');
      this.bytes = this.builder.build({ codecs, compression, level, ...producer });
      this.builder = undefined;
    } else if (this.builtFor !== identity || this.builtSequence !== this.baseSequence) {
      // The first attempt's bytes may still stand in a socket's queue: those must not change.
      this.bytes = this.bytes.slice();
      stampProducer(this.bytes, 0, producer, codecs.crc32c);
    }
    this.builtFor = identity;
    this.builtSequence = this.baseSequence;
    return this.bytes;
  }

  /** The bytes of the last attempt. */
  get built(): Uint8Array | undefined {
    return this.bytes;
  }

  complete(topic: string, partition: number, baseOffset: Offset, logAppendTimeMs: TimestampMs): BatchAck {
    for (const it of this.deliveries ?? []) it.resolve({ topic, partition, offset: BigInt(baseOffset < 0 ? -1 : baseOffset + it.index), timestampMs: logAppendTimeMs >= 0 ? logAppendTimeMs : it.timestampMs });
    this.finish();
    return { topic, partition, baseOffset, logAppendTimeMs, count: this.count, tagRuns: this.runs, error: undefined };
  }

  fail(topic: string, partition: number, error: Error): BatchAck {
    for (const it of this.deliveries ?? []) it.reject(error);
    this.finish();
    return { topic, partition, baseOffset: -1, logAppendTimeMs: -1, count: this.count, tagRuns: this.runs, error };
  }

  /** Two or more batches with the same records, each at most half this one's size before compression (or of one record). */
  split(codecs: Codecs): ProducerBatch[] {
    const bytes = this.bytes;
    if (bytes === undefined || this.count < 2) return [this];
    const cursor = recordsOf(bytes, codecs, { decompressedBytesMax: Number.MAX_SAFE_INTEGER });
    const recordsMax = Math.ceil(this.count / 2);
    const parts: ProducerBatch[] = [];
    const tags = new TagWalk(this.runs, this.count);
    const deliveries = this.deliveries ?? [];
    let nextDelivery = 0;
    for (let index = 0, part: ProducerBatch | undefined; cursor.next(); index++) {
      if (part === undefined || part.count === recordsMax) {
        part = new ProducerBatch(this.createdMs, 1024);
        part.attempts = this.attempts;
        if (this.baseSequence >= 0) part.baseSequence = sequenceAfter(this.baseSequence, index);
        parts.push(part);
      }
      const delivery = deliveries[nextDelivery];
      const isWaitedFor = delivery?.index === index;
      if (isWaitedFor) {
        part.addDelivery({ ...delivery, index: part.count });
        nextDelivery += 1;
      }
      part.append(cursor.key(), cursor.value(), cursor.timestampMs, cursor.headers(), isWaitedFor ? NO_TAG : tags.next());
    }
    const share = Math.floor(this.memoryBytes / parts.length);
    for (const [index, part] of parts.entries()) part.memoryBytes = index === 0 ? this.memoryBytes - share * (parts.length - 1) : share;
    const listeners = this.doneListeners ?? [];
    let left = parts.length;
    for (const part of parts) part.onDone(() => ((left -= 1) === 0 ? listeners.forEach((it) => it()) : undefined));
    return parts;
  }

  private finish(): void {
    this.isDone = true;
    this.deliveries = undefined;
    for (const listener of this.doneListeners ?? []) listener();
  }

  private addTag(tag: number): void {
    const runs = this.runs;
    const last = runs.length - 1;
    if (last >= 0 && runs[last] === tag - 1) runs[last] = tag;
    else runs.push(tag, tag);
  }
}

class TagWalk {
  private run = 0;
  private step = 0;

  constructor(
    private readonly runs: readonly number[],
    private readonly count: number,
  ) {}

  next(): number {
    const first = this.runs[this.run];
    const last = this.runs[this.run + 1];
    if (first === undefined || last === undefined || this.count === 0) return NO_TAG;
    const tag = first + this.step;
    if (tag === last) {
      this.run += 2;
      this.step = 0;
    } else {
      this.step += 1;
    }
    return tag;
  }
}

/** Sequences wrap from 2^31 - 1 to 0. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) % 2_147_483_648;
}
