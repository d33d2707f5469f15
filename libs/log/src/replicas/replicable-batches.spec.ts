import { nodeCodecs } from '@millrace/platform';
import { RecordBatchBuilder } from '@millrace/records';
import { replicableBatches } from './replicable-batches.js';

function batch(baseOffset: number, records: number, leaderEpoch = 3): Uint8Array {
  const builder = new RecordBatchBuilder();
  for (let i = 0; i < records; i++) builder.append(null, Buffer.from(`value ${baseOffset + i}`), 1_700_000_000_000);
  return builder.build({ codecs: nodeCodecs, baseOffset, leaderEpoch });
}

function joined(...batches: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(batches));
}

function broken(bytes: Uint8Array, at: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

const limits = { logEndOffset: 10, leaderEpoch: 3, crc32c: nodeCodecs.crc32c };

describe('what a follower takes of an answer', () => {
  const [first, second] = [batch(10, 3), batch(20, 2)];

  it('is all of it, gaps included, as it came', () => {
    const bytes = joined(first, second);
    const found = replicableBatches(bytes, limits);
    expect(found).toEqual({ kind: 'batches', bytes });
    expect(replicableBatches(new Uint8Array(0), limits)).toEqual({ kind: 'batches', bytes: new Uint8Array(0) });
  });

  it('ends before a batch that is not whole, not right, not in order, or of an epoch to come', () => {
    const bad = [second.subarray(0, 70), broken(second, 65), broken(second, 16), batch(12, 2), batch(13, 1, 4)];
    for (const it of bad) expect(replicableBatches(joined(first, it), limits)).toEqual({ kind: 'batches', bytes: first });
  });

  it('is nothing when the first one is wrong', () => {
    for (const at of [16, 30, 65]) expect(replicableBatches(broken(first, at), limits).kind).toBe('corrupt');
    expect(replicableBatches(first.subarray(0, 70), limits)).toEqual({ kind: 'batches', bytes: new Uint8Array(0) });
    expect(replicableBatches(batch(10, 1, 4), limits)).toEqual({ kind: 'batches', bytes: new Uint8Array(0) });
  });

  it('may begin below the end of the log, which is told', () => {
    expect(replicableBatches(batch(8, 4), limits)).toEqual({ kind: 'startsBefore', baseOffset: 8, lastOffset: 11 });
  });
});
