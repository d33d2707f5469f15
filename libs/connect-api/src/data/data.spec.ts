import fc from 'fast-check';
import { bigIntFromBytes, bigIntToBytes, Decimal, decimalSchema } from './decimal.js';
import { LazyStruct } from './lazy-struct.js';
import { Schema } from './schema.js';
import { Struct } from './struct.js';
import type { ValueWriter } from './value-writer.js';

describe('Decimal', () => {
  it('keeps every number through text and bytes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: 0, max: 30 }), (unscaled, scale) => {
        const decimal = new Decimal(unscaled, scale);
        expect(Decimal.parse(decimal.toString())).toEqual(decimal);
        expect(bigIntFromBytes(bigIntToBytes(unscaled))).toBe(unscaled);
      }),
    );
  });

  it('writes as few bytes as Java does', () => {
    const hex = (value: bigint): string => Buffer.from(bigIntToBytes(value)).toString('hex');
    expect([0n, 1n, 127n, 128n, 255n, 256n, -1n, -128n, -129n, -256n].map(hex)).toEqual(['00', '01', '7f', '0080', '00ff', '0100', 'ff', '80', 'ff7f', 'ff00']);
  });

  it('refuses a scale that would lose digits', () => {
    expect(() => Decimal.parse('1.25', 1)).toThrow(/does not fit a scale of 1/);
    expect(Decimal.parse('1e3', 2).toString()).toBe('1000.00');
  });
});

describe('LazyStruct', () => {
  const inner = Schema.struct({ a: Schema.of('int64'), list: Schema.array(Schema.of('string', { optional: true })) }, { optional: true });
  const schema = Schema.struct({ id: Schema.of('int32'), inner, absent: inner, amount: decimalSchema(2), map: Schema.map(Schema.of('string'), Schema.of('int64')) }, { name: 'row' });
  const struct = new Struct(schema, {
    id: 7,
    inner: new Struct(inner, { a: 9007199254740993n, list: ['x', null] }),
    amount: new Decimal(-1250n, 2),
    map: new Map([['k', 5n]]),
  });

  it('becomes the struct that it stands for', () => {
    class Row extends LazyStruct {
      readonly schema = schema;
      visit(writer: ValueWriter): void {
        struct.visit(writer);
      }
    }
    const made = new Row().toStruct();
    expect(made.get('inner')).toEqual(struct.get('inner'));
    expect([made.get('id'), made.get('absent'), made.get('amount'), made.get('map')]).toEqual([7, null, new Decimal(-1250n, 2), new Map([['k', 5n]])]);
  });

  it('names a field that is not there, and a null where none may be', () => {
    expect(() => struct.get('nope')).toThrow('nope is not a field of row');
    const required = new Struct(Schema.struct({ id: Schema.of('int32') }));
    expect(() => required.visit({ beginStruct: () => true } as unknown as ValueWriter)).toThrow('null for a required int32');
  });
});
