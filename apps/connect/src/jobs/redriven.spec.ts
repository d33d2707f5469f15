import fc from 'fast-check';
import { matches, Redriven, type LetterFilter } from './redriven.js';

const STAGES = ['VALUE_CONVERTER', 'TRANSFORMATION'] as const;
const CLASSES = ['org.apache.kafka.connect.errors.DataException', 'java.lang.IllegalStateException'] as const;
const SIZE = 40;

const filter: fc.Arbitrary<LetterFilter> = fc.record({
  stages: fc.option(fc.subarray([...STAGES], { minLength: 1 }), { nil: undefined }),
  classes: fc.option(fc.subarray(['DataException', 'java.lang.IllegalStateException'], { minLength: 1 }), { nil: undefined }),
});
const redrive = fc.record({ from: fc.nat(SIZE), count: fc.nat(SIZE), filter });
const letter = (offset: number): { stage: string; exceptionClass: string } => ({ stage: STAGES[offset % 2]!, exceptionClass: CLASSES[Math.floor(offset / 2) % 2]! });

it('knows exactly what was redriven, over any redrives and each commit between them', () => {
  fc.assert(
    fc.property(fc.array(redrive, { maxLength: 8 }), fc.nat(10), (redrives, beginning) => {
      const done = new Set(Array.from({ length: beginning }, (_, i) => i));
      let redriven = Redriven.of(beginning, undefined);
      for (const it of redrives) {
        const to = it.from + it.count;
        for (let offset = it.from; offset < to; offset++) if (matches(it.filter, letter(offset))) done.add(offset);
        redriven = redriven.with(it.from, to, it.filter);
        redriven = Redriven.of(beginning, { offset: redriven.below, metadata: redriven.metadata });
      }
      for (let offset = 0; offset < 3 * SIZE; offset++) expect([offset, redriven.has(offset, letter(offset))]).toEqual([offset, done.has(offset)]);
      for (let offset = 0; offset < redriven.below; offset++) expect(done.has(offset)).toBe(true);
    }),
  );
});

it('one redrive of everything leaves nothing but its end', () => {
  const partial = Redriven.of(0, undefined).with(3, 5, { stages: ['TRANSFORMATION'] }).with(7, 9, {});
  expect([partial.below, partial.metadata]).toEqual([0, '[[3,5,["TRANSFORMATION"],null],[7,9,null,null]]']);
  const whole = partial.with(0, 8, {});
  expect([whole.below, whole.metadata]).toEqual([9, '']);
});

it('a commit that is not ours, or of before the first letter, counts for what it says', () => {
  expect(Redriven.of(10, { offset: 4, metadata: 'by hand' }).below).toBe(10);
  expect(Redriven.of(0, { offset: 4, metadata: '[[1],{"a":2}]' })).toMatchObject({ below: 4, metadata: '' });
});

it('many filters do not fit any more', () => {
  let redriven = Redriven.of(0, undefined);
  expect(redriven.fits).toBe(true);
  for (let i = 0; i < 100; i++) redriven = redriven.with(10 * i + 5, 10 * i + 9, { stages: [`A_RATHER_LONG_STAGE_${i}`] });
  expect(redriven.fits).toBe(false);
});
