import fc from 'fast-check';
import { bytesSerializer, integerSerializer, jsonSerializer, longSerializer, stringSerializer } from './serializers.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('serializers', () => {
  it('write what Java writes', () => {
    expect(hex(integerSerializer.serialize(-2))).toBe('fffffffe');
    expect(hex(longSerializer.serialize(258n))).toBe('0000000000000102');
    expect(hex(stringSerializer.serialize('é'))).toBe('c3a9');
    expect(hex(jsonSerializer.serialize({ a: [1, null] }))).toBe(hex(Buffer.from('{"a":[1,null]}')));
  });

  it('read back what they wrote', () => {
    fc.assert(
      fc.property(fc.integer(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.string({ unit: 'grapheme' }), fc.json(), fc.uint8Array(), (integer, long, text, json, bytes) => {
        expect(integerSerializer.deserialize(integerSerializer.serialize(integer))).toBe(integer);
        expect(longSerializer.deserialize(longSerializer.serialize(long))).toBe(long);
        expect(stringSerializer.deserialize(stringSerializer.serialize(text))).toBe(text);
        expect(JSON.stringify(jsonSerializer.deserialize(jsonSerializer.serialize(JSON.parse(json))))).toBe(JSON.stringify(JSON.parse(json)));
        expect(bytesSerializer.deserialize(bytesSerializer.serialize(bytes))).toBe(bytes);
      }),
    );
  });

  it('refuse what is not theirs', () => {
    const bad = expect.objectContaining({ code: 'BAD_VALUE' });
    expect(() => integerSerializer.deserialize(new Uint8Array(3))).toThrow(bad);
    expect(() => longSerializer.deserialize(new Uint8Array(9))).toThrow(bad);
    expect(() => jsonSerializer.deserialize(Buffer.from('{'))).toThrow(bad);
    expect(() => jsonSerializer.serialize(undefined)).toThrow(bad);
  });
});
