import fc from 'fast-check';
import { canonical, decode, encode, messageValue } from './message-values.js';
import { subjects } from './schemas.js';

const RUNS = 15;

describe('each message in each version', () => {
  const all = subjects();

  it('is there', () => {
    expect(all.length).toBeGreaterThan(150);
  });

  it.each(all.map((it) => [it.name, it] as const))('%s reads as it was written', (_name, subject) => {
    for (const version of subject.versions) {
      fc.assert(
        fc.property(messageValue(subject, version), (value) => {
          expect(canonical(decode(subject, encode(subject, value, version), version))).toBe(canonical(value));
        }),
        { numRuns: RUNS },
      );
    }
  });
});
