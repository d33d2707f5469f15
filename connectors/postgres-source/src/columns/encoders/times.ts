import { Schema, DATE_NAME, TIME_NAME, TIMESTAMP_NAME, type ValueWriter } from '@millrace/connect-api';
import { DAY_MICROS, isoDate, isoTime, moment, readDate, readTime, readTimestamp } from './calendar.js';
import { constantText, scratchBytes, writeZero, type Encode, type TypeMapping, type WriteConstant } from './encode.js';

export type TimeMode = 'adaptive' | 'adaptive_time_microseconds' | 'connect' | 'isostring' | 'microseconds' | 'nanoseconds';

const DAY_MILLIS = 86_400_000;
const DATE_MILLIS_MAX = 8.64e15;
/** Days for which microseconds since 1970 are exact as a JavaScript number. */
const SAFE_DAYS = 104_000;
const POSITIVE_INFINITY_MICROS = 9_223_372_036_825_200_000n;
const NEGATIVE_INFINITY_MICROS = -9_223_372_036_832_400_000n;
const INT64_MAX = 2n ** 63n - 1n;
/** Debezium reads an infinite date as the same instant in milliseconds, and keeps the low 32 bits of its day. */
const POSITIVE_INFINITY_DAY = -2_147_472_692;
const NEGATIVE_INFINITY_DAY = -2_147_472_691;
const debeziumTime = (name: string): string => `io.debezium.time.${name}`;
const textTime = (name: string): Schema => Schema.of('string', { name: debeziumTime(name), version: 1 });

export function dateMapping(mode: TimeMode): TypeMapping {
  if (mode === 'connect') return { schema: Schema.of('int32', { name: DATE_NAME, version: 1 }), encode: encodeConnectDate, whenNull: writeEpoch };
  if (mode === 'isostring') return { schema: textTime('IsoDate'), encode: encodeIsoDate, whenNull: constantText('1970-01-01Z') };
  return { schema: Schema.of('int32', { name: debeziumTime('Date'), version: 1 }), encode: encodeDays, whenNull: writeZero };
}

/** `precision`: digits of the fraction of a second that the column keeps, 0 to 6. */
export function timeMapping(mode: TimeMode, precision: number): TypeMapping {
  if (mode === 'connect') return { schema: Schema.of('int32', { name: TIME_NAME, version: 1 }), encode: encodeConnectTime, whenNull: writeEpoch };
  if (mode === 'isostring') return { schema: textTime('IsoTime'), encode: encodeIsoTime, whenNull: constantText('00:00:00Z') };
  if (mode === 'nanoseconds') return { schema: Schema.of('int64', { name: debeziumTime('NanoTime'), version: 1 }), encode: encodeTimeNanos, whenNull: writeZero };
  if (mode === 'adaptive' && precision <= 3) return { schema: Schema.of('int32', { name: debeziumTime('Time'), version: 1 }), encode: encodeTimeMillis, whenNull: writeZero };
  return { schema: Schema.of('int64', { name: debeziumTime('MicroTime'), version: 1 }), encode: encodeTimeMicros, whenNull: writeZero };
}

export function timestampMapping(mode: TimeMode, precision: number): TypeMapping {
  if (mode === 'connect') return { schema: Schema.of('int64', { name: TIMESTAMP_NAME, version: 1 }), encode: encodeConnectTimestamp, whenNull: writeEpoch };
  if (mode === 'isostring') return { schema: textTime('IsoTimestamp'), encode: encodeIsoTimestamp, whenNull: constantText('1970-01-01T00:00:00Z') };
  if (mode === 'nanoseconds') return { schema: Schema.of('int64', { name: debeziumTime('NanoTimestamp'), version: 1 }), encode: encodeNanos, whenNull: writeZero };
  if (precision <= 3 && mode !== 'microseconds') return { schema: Schema.of('int64', { name: debeziumTime('Timestamp'), version: 1 }), encode: encodeMillis, whenNull: writeZero };
  return { schema: Schema.of('int64', { name: debeziumTime('MicroTimestamp'), version: 1 }), encode: encodeMicros, whenNull: writeZero };
}

export function zonedTimestampMapping(precision: number): TypeMapping {
  return { schema: Schema.of('string', { name: debeziumTime('ZonedTimestamp'), version: 1 }), encode: zonedTimestamp(precision), whenNull: constantText('1970-01-01T00:00:00Z') };
}

export function zonedTimeMapping(): TypeMapping {
  return { schema: Schema.of('string', { name: debeziumTime('ZonedTime'), version: 1 }), encode: encodeZonedTime, whenNull: constantText('00:00:00Z') };
}

const EPOCH = new Date(0);
const writeEpoch: WriteConstant = (writer) => writer.date(EPOCH);

const encodeDays: Encode = (writer, bytes, start, end) => {
  readDate(bytes, start, end);
  writer.integer(moment.infinite === 0 ? moment.days : moment.infinite > 0 ? POSITIVE_INFINITY_DAY : NEGATIVE_INFINITY_DAY);
};

const encodeTimeMillis: Encode = (writer, bytes, start, end) => writer.integer(Math.floor(readTime(bytes, start, end).micros / 1000));
const encodeTimeMicros: Encode = (writer, bytes, start, end) => writer.integer(readTime(bytes, start, end).micros);

const encodeMillis: Encode = (writer, bytes, start, end) => {
  readTimestamp(bytes, start, end);
  if (moment.infinite !== 0) return writer.long((moment.infinite > 0 ? POSITIVE_INFINITY_MICROS : NEGATIVE_INFINITY_MICROS) / 1000n);
  const millis = Math.floor(moment.micros / 1000);
  if (moment.days < SAFE_DAYS * 1000) writer.integer(moment.days * DAY_MILLIS + millis);
  else writer.long(BigInt(moment.days) * BigInt(DAY_MILLIS) + BigInt(millis));
};

const encodeMicros: Encode = (writer, bytes, start, end) => {
  readTimestamp(bytes, start, end);
  if (moment.infinite !== 0) return writer.long(moment.infinite > 0 ? POSITIVE_INFINITY_MICROS : NEGATIVE_INFINITY_MICROS);
  writeMicros(writer, moment.days, moment.micros);
};

function writeMicros(writer: ValueWriter, days: number, micros: number): void {
  if (days > -SAFE_DAYS && days < SAFE_DAYS) writer.integer(days * DAY_MICROS + micros);
  else writer.long(saturated(BigInt(days) * BigInt(DAY_MICROS) + BigInt(micros)));
}

/** PostgreSQL's last years (after 294246) are beyond an int64 that counts from 1970. */
function saturated(value: bigint): bigint {
  return value > INT64_MAX ? INT64_MAX : value;
}

/** Infinity is beyond what a JavaScript Date holds: it is written as the number that Debezium writes. */
const encodeConnectDate: Encode = (writer, bytes, start, end) => {
  if (readDate(bytes, start, end).infinite !== 0) return writer.integer(moment.infinite > 0 ? POSITIVE_INFINITY_DAY : NEGATIVE_INFINITY_DAY);
  if (Math.abs(moment.days * DAY_MILLIS) <= DATE_MILLIS_MAX) writer.date(new Date(moment.days * DAY_MILLIS));
  else writer.integer(moment.days);
};
const encodeConnectTime: Encode = (writer, bytes, start, end) => writer.date(new Date(Math.floor(readTime(bytes, start, end).micros / 1000)));
const encodeConnectTimestamp: Encode = (writer, bytes, start, end) => {
  readTimestamp(bytes, start, end);
  const millis = moment.days * DAY_MILLIS + Math.floor(moment.micros / 1000);
  if (moment.infinite === 0 && millis <= DATE_MILLIS_MAX) writer.date(new Date(millis));
  else encodeMillis(writer, bytes, start, end);
};

/** `2016-11-04 13:51:30.12+00` → `2016-11-04T13:51:30.120000Z`: with all the digits that the column keeps. */
function zonedTimestamp(precision: number): Encode {
  const width = 19 + (precision === 0 ? 0 : precision + 1);
  return (writer, bytes, start, end) => {
    const fractionEnd = end - 3;
    const isPlain = bytes[end - 2] === 0x30 && bytes[end - 1] === 0x30 && bytes[fractionEnd] === 0x2b && bytes[start + 4] === 0x2d && bytes[start + 10] === 0x20;
    if (!isPlain || fractionEnd - start > width || (fractionEnd - start > 19 && bytes[start + 19] !== 0x2e)) return writeZonedTimestamp(writer, bytes, start, end, precision);
    const text = scratchBytes(32);
    const length = fractionEnd - start;
    for (let i = 0; i < length; i++) text[i] = bytes[start + i]!;
    text[10] = 0x54;
    if (length < width) {
      let to = length;
      if (to === 19) text[to++] = 0x2e;
      while (to < width) text[to++] = 0x30;
    }
    text[width] = 0x5a;
    writer.utf8(text, 0, width + 1);
  };
}

function writeZonedTimestamp(writer: ValueWriter, bytes: Buffer, start: number, end: number, precision: number): void {
  readTimestamp(bytes, start, end);
  if (moment.infinite !== 0) return writer.string(moment.infinite > 0 ? 'infinity' : '-infinity');
  writer.string(`${isoDate(moment.days)}T${isoTime(moment.micros, precision)}Z`);
}

const encodeIsoDate: Encode = (writer, bytes, start, end) => {
  if (readDate(bytes, start, end).infinite !== 0) writer.string(infinityText());
  else writer.string(`${isoDate(moment.days)}Z`);
};

const encodeIsoTime: Encode = (writer, bytes, start, end) => writer.string(`${isoTime(readTime(bytes, start, end).micros % DAY_MICROS, undefined)}Z`);

const encodeIsoTimestamp: Encode = (writer, bytes, start, end) => {
  readTimestamp(bytes, start, end);
  if (moment.infinite !== 0) writer.string(infinityText());
  else writer.string(`${isoDate(moment.days)}T${isoTime(moment.micros, undefined)}Z`);
};

function infinityText(): string {
  return moment.infinite > 0 ? 'infinity' : '-infinity';
}

const encodeTimeNanos: Encode = (writer, bytes, start, end) => writer.integer(readTime(bytes, start, end).micros * 1000);

/** Nanoseconds since 1970 as an int64 holds them, from 1677 to 2262; times beyond are its bounds. */
const encodeNanos: Encode = (writer, bytes, start, end) => {
  readTimestamp(bytes, start, end);
  const nanos = moment.infinite !== 0 ? BigInt(moment.infinite) * 2n ** 63n : (BigInt(moment.days) * BigInt(DAY_MICROS) + BigInt(moment.micros)) * 1000n;
  writer.long(nanos > INT64_MAX ? INT64_MAX : nanos < -INT64_MAX - 1n ? -INT64_MAX - 1n : nanos);
};

const encodeZonedTime: Encode = (writer, bytes, start, end) => writer.string(`${isoTime(readTime(bytes, start, end).micros, undefined)}Z`);
