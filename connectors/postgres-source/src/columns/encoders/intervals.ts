import { Schema } from '@millrace/connect-api';
import { constantText, writeZero, type Encode, type TypeMapping } from './encode.js';

const DAYS_PER_MONTH = 365.25 / 12;

export function intervalMapping(mode: 'numeric' | 'string'): TypeMapping {
  if (mode === 'string') return { schema: Schema.of('string', { name: 'io.debezium.time.Interval', version: 1 }), encode: encodeIso, whenNull: constantText('P0Y0M0DT0H0M0S') };
  return { schema: Schema.of('int64', { name: 'io.debezium.time.MicroDuration', version: 1 }), encode: encodeMicros, whenNull: writeZero };
}

interface Interval {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
}

const INTERVAL = /^(?:(-?\+?\d+) years? ?)?(?:([-+]?\d+) mons? ?)?(?:([-+]?\d+) days? ?)?(?:([-+]?)(\d+):(\d+):(\d+(?:\.\d+)?))?$/;

/** `1 year 2 mons 3 days -04:05:06.789`: IntervalStyle postgres. */
function parseInterval(text: string): Interval {
  const match = INTERVAL.exec(text);
  if (!match) throw new RangeError(`not an interval: ${text.slice(0, 60)}`);
  const [, years, months, days, sign, hours, minutes, seconds] = match;
  const factor = sign === '-' ? -1 : 1;
  const signed = (it: string | undefined): number => factor * Number(it ?? 0) || 0;
  return { years: Number(years ?? 0), months: Number(months ?? 0), days: Number(days ?? 0), hours: signed(hours), minutes: signed(minutes), seconds: signed(seconds) };
}

/** In floating point and in this order, as Debezium counts, so that the same digits come out; saturated at the bounds of an int64. */
const encodeMicros: Encode = (writer, bytes, start, end) => {
  const text = bytes.toString('latin1', start, end);
  if (text.endsWith('infinity')) return writer.long(text.startsWith('-') ? -(2n ** 63n) : 2n ** 63n - 1n);
  const { years, months, days, hours, minutes, seconds } = parseInterval(text);
  const wholeDays = (years * 12 + months) * DAYS_PER_MONTH + days;
  const micros = Math.trunc((((wholeDays * 24 + hours) * 60 + minutes) * 60 + seconds) * 1e6);
  if (Number.isSafeInteger(micros)) writer.integer(micros || 0);
  else writer.long(BigInt.asIntN(64, micros >= 2 ** 63 ? 2n ** 63n - 1n : micros <= -(2 ** 63) ? -(2n ** 63n) : BigInt(micros)));
};

const encodeIso: Encode = (writer, bytes, start, end) => {
  const text = bytes.toString('latin1', start, end);
  if (text.endsWith('infinity')) return writer.string(text);
  const { years, months, days, hours, minutes, seconds } = parseInterval(text);
  writer.string(`P${years}Y${months}M${days}DT${hours}H${minutes}M${plainSeconds(seconds)}S`);
};

function plainSeconds(seconds: number): string {
  return Number.isInteger(seconds) ? String(seconds) : seconds.toFixed(6).replace(/0+$/, '');
}
