import { nodeCodecs as codecs } from '@millrace/platform';
import { buildEndTxnMarker, RecordBatchBuilder } from '@millrace/records';
import { PartitionRecords, type AbortedTransaction } from './partition-records.js';

interface Given {
  readonly producerId?: number;
  readonly isTransactional?: boolean;
}

/** A log of batches, each of two records named by their offsets. */
class Log {
  private readonly parts: Uint8Array[] = [];
  private offset = 100;

  data(given: Given = {}): this {
    const builder = new RecordBatchBuilder();
    for (let i = 0; i < 2; i++) builder.append(null, Buffer.from(`${this.offset + i}`), 1);
    this.parts.push(builder.build({ codecs, baseOffset: this.offset, baseSequence: given.producerId === undefined ? -1 : 0, producerEpoch: 0, compression: 'lz4', ...given }));
    this.offset += 2;
    return this;
  }

  end(producerId: number, isCommit: boolean): this {
    this.parts.push(buildEndTxnMarker({ isCommit, coordinatorEpoch: 0 }, { codecs, timestampMs: 1, baseOffset: this.offset, producerId, producerEpoch: 0 }));
    this.offset += 1;
    return this;
  }

  bytes(cut = 0): Uint8Array {
    const all = Buffer.concat(this.parts);
    return all.subarray(0, all.length - cut);
  }
}

function read(bytes: Uint8Array, options: { fromOffset?: number; aborted?: AbortedTransaction[]; isReadCommitted?: boolean } = {}): { values: string[]; nextOffset: number; recordsMax: number } {
  const records = new PartitionRecords({ topic: 't', partition: 0, bytes, fromOffset: options.fromOffset ?? 100, aborted: options.aborted ?? [], isReadCommitted: options.isReadCommitted ?? false, checkCrcs: true }, codecs);
  const values: string[] = [];
  while (records.next()) values.push(Buffer.from(records.cursor.value() ?? []).toString());
  return { values, nextOffset: records.nextOffset, recordsMax: records.recordsMax };
}

describe('PartitionRecords', () => {
  it('begins in the middle of a batch, ends before one that is cut, and goes on behind the last whole one', () => {
    const bytes = new Log().data().data().data().bytes(1);
    expect(read(bytes, { fromOffset: 101 })).toEqual({ values: ['101', '102', '103'], nextOffset: 104, recordsMax: 4 });
    expect(read(bytes.subarray(0, 30))).toEqual({ values: [], nextOffset: 100, recordsMax: 0 });
  });

  it('leaves out markers, and moves over them', () => {
    const bytes = new Log().data({ producerId: 7, isTransactional: true }).end(7, true).bytes();
    expect(read(bytes)).toEqual({ values: ['100', '101'], nextOffset: 103, recordsMax: 2 });
  });

  it('leaves out what a transaction aborted, from its first record to its marker, and nothing else', () => {
    const log = new Log();
    log.data({ producerId: 7, isTransactional: true }); // 100, aborted
    log.data(); // 102
    log.data({ producerId: 8, isTransactional: true }); // 104, committed
    log.data({ producerId: 7, isTransactional: true }); // 106, aborted
    log.end(7, false); // 108
    log.data({ producerId: 7, isTransactional: true }); // 109, the next one, committed
    log.end(8, true).end(7, true);
    const aborted = [{ producerId: 7, firstOffset: 100 }];
    expect(read(log.bytes(), { aborted, isReadCommitted: true })).toMatchObject({ values: ['102', '103', '104', '105', '109', '110'], nextOffset: 113 });
    expect(read(log.bytes(), { aborted }).values).toHaveLength(10);
  });

  it('knows a transaction that began before these bytes', () => {
    const log = new Log().data({ producerId: 7, isTransactional: true }).end(7, false).data({ producerId: 7 });
    expect(read(log.bytes(), { aborted: [{ producerId: 7, firstOffset: 3 }], isReadCommitted: true }).values).toEqual(['103', '104']);
  });

  it('refuses a batch whose bytes changed on the way', () => {
    const bytes = Buffer.from(new Log().data().bytes());
    bytes[80]! ^= 4;
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'CORRUPT_RECORD' }));
  });
});
