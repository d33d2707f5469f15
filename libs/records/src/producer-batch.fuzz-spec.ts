import fc from 'fast-check';
import { COMPRESSION_TYPES } from '@millrace/foundation';
import { nodeCodecs as codecs } from '@millrace/platform';
import { BATCH_HEADER_BYTES, RecordBatchBuilder, recordsOf, validateProducerBatch } from './index.js';
import { AT, putInt32 } from './batch-format.js';
import { stampCrc } from './batch-stamps.js';

const limits = { codecs, isCompacted: false, maxBatchBytes: 1 << 20, nowMs: 5000, timestampBeforeMaxMs: 1e9, timestampAfterMaxMs: 1e15, timestampType: 'CreateTime', decompressedBytesMax: 1 << 20, zstdAllowed: true } as const;

/** Any bytes, with a right length and a right CRC: only the inner checks stand between them and the log. */
describe('a mutated batch with a right CRC', () => {
  it('is either refused, or read to its end by every consumer', () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...COMPRESSION_TYPES),
        fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
        fc.nat(12),
        (compression, values, changes, cut) => {
          const builder = new RecordBatchBuilder();
          for (const value of values) builder.append(value, value, value.length * 100, value.length > 10 ? [{ key: 'h', value }] : []);
          const whole = builder.build({ codecs, compression });
          const batch = Buffer.from(whole.subarray(0, Math.max(BATCH_HEADER_BYTES, whole.length - Math.max(0, cut - 8))));
          for (const [at, byte] of changes) batch[AT.attributes + (at % (batch.length - AT.attributes))] = byte;
          putInt32(batch, AT.batchLength, batch.length - 12);
          stampCrc(batch, 0, codecs.crc32c);
          const check = validateProducerBatch(batch, limits);
          if (!check.ok) return;
          accepted += 1;
          const seen = [...recordsOf(batch, codecs, { decompressedBytesMax: 1 << 20 })];
          expect(seen.map((it) => it.offset)).toEqual(Array.from({ length: check.header.recordCount }, (_, i) => i));
          expect(Math.max(-1, ...seen.map((it) => it.timestampMs))).toBe(check.maxTimestampMs);
        },
      ),
      { numRuns: 4000 },
    );
    expect(accepted).toBeGreaterThan(400);
  });
});
