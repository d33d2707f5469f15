import { MalformedBytes } from '@millrace/foundation';
import { readBatchHeader, type BatchHeader } from '@millrace/records';
import fc from 'fast-check';
import { decodeProducerSnapshot, encodeProducerSnapshot, ProducerStateTable, type ProducerState, type ProducerVerdict } from '../index.js';
import { batch, codecs, marker, START_MS } from '../../test/log-fixture.js';

const DAY_MS = 86_400_000;
const MAX = 2_147_483_647;

const header = (sequence: number, more: { records?: number; epoch?: number; baseOffset?: number; isTransactional?: boolean } = {}): BatchHeader =>
  readBatchHeader(batch({ baseOffset: more.baseOffset ?? 0, records: more.records ?? 1, producer: { id: 9, epoch: more.epoch ?? 0, sequence, isTransactional: more.isTransactional } }));
const outcome = (verdict: ProducerVerdict): unknown => (verdict.kind === 'error' ? verdict.error : verdict.kind === 'duplicate' ? `duplicate of ${verdict.batch.baseOffset}` : 'append');

describe('ProducerStateTable', () => {
  const table = (...applied: BatchHeader[]): ProducerStateTable => {
    const it = new ProducerStateTable(DAY_MS);
    for (const one of applied) it.apply(one);
    return it;
  };
  const check = (of: ProducerStateTable, it: BatchHeader, options: { origin?: 'client' | 'coordinator'; mustStartAtZero?: boolean } = {}): unknown => outcome(of.check(it, { origin: 'client', ...options }));

  it('knows sequences, epochs and what it has seen, as Kafka does', () => {
    expect(check(table(), header(17))).toBe('append');
    expect(check(table(), header(17), { mustStartAtZero: true })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(check(table(), header(0), { mustStartAtZero: true })).toBe('append');
    const five = table(...[0, 2, 4, 6, 8, 10].map((it) => header(it, { records: 2, baseOffset: 100 + it })));
    expect([12, 13, 11, 0].map((it) => check(five, header(it)))).toEqual(['append', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'OUT_OF_ORDER_SEQUENCE_NUMBER']);
    expect([0, 2, 6, 10].map((it) => check(five, header(it, { records: 2 })))).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'duplicate of 102', 'duplicate of 106', 'duplicate of 110']);
    expect(check(five, header(2, { records: 3 }))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    const later = table(header(5, { epoch: 3 }));
    expect(check(later, header(6, { epoch: 2 }))).toBe('INVALID_PRODUCER_EPOCH');
    expect(check(later, header(6, { epoch: 4 }))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(check(later, header(0, { epoch: 4 }))).toBe('append');
    expect(check(later, header(5, { epoch: 2 }), { origin: 'coordinator' })).toBe('INVALID_PRODUCER_EPOCH');
    expect(check(later, header(77, { epoch: 3 }), { origin: 'coordinator' })).toBe('append');
    expect(check(table(), readBatchHeader(batch({ baseOffset: 0 })))).toBe('append');
  });

  it('wraps sequences from the largest to zero', () => {
    const wrapped = table(header(MAX - 1, { records: 4, baseOffset: 40 }));
    expect(wrapped.get(9)!.batches).toMatchObject([{ firstSequence: MAX - 1, lastSequence: 1 }]);
    expect(check(wrapped, header(2))).toBe('append');
    expect(check(wrapped, header(MAX - 1, { records: 4 }))).toBe('duplicate of 40');
    expect(check(table(header(MAX)), header(0))).toBe('append');
  });

  it('fences transactions', () => {
    const open = table(header(0, { isTransactional: true, baseOffset: 5 }));
    expect(open.firstUnstableOffset).toBe(5);
    expect(check(open, header(1))).toBe('INVALID_TXN_STATE');
    expect(check(open, header(1, { isTransactional: true }))).toBe('append');
    const end = (coordinatorEpoch: number, epoch = 0): [BatchHeader, { isCommit: boolean; coordinatorEpoch: number }] => [
      readBatchHeader(marker({ baseOffset: 8, producerId: 9, epoch, isCommit: false, coordinatorEpoch })),
      { isCommit: false, coordinatorEpoch },
    ];
    expect(open.apply(...end(4, 1))).toEqual({ producerId: 9, firstOffset: 5, lastOffset: 8, isAborted: true, lastStableOffset: 9 });
    expect(check(open, header(0, { epoch: 1 }))).toBe('append');
    expect(check(open, header(1, { epoch: 1 }))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    const [older, value] = end(3, 1);
    expect(outcome(open.check(older, { origin: 'coordinator', marker: value }))).toBe('TRANSACTION_COORDINATOR_FENCED');
    expect(open.apply(...end(4, 1))).toBeUndefined();
    expect(open.firstUnstableOffset).toBe(5);
    open.onHighWatermark(8);
    expect(open.firstUnstableOffset).toBe(5);
    open.onHighWatermark(9);
    expect(open.firstUnstableOffset).toBeUndefined();
  });

  it('forgets producers that are silent, unless their transaction is open', () => {
    const it = table(header(0), readBatchHeader(batch({ baseOffset: 3, producer: { id: 10, sequence: 0, isTransactional: true } })));
    it.expire(START_MS + DAY_MS - 1);
    expect(it.size).toBe(2);
    it.expire(START_MS + DAY_MS);
    expect([...it.all()].map((state) => state.producerId)).toEqual([10]);
    expect(check(it, header(55))).toBe('append');
  });

  it('never appends a sequence twice and never leaves a gap, whatever is retried (invariants 18 and 19 of Kafka)', () => {
    const request = fc.record({ retry: fc.nat(6), records: fc.integer({ min: 1, max: 3 }), skip: fc.integer({ min: 0, max: 8 }) });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 60 }), fc.integer({ min: 0, max: MAX }), (requests, start) => {
        const it = new ProducerStateTable(DAY_MS);
        const sent: { sequence: number; records: number; offset: number }[] = [];
        let next = start;
        let offset = 0;
        for (const { retry, records, skip } of requests) {
          const again = sent.at(-retry);
          const one = retry > 0 && again !== undefined ? again : { sequence: skip === 1 && sent.length > 0 ? (next + 1) % (MAX + 1) : next, records, offset };
          const head = header(one.sequence, { records: one.records, baseOffset: offset });
          const verdict = it.check(head, { origin: 'client' });
          if (one === again) {
            expect(verdict.kind).toBe(retry <= 5 ? 'duplicate' : 'error');
            if (verdict.kind === 'duplicate') expect(verdict.batch.baseOffset).toBe(one.offset);
          } else if (one.sequence !== next) {
            expect(verdict.kind).toBe('error');
          } else {
            expect(verdict.kind).toBe('append');
            it.apply(head);
            sent.push(one);
            next = (next + records) % (MAX + 1);
            offset += records;
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('producer snapshots', () => {
  const state = fc.record({ id: fc.nat(), epoch: fc.nat(32000), coordinatorEpoch: fc.integer({ min: -1 }), time: fc.maxSafeInteger(), txn: fc.option(fc.nat()), batches: fc.array(fc.record({ last: fc.nat(MAX), delta: fc.nat(5000), offset: fc.integer({ min: 5000, max: 2 ** 50 }) }), { maxLength: 5 }) });

  it('read back what was written, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(state, { maxLength: 6 }), fc.nat(), (shapes, flip) => {
        const states: ProducerState[] = shapes.map((it) => ({
          producerId: it.id,
          epoch: it.epoch,
          coordinatorEpoch: it.coordinatorEpoch,
          lastTimestampMs: it.time,
          currentTxnFirstOffset: it.txn ?? -1,
          batches: it.batches.map(({ last, delta, offset }) => ({ firstSequence: (last - delta + MAX + 1) % (MAX + 1), lastSequence: last, baseOffset: offset - delta, lastOffset: offset, timestampMs: it.time })),
        }));
        const bytes = encodeProducerSnapshot(states, codecs.crc32c);
        expect(decodeProducerSnapshot(bytes, codecs.crc32c)).toEqual(states);
        const damaged = Uint8Array.from(bytes);
        damaged[flip % damaged.length]! ^= 4;
        expect(() => decodeProducerSnapshot(damaged, codecs.crc32c)).toThrow(MalformedBytes);
        expect(() => decodeProducerSnapshot(bytes.subarray(0, flip % bytes.length), codecs.crc32c)).toThrow(MalformedBytes);
      }),
    );
  });

  const table = (...applied: BatchHeader[]): ProducerStateTable => {
    const it = new ProducerStateTable(DAY_MS);
    for (const one of applied) it.apply(one);
    return it;
  };

  it('keep every batch that may be sent again, not only the last', () => {
    const before = table(...[0, 3, 6, 9, 12, 15, 18].map((it) => header(it, { records: 3, baseOffset: it })));
    const after = new ProducerStateTable(DAY_MS);
    after.load(decodeProducerSnapshot(encodeProducerSnapshot(before.all(), codecs.crc32c), codecs.crc32c), START_MS);
    expect([3, 6, 9, 12, 15, 18].map((it) => outcome(after.check(header(it, { records: 3 }), { origin: 'client' })))).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER', ...[6, 9, 12, 15, 18].map((it) => `duplicate of ${it}`)]);
  });

  it('of Kafka, which end behind their entries, are read', () => {
    const kafkas = Uint8Array.from(encodeProducerSnapshot(table(header(0, { records: 3 }), header(3, { records: 2, baseOffset: 3 })).all(), codecs.crc32c).subarray(0, 10 + 46));
    new DataView(kafkas.buffer).setUint32(2, codecs.crc32c(kafkas, 6, kafkas.length));
    expect(decodeProducerSnapshot(kafkas, codecs.crc32c).map((it) => it.batches)).toMatchObject([[{ firstSequence: 3, lastSequence: 4, baseOffset: 3, lastOffset: 4 }]]);
  });
});
