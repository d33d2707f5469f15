import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { COMPRESSION_TYPES, type CompressionType } from '@millrace/foundation';
import { nodeCodecs as codecs } from '@millrace/platform';
import { batchesOf, BATCH_HEADER_BYTES, buildEndTxnMarker, isBatchCrcValid, readBatchHeader, readEndTxnMarker, RecordBatchBuilder, recordBytesMax, recordsOf, stampBatch, stampLogAppendTime, stampProducer, validateProducerBatch, type DecodedRecord } from './index.js';

interface JavaBatch {
  readonly compression: CompressionType;
  readonly count: number;
  readonly abortMarker?: boolean;
  readonly bytes: string;
}

const options = { decompressedBytesMax: 16 * 1024 * 1024 };
/** Made by MemoryRecordsBuilder of kafka-clients 4.3.1. */
const javaBatches = JSON.parse(readFileSync(join(__dirname, '../test/java-batches.json'), 'utf8')) as JavaBatch[];

/** What the Java program put into record `i`. */
function javaRecord(i: number): Omit<DecodedRecord, 'key' | 'value' | 'headers'> & { key: string | null; value: string | null; headers: [string, string | null][] } {
  return {
    offset: i,
    timestampMs: 1_700_000_000_000 + (i % 2 === 0 ? i * 3 : -i * 100_000_000),
    key: i % 4 === 3 ? null : `key-${i}`,
    value: i % 7 === 2 ? null : `value ${i} ${'abc'.repeat(i % 50)}`,
    headers: i % 5 === 1 ? [['träce', `id-${i}`], ['none', null]] : [],
  };
}

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());

describe('batches of the Java client', () => {
  const data = javaBatches.filter((it) => it.abortMarker !== true).map((it) => ({ ...it, batch: new Uint8Array(Buffer.from(it.bytes, 'base64')) }));

  it.each(data)('reads $count records, $compression', ({ batch, count, compression }) => {
    const header = readBatchHeader(batch);
    expect(header).toMatchObject({ compression, recordCount: count, lastOffset: count - 1, sizeBytes: batch.length, producerId: count === 3 ? -1 : 4001, baseSequence: count === 3 ? -1 : 42 });
    expect(isBatchCrcValid(batch, 0, codecs.crc32c)).toBe(true);
    const seen = [...recordsOf(batch, codecs, options)].map((it) => ({ ...it, key: text(it.key), value: text(it.value), headers: it.headers.map((h) => [h.key, text(h.value)]) }));
    expect(seen).toEqual(Array.from({ length: count }, (_, i) => javaRecord(i)));
  });

  it.each(data)('writes what Java writes: $count records, $compression', ({ batch, count, compression }) => {
    const builder = new RecordBatchBuilder(64);
    for (let i = 0; i < count; i++) {
      const it = javaRecord(i);
      builder.append(it.key === null ? null : Buffer.from(it.key), it.value === null ? null : Buffer.from(it.value), it.timestampMs, it.headers.map(([key, value]) => ({ key, value: value === null ? null : Buffer.from(value) })));
    }
    const idempotent = count === 3 ? {} : { producerId: 4001, producerEpoch: 7, baseSequence: 42 };
    const ours = builder.build({ codecs, compression, ...idempotent });
    if (compression === 'none') {
      expect(Buffer.from(ours).equals(batch)).toBe(true);
    } else {
      const blob = (it: Uint8Array): Uint8Array => codecs.compression[compression].decompress(it.subarray(BATCH_HEADER_BYTES), 1 << 24);
      expect(Buffer.from(blob(ours)).equals(blob(batch))).toBe(true);
    }
  });

  it('has the same bytes for the marker of an aborted transaction', () => {
    const java = Buffer.from(javaBatches.find((it) => it.abortMarker === true)?.bytes ?? '', 'base64');
    const ours = buildEndTxnMarker({ isCommit: false, coordinatorEpoch: 9 }, { codecs, timestampMs: 1_700_000_000_000, baseOffset: 77, leaderEpoch: 5, producerId: 4001, producerEpoch: 7 });
    expect(Buffer.from(ours).toString('hex')).toBe(java.toString('hex'));
    expect([...recordsOf(java, codecs, options)].map(readEndTxnMarker)).toEqual([{ isCommit: false, coordinatorEpoch: 9 }]);
  });
});

const bytes = fc.uint8Array({ maxLength: 200 });
const record = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  timestampMs: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.integer({ min: 0, max: 4e12 })),
  headers: fc.array(fc.record({ key: fc.string(), value: fc.option(bytes) }), { maxLength: 3 }),
});

describe('RecordBatchBuilder', () => {
  it('gives back what was appended, within the bytes foretold, and survives its own reuse', () => {
    const builder = new RecordBatchBuilder();
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 40 }), fc.constantFrom(...COMPRESSION_TYPES), (records, compression) => {
        let bound = BATCH_HEADER_BYTES;
        for (const it of records) {
          builder.append(it.key, it.value, it.timestampMs, it.headers);
          bound += recordBytesMax(it.key, it.value, it.headers);
          expect(builder.estimatedBytes).toBeLessThanOrEqual(bound);
        }
        const batch = builder.build({ codecs, compression, baseOffset: 1000 });
        const plain = (it: DecodedRecord | (typeof records)[number]): unknown => ({ key: it.key && [...it.key], value: it.value && [...it.value], timestampMs: it.timestampMs, headers: it.headers.map((h) => [Buffer.from(h.key).toString(), h.value && [...h.value]]) });
        expect([...recordsOf(batch, codecs, options)].map(plain)).toEqual(records.map(plain));
        expect([...recordsOf(batch, codecs, options)].map((it) => it.offset)).toEqual(records.map((_, i) => 1000 + i));
        expect(readBatchHeader(batch).maxTimestampMs).toBe(Math.max(...records.map((it) => it.timestampMs)));
        expect(builder.count).toBe(0);
      }),
    );
  });
});

describe('stamps', () => {
  it('place a batch in the log without touching its CRC, and LogAppendTime with a new one', () => {
    const builder = new RecordBatchBuilder();
    builder.append(null, Buffer.from('a'), 5);
    builder.append(null, Buffer.from('b'), 6);
    const two = Buffer.concat([builder.build({ codecs }), Buffer.alloc(10)]);
    stampBatch(two, 0, 5_000_000_000, 12);
    expect(readBatchHeader(two)).toMatchObject({ baseOffset: 5_000_000_000, lastOffset: 5_000_000_001, leaderEpoch: 12, timestampType: 'CreateTime' });
    expect(isBatchCrcValid(two, 0, codecs.crc32c)).toBe(true);
    stampLogAppendTime(two, 0, 99, codecs.crc32c);
    expect(isBatchCrcValid(two, 0, codecs.crc32c)).toBe(true);
    expect([...recordsOf(two, codecs, options)].map((it) => [it.offset, it.timestampMs])).toEqual([[5_000_000_000, 99], [5_000_000_001, 99]]);
    expect([...batchesOf(two)].map((it) => it.position)).toEqual([0]);
  });
});

describe('stampProducer', () => {
  it('makes the batch that the builder would have made for that producer', () => {
    const batchFor = (producer: { producerId: number; producerEpoch: number; baseSequence: number }): Uint8Array => {
      const builder = new RecordBatchBuilder();
      builder.append(Buffer.from('k'), Buffer.from('v'), 7);
      return builder.build({ codecs, ...producer });
    };
    const batch = batchFor({ producerId: 5, producerEpoch: 1, baseSequence: 90 });
    stampProducer(batch, 0, { producerId: 6_000_000_000, producerEpoch: 2, baseSequence: 0 }, codecs.crc32c);
    expect(Buffer.from(batch).equals(batchFor({ producerId: 6_000_000_000, producerEpoch: 2, baseSequence: 0 }))).toBe(true);
  });
});

describe('batchesOf', () => {
  it('stops in silence at a partial tail, wherever it was cut', () => {
    const builder = new RecordBatchBuilder();
    const make = (): Uint8Array => (builder.append(null, Buffer.from('x'), 1), builder.build({ codecs }));
    const all = Buffer.concat([make(), make(), make()]);
    const size = all.length / 3;
    for (let cut = 0; cut <= all.length; cut++) expect([...batchesOf(all.subarray(0, cut))]).toHaveLength(Math.floor(cut / size));
  });
});

describe('what validateProducerBatch lets through', () => {
  it('is exactly what a cursor reads to the end', () => {
    const limits = { codecs, isCompacted: false, maxBatchBytes: 1 << 20, nowMs: 2e12, timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER, timestampAfterMaxMs: 3_600_000, timestampType: 'CreateTime', decompressedBytesMax: 1 << 24, zstdAllowed: true } as const;
    for (const { bytes: base64, abortMarker } of javaBatches) {
      expect(validateProducerBatch(Buffer.from(base64, 'base64'), limits).ok).toBe(abortMarker !== true);
    }
  });
});
