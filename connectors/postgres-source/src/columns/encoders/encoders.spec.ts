import { LazyStruct, Schema, type Value, type ValueWriter } from '@millrace/connect-api';
import fc from 'fast-check';
import { arrayMapping } from './arrays.js';
import { bitsMapping, byteaMapping } from './binary.js';
import { isoDate, moment, readDate, readTimestamp } from './calendar.js';
import { moneyMapping, numericMapping } from './decimals.js';
import { encodeUtf8, writeEmptyText, type TypeMapping } from './encode.js';
import { geometryMapping, pathMapping, polygonMapping } from './geometry.js';
import { hstoreMapping, parseHstore } from './hstore.js';
import { intervalMapping } from './intervals.js';
import { dateMapping, timestampMapping, zonedTimeMapping, zonedTimestampMapping } from './times.js';
import { sparseVectorMapping, vectorMapping } from './vectors.js';
import { renderValue } from '@millrace/connect-testkit';

class OneValue extends LazyStruct {
  readonly schema: Schema;
  constructor(
    private readonly mapping: TypeMapping,
    private readonly text: Buffer,
  ) {
    super();
    this.schema = Schema.struct([['value', mapping.schema]]);
  }
  visit(writer: ValueWriter): void {
    writer.beginStruct(this.schema);
    this.mapping.encode(writer, this.text, 2, this.text.length - 2);
    writer.endStruct();
  }
}

function valueOf(mapping: TypeMapping, text: string): Value {
  return new OneValue(mapping, Buffer.from(`1 ${text} 9`, 'utf8')).toStruct().at(0);
}

function rendered(mapping: TypeMapping, text: string): unknown {
  return renderValue(mapping.schema, valueOf(mapping, text));
}

const pad = (value: number, width: number): string => String(value).padStart(width, '0');
/** As PostgreSQL writes a date. */
function postgresDate(date: Date): string {
  const year = date.getUTCFullYear();
  const text = `${pad(year > 0 ? year : 1 - year, 4)}-${pad(date.getUTCMonth() + 1, 2)}-${pad(date.getUTCDate(), 2)}`;
  return text;
}
const anyDate = fc.date({ min: new Date(-2.1e14), max: new Date(8.6e15), noInvalidDate: true });

describe('text of PostgreSQL as values', () => {
  it('counts days and microseconds as JavaScript does, before Christ and after the year 9999', () => {
    fc.assert(
      fc.property(anyDate, (date) => {
        const era = date.getUTCFullYear() > 0 ? '' : ' BC';
        const bytes = Buffer.from(`${postgresDate(date)} ${date.toISOString().slice(-13, -1)}${era}`);
        readTimestamp(bytes, 0, bytes.length);
        expect(moment.days * 86_400_000 + moment.micros / 1000).toBe(date.getTime());
        const day = Buffer.from(`${postgresDate(date)}${era}`);
        readDate(day, 0, day.length);
        expect(moment.days).toBe(Math.floor(date.getTime() / 86_400_000));
        expect(isoDate(moment.days).replace(/^\+?(\d+)/, '$1')).toBe(date.getUTCFullYear() < 0 ? `-${pad(-date.getUTCFullYear(), 4)}${postgresDate(date).slice(-6)}` : `${pad(date.getUTCFullYear(), 4)}${postgresDate(date).slice(-6)}`);
      }),
    );
  });

  it.each([
    [6, '2016-11-04 13:51:30.12+00', '2016-11-04T13:51:30.120000Z'],
    [6, '2016-11-04 13:51:30+00', '2016-11-04T13:51:30.000000Z'],
    [0, '2016-11-04 13:51:30+00', '2016-11-04T13:51:30Z'],
    [3, '2016-11-04 13:51:30.12+00', '2016-11-04T13:51:30.120Z'],
    [6, '2016-11-04 23:51:30.5-05:30', '2016-11-05T05:21:30.500000Z'],
    [6, '0044-03-15 12:00:00+00 BC', '-0043-03-15T12:00:00.000000Z'],
    [6, '10000-01-01 00:00:00+00', '+10000-01-01T00:00:00.000000Z'],
    [6, '1880-01-01 00:00:00+00:19:32', '1879-12-31T23:40:28.000000Z'],
    [6, 'infinity', 'infinity'],
  ])('timestamptz(%i) %s', (precision, text, expected) => expect(valueOf(zonedTimestampMapping(precision), text)).toBe(expected));

  it.each([
    ['13:51:30.123456+02', '11:51:30.123456Z'],
    ['24:00:00+00', '24:00:00Z'],
    ['24:00:00+02', '22:00:00Z'],
    ['23:59:59-05:30', '05:29:59Z'],
  ])('timetz %s', (text, expected) => expect(valueOf(zonedTimeMapping(), text)).toBe(expected));

  it.each([
    ['adaptive' as const, 6, 'infinity', 9_223_372_036_825_200_000n],
    ['adaptive' as const, 3, '-infinity', -9_223_372_036_832_400n],
    ['adaptive' as const, 6, '294276-12-31 23:59:59.999999', 2n ** 63n - 1n],
    ['connect' as const, 6, 'infinity', 9_223_372_036_825_200n],
  ])('timestamp %s(%i) %s', (mode, precision, text, expected) => expect(valueOf(timestampMapping(mode, precision), text)).toBe(expected));

  it('has Debezium’s days for infinite dates', () => {
    expect([valueOf(dateMapping('adaptive'), 'infinity'), valueOf(dateMapping('adaptive'), '-infinity')]).toEqual([-2_147_472_692, -2_147_472_691]);
  });

  it.each([
    ['1 year 2 mons 3 days 04:05:06.789', 37_091_106_789_000n, 'P1Y2M3DT4H5M6.789S'],
    ['-1 years -2 mons +3 days -04:05:06.5', -36_572_706_500_000n, 'P-1Y-2M3DT-4H-5M-6.5S'],
    ['00:00:00', 0n, 'P0Y0M0DT0H0M0S'],
    ['178000000 years', 2n ** 63n - 1n, 'P178000000Y0M0DT0H0M0S'],
    ['-00:00:00.001', -1000n, 'P0Y0M0DT0H0M-0.001S'],
  ])('interval %s', (text, micros, iso) => {
    expect(valueOf(intervalMapping('numeric'), text)).toBe(micros);
    expect(valueOf(intervalMapping('string'), text)).toBe(iso);
  });

  it('keeps every digit of numeric', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.integer({ min: 0, max: 20 }), (unscaled, scale) => {
        const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
        const text = `${unscaled < 0n ? '-' : ''}${scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`}`;
        expect(valueOf(numericMapping('precise', 50, scale), text)).toMatchObject({ unscaled, scale });
        const variable = rendered(numericMapping('precise', 0, undefined), text) as { scale: number; value: string };
        const bytes = Buffer.from(variable.value, 'base64');
        const back = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
        expect(back * 10n ** BigInt(scale - variable.scale)).toBe(unscaled);
        expect(variable.scale === 0 || back % 10n !== 0n).toBe(true);
      }),
    );
  });

  it('refuses what a Decimal cannot be, and names it as text or as a double', () => {
    expect(() => valueOf(numericMapping('precise', 5, 2), 'NaN')).toThrow(/special value \(NaN\)/);
    expect(() => valueOf(numericMapping('precise', 0, undefined), '-Infinity')).toThrow(/special value/);
    expect(valueOf(numericMapping('string', 5, 2), '-Infinity')).toBe('NEGATIVE_INFINITY');
    expect(valueOf(numericMapping('double', 5, 2), 'NaN')).toBeNaN();
    expect(valueOf(numericMapping('precise', 3, -2), '12300')).toMatchObject({ unscaled: 123n, scale: -2 });
  });

  it.each([
    ['$1,234.56', 123_456n],
    ['-$0.99', -99n],
    ['($1.00)', -100n],
    ['1.234,56 €', 123_456n],
    ['$1,000', 100_000n],
  ])('money %s', (text, cents) => expect(valueOf(moneyMapping('precise', 2), text)).toMatchObject({ unscaled: cents, scale: 2 }));

  it('decodes bytea and bits', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => expect(valueOf(byteaMapping('bytes', Buffer.alloc(0)), `\\x${Buffer.from(bytes).toString('hex')}`)).toEqual(bytes)));
    expect(valueOf(byteaMapping('base64-url-safe', Buffer.alloc(0)), '\\xfbff')).toBe('-_8=');
    expect(valueOf(byteaMapping('hex', Buffer.alloc(0)), '\\xfbff')).toBe('fbff');
    expect(valueOf(bitsMapping(24), '000000010000001010000001')).toEqual(new Uint8Array([0x81, 0x02, 0x01]));
    expect(valueOf(bitsMapping(5), '00000')).toEqual(new Uint8Array());
    expect(valueOf(bitsMapping(1), '1')).toBe(true);
  });

  it('reads every array of texts', () => {
    const mapping = arrayMapping({ schema: Schema.of('string'), encode: encodeUtf8, whenNull: writeEmptyText }, Schema.of('string', { optional: true }), undefined);
    const quoted = (it: string | null): string => (it === null ? 'NULL' : /^$|[\s{}",\\]|^null$/i.test(it) ? `"${it.replace(/["\\]/g, '\\$&')}"` : it);
    fc.assert(
      fc.property(fc.array(fc.option(fc.oneof(fc.string(), fc.constantFrom('NULL', 'null', '', 'a"b', '\\', '{}', ','))), { maxLength: 300 }), (items) => {
        expect(valueOf(mapping, `{${items.map(quoted).join(',')}}`)).toEqual(items);
      }),
    );
    expect(valueOf(mapping, '[2:3]={x,y}')).toEqual(['x', 'y']);
    expect(valueOf(mapping, '{{1,"}"},{3,4}}')).toEqual([null, null]);
  });

  it('reads every hstore', () => {
    const quote = (it: string): string => `"${it.replace(/["\\]/g, '\\$&')}"`;
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.option(fc.string())), (pairs) => {
        const text = Object.entries(pairs).map(([key, value]) => `${quote(key)}=>${value === null ? 'NULL' : quote(value)}`).join(', ');
        expect(parseHstore(text)).toEqual(new Map(Object.entries(pairs)));
        expect(JSON.parse(valueOf(hstoreMapping('json', '-'), text) as string)).toEqual({ ...pairs });
      }),
    );
  });

  it('encodes shapes as well-known binary', () => {
    expect(rendered(polygonMapping, '((0,0),(1,1),(2,0))')).toMatchObject({ wkb: wkb('01 03000000 01000000 04000000', 0, 0, 1, 1, 2, 0, 0, 0), srid: null, extensions: { type: 'polygon' } });
    expect(rendered(pathMapping, '[(0,0),(1.5,-1e-07)]')).toMatchObject({ wkb: wkb('01 02000000 02000000', 0, 0, 1.5, -1e-7), extensions: { type: 'path', closed: 'false' } });
    expect(rendered(geometryMapping, '0101000020E6100000000000000000F03F0000000000000040')).toMatchObject({ srid: 4326 });
  });

  it('reads vectors', () => {
    expect(valueOf(vectorMapping, '[1,-2.5]')).toEqual([1, -2.5]);
    expect(rendered(sparseVectorMapping, '{1:1.5,3:2}/5')).toEqual({ dimensions: 5, vector: { 1: 1.5, 3: 2 } });
  });
});

function wkb(head: string, ...doubles: number[]): string {
  const values = Buffer.alloc(doubles.length * 8);
  doubles.forEach((it, i) => values.writeDoubleLE(it, i * 8));
  return Buffer.concat([Buffer.from(head.replaceAll(' ', ''), 'hex'), values]).toString('base64');
}
