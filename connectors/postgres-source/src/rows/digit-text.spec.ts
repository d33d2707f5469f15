import fc from 'fast-check';
import { MicrosText, writeDigits } from './digit-text.js';

describe('digits', () => {
  it('are those of the number', () => {
    const bytes = Buffer.alloc(32);
    fc.assert(fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(0, 9, 10, 999_999_999, 1e9, 1e15)), (value) => expect(bytes.toString('latin1', 0, writeDigits(bytes, 0, value))).toBe(String(value))));
  });

  it('of a moment serve for milliseconds and nanoseconds too', () => {
    const text = new MicrosText(1_795_248_925_555_186);
    const part = (end: number): string => text.bytes.toString('latin1', 0, end);
    expect([part(text.millisEnd), part(text.microsEnd), part(text.nanosEnd)]).toEqual(['1795248925555', '1795248925555186', '1795248925555186000']);
  });
});
