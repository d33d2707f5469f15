/** Reads dates and times as PostgreSQL writes them with DateStyle ISO. The result of the last reading is in `moment`. */
export interface Moment {
  /** Since 1970-01-01, in the proleptic Gregorian calendar. */
  days: number;
  /** Of the day; 24:00:00 is a whole day. */
  micros: number;
  /** 1 and -1: infinity. */
  infinite: number;
}

export const moment: Moment = { days: 0, micros: 0, infinite: 0 };

export const DAY_MICROS = 86_400_000_000;

let at = 0;
let offsetSeconds = 0;

export function readDate(bytes: Buffer, start: number, end: number): Moment {
  moment.infinite = 0;
  moment.micros = 0;
  if (bytes[start] === 0x69) moment.infinite = 1;
  else if (bytes[start] === 0x2d) moment.infinite = -1;
  if (moment.infinite !== 0) return moment;
  at = start;
  const year = number(bytes, end);
  at += 1;
  const month = number(bytes, end);
  at += 1;
  const day = number(bytes, end);
  moment.days = daysOf(isBeforeChrist(bytes, end) ? 1 - year : year, month, day);
  return moment;
}

/** With or without an offset; the moment is at UTC if there is one. */
export function readTimestamp(bytes: Buffer, start: number, end: number): Moment {
  readDate(bytes, start, end);
  if (moment.infinite !== 0) return moment;
  at += 1;
  clock(bytes, end);
  return moment;
}

/** A time of day, with or without an offset: then at UTC, within the day. `24:00:00` stays a whole day when it has no offset, or that of UTC. */
export function readTime(bytes: Buffer, start: number, end: number): Moment {
  moment.infinite = 0;
  moment.days = 0;
  at = start;
  clock(bytes, end);
  if (offsetSeconds !== 0) moment.micros = ((moment.micros % DAY_MICROS) + DAY_MICROS) % DAY_MICROS;
  return moment;
}

function clock(bytes: Buffer, end: number): void {
  const hour = number(bytes, end);
  at += 1;
  const minute = number(bytes, end);
  at += 1;
  const second = number(bytes, end);
  let fraction = 0;
  if (bytes[at] === 0x2e && at < end) {
    const from = ++at;
    fraction = number(bytes, end);
    for (let digits = at - from; digits < 6; digits++) fraction *= 10;
  }
  moment.micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction;
  offsetSeconds = 0;
  if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) offset(bytes, end);
}

function offset(bytes: Buffer, end: number): void {
  const sign = bytes[at] === 0x2d ? -1 : 1;
  at += 1;
  offsetSeconds = number(bytes, end) * 3600;
  for (let unit = 60; unit >= 1 && at < end && bytes[at] === 0x3a; unit /= 60) {
    at += 1;
    offsetSeconds += number(bytes, end) * unit;
  }
  offsetSeconds *= sign;
  if (offsetSeconds === 0) return;
  moment.micros -= offsetSeconds * 1_000_000;
  if (moment.micros < 0) {
    moment.micros += DAY_MICROS;
    moment.days -= 1;
  } else if (moment.micros >= DAY_MICROS) {
    moment.micros -= DAY_MICROS;
    moment.days += 1;
  }
}

function number(bytes: Buffer, end: number): number {
  let value = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}

function isBeforeChrist(bytes: Buffer, end: number): boolean {
  return bytes[end - 1] === 0x43 && bytes[end - 2] === 0x42;
}

function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
}

/** `2020-02-29`, `+10000-01-01`, `-0043-03-15`: as java.time writes it. */
export function isoDate(days: number): string {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const sign = year < 0 ? '-' : year > 9999 ? '+' : '';
  return `${sign}${String(Math.abs(year)).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
}

/** `13:51:30`, with exactly `fractionDigits` digits, or, when undefined, as many as it takes. */
export function isoTime(micros: number, fractionDigits: number | undefined): string {
  const seconds = Math.floor(micros / 1_000_000);
  const two = (it: number): string => String(it).padStart(2, '0');
  const fraction = String(micros - seconds * 1_000_000).padStart(6, '0');
  const shown = fractionDigits === undefined ? fraction.replace(/0+$/, '') : fraction.slice(0, fractionDigits);
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${shown === '' ? '' : `.${shown}`}`;
}
