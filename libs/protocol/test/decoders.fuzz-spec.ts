import fc from 'fast-check';
import { ByteReader, MalformedBytes } from '@millrace/foundation';
import { encode, messageValue } from './message-values.js';
import { subjects, type Subject } from './schemas.js';

const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const VALUES = 4;
const MUTATIONS = 30;
const HUGE = [[0xff, 0xff, 0xff, 0xff, 0x0f], [0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x80], [0x00]];

/** Truncated, with flipped bits, with bytes taken out, or with a length of two billion somewhere. */
function mutation(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat(Math.max(0, bytes.length - 1));
  return fc.oneof(
    at.map((end) => bytes.slice(0, end)),
    fc.array(fc.tuple(at, fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }).map((flips) => {
      const copy = bytes.slice();
      for (const [index, mask] of flips) if (index < copy.length) copy[index] = (copy[index] ?? 0) ^ mask;
      return copy;
    }),
    fc.tuple(at, fc.constantFrom(...HUGE)).map(([index, huge]) => Uint8Array.from([...bytes.slice(0, index), ...huge, ...bytes.slice(index + huge.length)])),
    fc.tuple(at, fc.integer({ min: 1, max: 9 })).map(([index, count]) => Uint8Array.from([...bytes.slice(0, index), ...bytes.slice(index + count)])),
    fc.uint8Array({ maxLength: 64 }),
  );
}

function countItems(value: unknown): number {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return 0;
  const inside = Object.values(value).reduce((sum: number, it) => sum + countItems(it), 0);
  return Array.isArray(value) ? inside + value.length : inside;
}

function survives(subject: Subject, version: number, bytes: Uint8Array): void {
  let value: object;
  try {
    value = subject.codec.decode(new ByteReader(bytes), version);
  } catch (error) {
    if (error instanceof MalformedBytes) return;
    throw error;
  }
  // Each item took at least one byte of the input.
  expect(countItems(value)).toBeLessThanOrEqual(bytes.length);
}

describe(`mutated bytes (FUZZ_SEED=${SEED})`, () => {
  it.each(subjects().map((it) => [it.name, it] as const))('of %s are refused as MalformedBytes or read as something small', (_name, subject) => {
    for (const version of subject.versions) {
      for (const value of fc.sample(messageValue(subject, version), { numRuns: VALUES, seed: SEED })) {
        const bytes = encode(subject, value, version);
        for (const mutant of fc.sample(mutation(bytes), { numRuns: MUTATIONS, seed: SEED })) survives(subject, version, mutant);
      }
    }
  });
});
