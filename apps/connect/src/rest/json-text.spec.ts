import fc from 'fast-check';
import { parseJsonKeepingNumbers } from './json-text.js';

describe('JSON with numbers as text', () => {
  it('keeps every digit, sign and exponent, and leaves texts alone', () => {
    expect(parseJsonKeepingNumbers('{"a":1.50,"b":-0,"c":12345678901234567890,"d":1E+3,"e":"1.50 \\" 2","f":[1,{"g":2}],"h":true,"i":null,"1":"\\\\"}')).toEqual({
      a: '1.50', b: '-0', c: '12345678901234567890', d: '1E+3', e: '1.50 " 2', f: ['1', { g: '2' }], h: true, i: null, 1: '\\',
    });
    expect(parseJsonKeepingNumbers(' 7 ')).toBe('7');
  });

  it('is JSON.parse where no number is', () => {
    const value = fc.letrec((tie) => ({ value: fc.oneof(fc.string({ unit: 'binary' }), fc.boolean(), fc.constant(null), fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), { maxKeys: 3 })) })).value;
    fc.assert(fc.property(value, (it) => { const text = JSON.stringify(it); if (!text.includes('__proto__')) expect(parseJsonKeepingNumbers(text)).toEqual(JSON.parse(text)); }));
  });

  it.each(['', '{', '01', '1.', '{"a":}', '[1,]', 'NaN', '"a'])('refuses %p', (text) => expect(() => parseJsonKeepingNumbers(text)).toThrow(SyntaxError));
});
