import { COMPRESSION_TYPES } from '@millrace/foundation';
import { nodeCodecs as codecs } from '@millrace/platform';
import { RecordBatchBuilder, validateProducerBatch, type BatchOptions, type ProducerBatchLimits } from './index.js';
import { AT, putInt16, putInt32, putInt64 } from './batch-format.js';
import { stampCrc } from './batch-stamps.js';

const NOW_MS = 1_700_000_000_000;
const limits: ProducerBatchLimits = {
  codecs,
  isCompacted: false,
  maxBatchBytes: 1_048_588,
  nowMs: NOW_MS,
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
  timestampType: 'CreateTime',
  decompressedBytesMax: 4 * 1024 * 1024,
  zstdAllowed: true,
};

interface Given {
  readonly key?: Uint8Array | null;
  readonly value?: Uint8Array;
  readonly timestampMs?: number;
}

function batchOf(records: readonly Given[], options: Partial<BatchOptions> = {}): Uint8Array {
  const builder = new RecordBatchBuilder();
  for (const it of records) builder.append(it.key === undefined ? Buffer.from('k') : it.key, it.value ?? Buffer.from('v'), it.timestampMs ?? NOW_MS);
  return builder.build({ codecs, ...options });
}

/** A batch with something wrong in it, and a CRC that says it is fine. */
function forged(change: (batch: Uint8Array) => void, batch = batchOf([{}, {}])): Uint8Array {
  change(batch);
  stampCrc(batch, 0, codecs.crc32c);
  return batch;
}

const FIRST_RECORD = 61;

describe('validateProducerBatch', () => {
  it.each(COMPRESSION_TYPES)('takes a good batch: %s', (compression) => {
    const check = validateProducerBatch(batchOf([{}, { timestampMs: NOW_MS + 5 }, { key: null, timestampMs: -1 }], { compression }), limits);
    expect(check).toMatchObject({ ok: true, maxTimestampMs: NOW_MS + 5, isMaxTimestampWrong: false, header: { recordCount: 3, compression } });
  });

  it.each<[string, string, Uint8Array, Partial<ProducerBatchLimits>?]>([
    ['nothing', 'INVALID_RECORD', new Uint8Array(0)],
    ['a cut batch', 'CORRUPT_MESSAGE', batchOf([{}, {}]).subarray(0, 70)],
    ['an old magic', 'UNSUPPORTED_FOR_MESSAGE_FORMAT', forged((it) => (it[AT.magic] = 1))],
    ['an unknown magic', 'CORRUPT_MESSAGE', forged((it) => (it[AT.magic] = 3))],
    ['two batches', 'INVALID_RECORD', Buffer.concat([batchOf([{}]), batchOf([{}])])],
    ['a flipped bit', 'CORRUPT_MESSAGE', ((it) => ((it[70]! ^= 1), it))(batchOf([{}, {}]))],
    ['too many bytes', 'MESSAGE_TOO_LARGE', batchOf([{}, {}]), { maxBatchBytes: 70 }],
    ['a base offset', 'INVALID_RECORD', batchOf([{}], { baseOffset: 5 })],
    ['a count that is not its range', 'INVALID_RECORD', forged((it) => putInt32(it, AT.lastOffsetDelta, 2))],
    ['a count and a range beyond the records', 'INVALID_RECORD', forged((it) => (putInt32(it, AT.lastOffsetDelta, 2), putInt32(it, AT.recordCount, 3)))],
    ['a count and a range below the records', 'INVALID_RECORD', forged((it) => (putInt32(it, AT.lastOffsetDelta, 0), putInt32(it, AT.recordCount, 1)))],
    ['no records', 'INVALID_RECORD', forged((it) => (putInt32(it, AT.lastOffsetDelta, -1), putInt32(it, AT.recordCount, 0)))],
    ['a control batch', 'INVALID_RECORD', batchOf([{}], { isControl: true })],
    ['a producer without a sequence', 'INVALID_RECORD', batchOf([{}], { producerId: 9, producerEpoch: 0 })],
    ['a record longer than the batch', 'INVALID_RECORD', forged((it) => (it[FIRST_RECORD] = 0x7e))],
    ['a record of another length', 'INVALID_RECORD', forged((it) => (it[FIRST_RECORD]! -= 2))],
    ['a key longer than the record', 'INVALID_RECORD', forged((it) => (it[FIRST_RECORD + 4] = 0x20))],
    ['an offset delta that jumps', 'INVALID_RECORD', forged((it) => (it[FIRST_RECORD + 3] = 2))],
    ['a negative count of headers', 'INVALID_RECORD', forged((it) => (it[FIRST_RECORD + 8] = 1))],
    ['a compression code of nobody', 'CORRUPT_MESSAGE', forged((it) => putInt16(it, AT.attributes, 5))],
    ['compressed bytes that are not', 'CORRUPT_MESSAGE', forged((it) => putInt16(it, AT.attributes, 4))],
    ['zstd in an old request', 'UNSUPPORTED_COMPRESSION_TYPE', batchOf([{}], { compression: 'zstd' }), { zstdAllowed: false }],
    ['LogAppendTime from a client', 'INVALID_TIMESTAMP', batchOf([{}], { timestampType: 'LogAppendTime' })],
  ])('refuses %s with %s', (...[, error, batch, more]) => {
    const check = validateProducerBatch(batch, { ...limits, ...more });
    expect(check).toMatchObject({ ok: false, error });
  });

  it('names each record that has no key on a compacted topic', () => {
    const check = validateProducerBatch(batchOf([{}, { key: null }, {}, { key: null }]), { ...limits, isCompacted: true });
    expect(check).toMatchObject({ ok: false, error: 'INVALID_RECORD', recordErrors: [{ batchIndex: 1 }, { batchIndex: 3 }] });
  });

  it('names each record out of time, and asks no time where the log stamps its own', () => {
    const batch = batchOf([{}, { timestampMs: NOW_MS + 3_600_001 }, { timestampMs: NOW_MS - 1001 }]);
    expect(validateProducerBatch(batch, { ...limits, timestampBeforeMaxMs: 1000 })).toMatchObject({ ok: false, error: 'INVALID_TIMESTAMP', recordErrors: [{ batchIndex: 1 }, { batchIndex: 2 }] });
    expect(validateProducerBatch(batch, { ...limits, timestampType: 'LogAppendTime' })).toMatchObject({ ok: true });
  });

  it('says when the header has another maximum timestamp than the records', () => {
    const batch = forged((it) => putInt64(it, AT.maxTimestamp, NOW_MS + 9));
    expect(validateProducerBatch(batch, limits)).toMatchObject({ ok: true, maxTimestampMs: NOW_MS, isMaxTimestampWrong: true });
  });

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('refuses a %s bomb without holding it', (compression) => {
    const batch = batchOf([{ value: new Uint8Array(64 * 1024 * 1024) }], { compression });
    const before = process.memoryUsage().rss;
    expect(validateProducerBatch(batch, { ...limits, maxBatchBytes: 1 << 26 })).toMatchObject({ ok: false, error: 'MESSAGE_TOO_LARGE' });
    expect(process.memoryUsage().rss - before).toBeLessThan(40 * 1024 * 1024);
  });
});
