import { DataError } from '@millrace/connect-api';
import type { CopyBuffer } from '../rows/copy-buffer.js';
import { ColumnCodec } from './column-codec.js';

const MS_PER_DAY = 86_400_000;
/** The last and first day that PostgreSQL's date holds: 5874897-12-31 and 4714-11-24 BC. */
const DAY_LAST = 2_145_042_905;
const DAY_FIRST = -2_440_588;
/** What Debezium sends for infinite dates: the milliseconds of its infinite timestamps as days, of which an integer has kept the low half. */
const DAY_INFINITE = -2_147_472_692;
const DAY_INFINITE_NEGATIVE = -2_147_472_691;
/** What Debezium sends for infinite timestamps: the JDBC driver's values are microseconds. Nanoseconds do not reach so far. */
const INFINITY: Record<TimeUnit, readonly [bigint, bigint] | undefined> = {
  ms: [9_223_372_036_825_200n, -9_223_372_036_832_400n],
  us: [9_223_372_036_825_200_000n, -9_223_372_036_832_400_000n],
  ns: undefined,
};
/** Text of an integer up to this length is safe as a number. */
const SAFE_DIGITS = 15;

/** An integer that stands for a time. */
abstract class EpochCodec extends ColumnCodec {
  protected abstract write(out: CopyBuffer, value: number): void;
  protected writeLong(out: CopyBuffer, value: bigint): void {
    this.write(out, Number(value));
  }
  override integer(out: CopyBuffer, value: number): void {
    this.write(out, value);
  }
  override long(out: CopyBuffer, value: bigint): void {
    const number = Number(value);
    if (Number.isSafeInteger(number)) this.write(out, number);
    else this.writeLong(out, value);
  }
  override integerText(out: CopyBuffer, bytes: Uint8Array, start: number, end: number): void {
    if (end - start > SAFE_DIGITS) {
      this.long(out, BigInt(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')));
      return;
    }
    const negative = bytes[start] === 0x2d;
    let value = 0;
    for (let i = negative ? start + 1 : start; i < end; i++) value = value * 10 + (bytes[i]! - 0x30);
    this.write(out, negative ? -value : value);
  }
}

/** Days since 1970 (`io.debezium.time.Date`, Connect's Date). */
export class DateCodec extends EpochCodec {
  protected write(out: CopyBuffer, days: number): void {
    if (writeInfinity(out, days > DAY_LAST || days === DAY_INFINITE, days === DAY_INFINITE_NEGATIVE || days < DAY_FIRST)) return;
    if (writeDay(out, days)) out.ascii(' BC');
  }
  override date(out: CopyBuffer, value: Date): void {
    this.write(out, Math.floor(value.getTime() / MS_PER_DAY));
  }
}

export type TimeUnit = 'ms' | 'us' | 'ns';
const UNITS_PER_SECOND: Record<TimeUnit, number> = { ms: 1e3, us: 1e6, ns: 1e9 };
const FRACTION_DIGITS: Record<TimeUnit, number> = { ms: 3, us: 6, ns: 9 };

/** Time since 1970 without a zone (`io.debezium.time.Timestamp`, MicroTimestamp, NanoTimestamp, Connect's Timestamp). */
export class TimestampCodec extends EpochCodec {
  constructor(private readonly unit: TimeUnit) {
    super();
  }
  protected write(out: CopyBuffer, value: number): void {
    const perSecond = UNITS_PER_SECOND[this.unit];
    const seconds = Math.floor(value / perSecond);
    writeTimestamp(out, { seconds, fraction: value - seconds * perSecond, digits: FRACTION_DIGITS[this.unit] });
  }
  protected override writeLong(out: CopyBuffer, value: bigint): void {
    const infinity = INFINITY[this.unit];
    if (infinity && writeInfinity(out, value === infinity[0], value === infinity[1])) return;
    const perSecond = BigInt(UNITS_PER_SECOND[this.unit]);
    let seconds = value / perSecond;
    if (value % perSecond < 0n) seconds -= 1n;
    writeTimestamp(out, { seconds: Number(seconds), fraction: Number(value - seconds * perSecond), digits: FRACTION_DIGITS[this.unit] });
  }
  override date(out: CopyBuffer, value: Date): void {
    this.write(out, value.getTime());
  }
}

/** Time since midnight, 24:00:00 included (`io.debezium.time.Time`, MicroTime, NanoTime, Connect's Time). */
export class TimeCodec extends EpochCodec {
  constructor(private readonly unit: TimeUnit) {
    super();
  }
  protected write(out: CopyBuffer, value: number): void {
    const perSecond = UNITS_PER_SECOND[this.unit];
    const seconds = Math.floor(value / perSecond);
    if (value < 0 || seconds > 86_400) throw new DataError(`${value} ${this.unit} is not a time of day`);
    writeTime(out, { seconds, fraction: value - seconds * perSecond, digits: FRACTION_DIGITS[this.unit] });
  }
  override date(out: CopyBuffer, value: Date): void {
    this.write(out, ((value.getTime() % MS_PER_DAY) + MS_PER_DAY) % MS_PER_DAY);
  }
}

/** `io.debezium.time.MicroDuration` and NanoDuration as an interval of seconds. */
export class DurationCodec extends EpochCodec {
  constructor(private readonly unit: 'us' | 'ns') {
    super();
  }
  protected write(out: CopyBuffer, value: number): void {
    this.writeLong(out, BigInt(value));
  }
  protected override writeLong(out: CopyBuffer, value: bigint): void {
    const size = value < 0n ? -value : value;
    const perSecond = BigInt(UNITS_PER_SECOND[this.unit]);
    const fraction = (size % perSecond).toString().padStart(FRACTION_DIGITS[this.unit], '0');
    out.ascii(`${value < 0n ? '-' : ''}${size / perSecond}.${fraction} seconds`);
  }
}

/** ISO 8601 text of a time with a zone: as it is, but for years that PostgreSQL writes in another way. */
export class ZonedTimestampCodec extends ColumnCodec {
  override string(out: CopyBuffer, value: string): void {
    out.text(isDigit(value.charCodeAt(0)) ? value : outOfCenturyText(value));
  }
  override utf8(out: CopyBuffer, bytes: Uint8Array, start: number, end: number): void {
    if (start < end && isDigit(bytes[start]!)) out.utf8(bytes, start, end);
    else this.string(out, Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8'));
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** `+12345-01-01T…` loses its sign, `-0044-03-15T…` (astronomical year) becomes a year BC; the ends of Java's microseconds are infinite. */
function outOfCenturyText(value: string): string {
  if (value.startsWith('+294247-01-10T04:00:25.2')) return 'infinity';
  if (value.startsWith('-290308-12-21T19:59:27.6')) return '-infinity';
  const match = /^([+-])(\d+)(-.*)$/.exec(value);
  if (!match) return value;
  return match[1] === '+' ? match[2]! + match[3]! : `${String(Number(match[2]) + 1).padStart(4, '0')}${match[3]!} BC`;
}

function writeInfinity(out: CopyBuffer, positive: boolean, negative: boolean): boolean {
  if (!positive && !negative) return false;
  out.ascii(positive ? 'infinity' : '-infinity');
  return true;
}

interface Instant {
  readonly seconds: number;
  readonly fraction: number;
  /** Of the fraction. */
  readonly digits: number;
}

function writeTimestamp(out: CopyBuffer, { seconds, fraction, digits }: Instant): void {
  const days = Math.floor(seconds / 86_400);
  const beforeChrist = writeDay(out, days);
  out.byte(0x20);
  writeTime(out, { seconds: seconds - days * 86_400, fraction, digits });
  if (beforeChrist) out.ascii(' BC');
}

function writeTime(out: CopyBuffer, { seconds, fraction, digits }: Instant): void {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds - hours * 3600) / 60);
  out.digits(hours, 2);
  out.byte(0x3a);
  out.digits(minutes, 2);
  out.byte(0x3a);
  out.digits(seconds - hours * 3600 - minutes * 60, 2);
  if (fraction === 0) return;
  out.byte(0x2e);
  out.digits(fraction, digits);
}

/** Writes the proleptic Gregorian date of a day since 1970; true if its year is before Christ. */
function writeDay(out: CopyBuffer, days: number): boolean {
  // Days are counted from 0000-03-01, in eras of 400 years: leap days then come last in a year.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const beforeChrist = year <= 0;
  const shown = beforeChrist ? 1 - year : year;
  if (shown <= 9999) out.digits(shown, 4);
  else out.ascii(String(shown));
  out.byte(0x2d);
  out.digits(month, 2);
  out.byte(0x2d);
  out.digits(day, 2);
  return beforeChrist;
}

