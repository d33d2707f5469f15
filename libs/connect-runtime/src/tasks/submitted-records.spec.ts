import fc from 'fast-check';
import type { OffsetMap } from '@millrace/connect-api';
import { SubmittedRecords } from './submitted-records.js';

const partition: OffsetMap = { server: 'a' };

describe('SubmittedRecords', () => {
  it('releases offsets only behind acknowledged records, in any order of acknowledgements', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 30 }), fc.infiniteStream(fc.nat()), (polls, picks) => {
        const submitted = new SubmittedRecords();
        const outstanding: number[] = [];
        const acknowledged = new Set<number>();
        let released = 0;
        let count = 0;
        const check = (): void => {
          const completed = submitted.takeCompleted();
          const offset = completed?.offsets.get(partition);
          if (offset) {
            expect(offset.n as number).toBeGreaterThan(released);
            released = offset.n as number;
            for (let i = 0; i < released; i++) expect(acknowledged.has(i)).toBe(true);
          }
        };
        for (const size of polls) {
          submitted.begin(0);
          for (let i = 0; i < size; i++) outstanding.push(submitted.submit());
          count += size;
          submitted.end(size === 0 ? new Map() : new Map([[partition, { n: count }]]));
          while (outstanding.length > 0 && (picks.next().value ?? 0) % 3 !== 0) {
            const [number] = outstanding.splice((picks.next().value ?? 0) % outstanding.length, 1);
            acknowledged.add(number!);
            submitted.acknowledge(number!, number!);
            check();
          }
        }
        for (const number of outstanding.splice(0)) {
          acknowledged.add(number);
          submitted.acknowledge(number, number);
        }
        check();
        expect(released).toBe(count);
      }),
    );
  });

  it('does not release a poll that is still being sent', () => {
    const submitted = new SubmittedRecords();
    submitted.begin(0);
    submitted.acknowledge(submitted.submit(), 0);
    expect(submitted.takeCompleted()).toBeUndefined();
    submitted.end(new Map([[partition, { n: 1 }]]));
    expect(submitted.takeCompleted()?.offsets.get(partition)).toEqual({ n: 1 });
  });

  it('takes acknowledgements behind one that is missing at the same cost however many wait, says how much waits, and forgets it all with the missing one', () => {
    const submitted = new SubmittedRecords();
    const polls = 100_000;
    for (let n = 0; n < polls; n++) {
      submitted.begin(0);
      submitted.submit();
      submitted.end(new Map([[partition, { n }]]));
    }
    expect(submitted.kept).toBe(2 * polls);
    const startedMs = performance.now();
    for (let n = 1; n < polls; n++) submitted.acknowledge(n, n);
    // One by one through all that wait it would be five thousand million steps.
    expect(performance.now() - startedMs).toBeLessThan(2000);
    expect(submitted.takeCompleted()).toBeUndefined();
    expect(submitted.kept).toBe(2 * polls);
    submitted.acknowledge(0, 0);
    expect(submitted.takeCompleted()).toMatchObject({ records: polls });
    expect(submitted.kept).toBe(0);
  });
});
