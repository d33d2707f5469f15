import fc from 'fast-check';
import { Decimal } from '@millrace/connect-api';
import type { Client } from 'pg';
import { SinkServer } from '../test/sink-database.js';
import { decimalToText, NATURAL } from './columns/column-codec.js';
import { DateCodec, DurationCodec, TimeCodec, TimestampCodec } from './columns/temporal-codecs.js';
import { Script } from './connection/script.js';
import { quoteIdentifier, quoteLiteral } from './naming/identifier.js';
import { CopyBuffer, fieldBounds, unescapeField } from './rows/copy-buffer.js';

let server: SinkServer;
let client: Client;
beforeAll(async () => {
  server = await SinkServer.start();
  client = await server.client('postgres');
  await client.query("SET TimeZone TO 'UTC'");
}, 60_000);
afterAll(() => server.stop());

/** What PostgreSQL reads from COPY data written by `write`, one call a row, as text. */
async function copied(type: string, rows: readonly ((out: CopyBuffer) => void)[]): Promise<(string | null)[]> {
  const out = new CopyBuffer();
  rows.forEach((write, i) => {
    out.ascii(`${i}\t`);
    write(out);
    out.byte(0x0a);
  });
  await client.query(`DROP TABLE IF EXISTS copied; CREATE TABLE copied (i integer, v ${type})`);
  const script = new Script();
  client.query(script);
  script.copy('COPY copied FROM STDIN', out.bytes.subarray(0, out.length));
  script.end();
  await script.done;
  const { rows: read } = await client.query<{ v: string | null }>('SELECT v::text FROM copied ORDER BY i');
  return read.map((it) => it.v);
}

// PostgreSQL's text holds no NUL; a lone surrogate is no text at all.
const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ unit: fc.constantFrom('\\', 'N', 't', 'n', 'r', '\t', '\n', '\r', '.', '\b', 'é', '\u{1f40e}'), maxLength: 12 })).filter((it) => !it.includes('\0') && Buffer.from(it).toString() === it);

test('text written as text and as bytes is what COPY reads, and what unescapeField gives', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(texts, { minLength: 1, maxLength: 60 }), async (values) => {
      const writers = values.map((value, i) => (out: CopyBuffer): void => (i % 2 === 0 ? out.text(value) : out.utf8(Buffer.from(value), 0, Buffer.byteLength(value))));
      expect(await copied('text', writers)).toEqual(values);
      const out = new CopyBuffer();
      writers.forEach((write, i) => {
        if (i > 0) out.byte(0x09);
        write(out);
      });
      const bounds = fieldBounds(out.bytes, 0, out.length);
      expect(bounds.slice(0, -1).map((from, i) => Buffer.from(unescapeField(out.bytes, from, bounds[i + 1]! - 1) ?? []).toString())).toEqual(values);
    }),
    { numRuns: 30 },
  );
}, 60_000);

test('bytes are what COPY reads', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 40 }), async (values) => {
      const read = await copied('bytea', values.map((value) => (out) => out.hex(value, 0, value.length)));
      expect(read).toEqual(values.map((it) => `\\x${Buffer.from(it).toString('hex')}`));
    }),
    { numRuns: 20 },
  );
});

test('null is null and not the letters', async () => {
  expect(await copied('text', [(out) => NATURAL.null(out), (out) => NATURAL.string(out, '\\N')])).toEqual([null, '\\N']);
});

test('days, times and timestamps are what PostgreSQL computes them to be', async () => {
  const days = fc.integer({ min: -2_440_588, max: 2_145_042_905 });
  // From 4713 BC to as far as microseconds since 1970 reach.
  const micros = fc.bigInt({ min: -210_866_803_200_000_000n, max: 2n ** 63n - 1n }).filter((it) => it !== 9_223_372_036_825_200_000n);
  await fc.assert(
    fc.asyncProperty(fc.array(days, { minLength: 20, maxLength: 100 }), fc.array(micros, { minLength: 20, maxLength: 100 }), async (dayValues, microValues) => {
      const expectedDays = await client.query<{ v: string }>("SELECT ('1970-01-01'::date + d::int)::text AS v FROM unnest($1::int[]) WITH ORDINALITY AS u(d, i) ORDER BY i", [dayValues]);
      expect(await copied('date', dayValues.map((it) => (out) => new DateCodec().integer(out, it)))).toEqual(expectedDays.rows.map((it) => it.v));
      const expected = await client.query<{ v: string }>(
        "SELECT ('1970-01-01'::timestamp + make_interval(days => (floor(m / 86400000000))::int) + (m - floor(m / 86400000000) * 86400000000)::bigint * interval '1 microsecond')::text AS v FROM unnest($1::numeric[]) WITH ORDINALITY AS u(m, i) ORDER BY i",
        [microValues.map(String)],
      );
      const wanted = expected.rows.map((it) => it.v);
      const asText = (it: bigint): Buffer => Buffer.from(String(it));
      expect(await copied('timestamp', microValues.map((it) => (out) => new TimestampCodec('us').long(out, it)))).toEqual(wanted);
      expect(await copied('timestamp', microValues.map((it) => (out) => new TimestampCodec('us').integerText(out, asText(it), 0, asText(it).length)))).toEqual(wanted);
      const millis = microValues.map((it) => it / 1000n);
      const ofMillis = await copied('timestamp', millis.map((it) => (out) => new TimestampCodec('ms').long(out, it)));
      expect(ofMillis).toEqual(await copied('timestamp', millis.map((it) => (out) => new TimestampCodec('us').long(out, it * 1000n))));
    }),
    { numRuns: 15 },
  );
  const times = [0, 1, 59_999_999, 3_600_000_000, 86_399_999_999, 86_400_000_000];
  const expectedTimes = ['00:00:00', '00:00:00.000001', '00:00:59.999999', '01:00:00', '23:59:59.999999', '24:00:00'];
  expect(await copied('time', times.map((it) => (out) => new TimeCodec('us').integer(out, it)))).toEqual(expectedTimes);
}, 60_000);

test('durations are what PostgreSQL makes of their microseconds', async () => {
  const values = [0n, 1n, -1n, 999_999n, -1_000_001n, 86_400_000_000n, 9_000_000_000_000_000n, -9_000_000_000_000_123n];
  const expected = await client.query<{ v: string }>("SELECT make_interval(secs => 0)::text AS v");
  const read = await copied('interval', values.map((it) => (out) => new DurationCodec('us').long(out, it)));
  expect(read[0]).toBe(expected.rows[0]?.v);
  const back = await client.query<{ v: string }>('SELECT (extract(epoch FROM u::interval) * 1000000)::bigint::text AS v FROM unnest($1::text[]) WITH ORDINALITY AS t(u, i) ORDER BY i', [read]);
  expect(back.rows.map((it) => BigInt(it.v))).toEqual(values);
});

test('decimals read as Decimal reads them', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: 0, max: 50 }), (unscaled, scale) => {
      const decimal = new Decimal(unscaled, scale);
      expect(decimalToText(decimal.toBytes(), scale)).toBe(decimal.toString());
    }),
  );
  expect(decimalToText(Uint8Array.of(5), -3)).toBe('5000');
  expect(decimalToText(Uint8Array.of(), 2)).toBe('0.00');
});

test('any name can be an identifier, and any text a literal', async () => {
  const names = texts.filter((it) => it !== '' && Buffer.byteLength(it) <= 63);
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(names, { minLength: 1, maxLength: 20 }), fc.array(texts, { minLength: 1, maxLength: 20 }), async (columns, literals) => {
      const fields = columns.map((it, i) => `${quoteLiteral(literals[i % literals.length] ?? '')} AS ${quoteIdentifier(it)}`);
      const result = await client.query({ text: `SELECT ${fields.join(', ')}`, rowMode: 'array' });
      expect(result.fields.map((it) => it.name)).toEqual(columns);
      expect(result.rows).toEqual([columns.map((_, i) => literals[i % literals.length])]);
    }),
    { numRuns: 60 },
  );
}, 60_000);
