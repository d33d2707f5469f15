import { ConfigError } from '@millrace/connect-api';

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MS_PER_DAY = 86_400_000;
const NUMERIC = 'ydDHkKhmsSu';
const KNOWN = `${NUMERIC}GMLEazZX`;
/** Two-digit years are those from so many years ago on. */
const CENTURY_BACK_YEARS = 80;

interface Field {
  readonly letter: string;
  readonly count: number;
}
type Piece = Field | { readonly literal: string };

interface ParsedFields {
  year: number;
  month: number;
  day: number;
  dayOfYear: number | undefined;
  hours: number;
  halfDayHours: number | undefined;
  isAfternoon: boolean;
  minutes: number;
  seconds: number;
  ms: number;
  offsetMs: number;
}

/**
 * The formats of `java.text.SimpleDateFormat` in English and UTC, for the letters G y M L d D E u a H k K h m s S z Z X; those of weeks are
 * refused. Parsing is lenient as Java's is, in the Gregorian calendar throughout.
 */
export class SimpleDateFormat {
  private readonly pieces: readonly Piece[];

  /** Throws ConfigError. */
  constructor(readonly pattern: string) {
    this.pieces = piecesOf(pattern);
  }

  format(epochMs: number): string {
    const date = new Date(epochMs);
    return this.pieces.map((it) => ('literal' in it ? it.literal : formatField(it, date))).join('');
  }

  /** The time that the text, or its beginning, says; undefined where it does not match. */
  parse(text: string): number | undefined {
    const fields: ParsedFields = { year: 1970, month: 0, day: 1, dayOfYear: undefined, hours: 0, halfDayHours: undefined, isAfternoon: false, minutes: 0, seconds: 0, ms: 0, offsetMs: 0 };
    let at = 0;
    for (let i = 0; i < this.pieces.length; i++) {
      const piece = this.pieces[i]!;
      if ('literal' in piece) {
        if (!text.startsWith(piece.literal, at)) return undefined;
        at += piece.literal.length;
      } else {
        const next = this.pieces[i + 1];
        const isFollowedByDigits = next !== undefined && !('literal' in next) && isNumeric(next);
        const end = parseField(piece, text, at, isFollowedByDigits, fields);
        if (end === undefined) return undefined;
        at = end;
      }
    }
    return timeOf(fields);
  }
}

function piecesOf(pattern: string): Piece[] {
  const pieces: Piece[] = [];
  const literal = (text: string): void => {
    const last = pieces[pieces.length - 1];
    if (last && 'literal' in last) pieces[pieces.length - 1] = { literal: last.literal + text };
    else pieces.push({ literal: text });
  };
  for (let at = 0; at < pattern.length; ) {
    const it = pattern[at]!;
    if (it === "'") {
      if (pattern[at + 1] === "'") {
        literal("'");
        at += 2;
        continue;
      }
      const quoted = /^'((?:[^']|'')*)'/.exec(pattern.slice(at));
      if (!quoted) throw new ConfigError('Unterminated quote');
      literal((quoted[1] ?? '').replaceAll("''", "'"));
      at += quoted[0].length;
    } else if (/[a-zA-Z]/.test(it)) {
      let end = at;
      while (pattern[end] === it) end += 1;
      if (!KNOWN.includes(it)) throw new ConfigError('YwWF'.includes(it) ? `The pattern character '${it}' is not supported` : `Illegal pattern character '${it}'`);
      if (it === 'X' && end - at > 3) throw new ConfigError(`invalid ISO 8601 format: length=${end - at}`);
      pieces.push({ letter: it, count: end - at });
      at = end;
    } else {
      literal(it);
      at += 1;
    }
  }
  return pieces;
}

function isNumeric({ letter, count }: Field): boolean {
  return NUMERIC.includes(letter) || ((letter === 'M' || letter === 'L') && count <= 2);
}

function formatField({ letter, count }: Field, date: Date): string {
  const pad = (value: number): string => (value < 0 ? '-' : '') + String(Math.abs(value)).padStart(count, '0');
  const year = date.getUTCFullYear();
  const hours = date.getUTCHours();
  switch (letter) {
    case 'G':
      return year > 0 ? 'AD' : 'BC';
    case 'y': {
      const ofEra = year > 0 ? year : 1 - year;
      return count === 2 ? String(ofEra % 100).padStart(2, '0') : pad(ofEra);
    }
    case 'M':
    case 'L': {
      const month = date.getUTCMonth();
      return count >= 4 ? MONTHS[month]! : count === 3 ? MONTHS[month]!.slice(0, 3) : pad(month + 1);
    }
    case 'd':
      return pad(date.getUTCDate());
    case 'D':
      return pad(Math.floor((date.getTime() - yearStart(year)) / MS_PER_DAY) + 1);
    case 'E':
      return count >= 4 ? DAYS[date.getUTCDay()]! : DAYS[date.getUTCDay()]!.slice(0, 3);
    case 'u':
      return pad(date.getUTCDay() === 0 ? 7 : date.getUTCDay());
    case 'a':
      return hours < 12 ? 'AM' : 'PM';
    case 'H':
      return pad(hours);
    case 'k':
      return pad(hours === 0 ? 24 : hours);
    case 'K':
      return pad(hours % 12);
    case 'h':
      return pad(hours % 12 === 0 ? 12 : hours % 12);
    case 'm':
      return pad(date.getUTCMinutes());
    case 's':
      return pad(date.getUTCSeconds());
    case 'S':
      return pad(date.getUTCMilliseconds());
    case 'z':
      return count >= 4 ? 'Coordinated Universal Time' : 'UTC';
    case 'Z':
      return '+0000';
    default:
      return 'Z';
  }
}

/** Where the field ends; undefined where it does not match. */
function parseField(field: Field, text: string, start: number, isFollowedByDigits: boolean, fields: ParsedFields): number | undefined {
  const at = start + (/^[ \t]*/.exec(text.slice(start))?.[0].length ?? 0);
  if (at >= text.length) return undefined;
  if (!isNumeric(field)) return parseWord(field, text, at, fields);
  const room = isFollowedByDigits ? text.slice(at, start + field.count) : text.slice(at);
  const digits = /^-?\d+/.exec(room)?.[0];
  if (digits === undefined) return undefined;
  setNumber(field, digits, fields);
  return at + digits.length;
}

function setNumber({ letter, count }: Field, digits: string, fields: ParsedFields): void {
  const value = Number(digits);
  switch (letter) {
    case 'y':
      fields.year = count <= 2 && /^\d\d$/.test(digits) ? fullYear(value) : value;
      return;
    case 'M':
    case 'L':
      fields.month = value - 1;
      return;
    case 'd':
      fields.day = value;
      return;
    case 'D':
      fields.dayOfYear = value;
      return;
    case 'H':
      fields.hours = value;
      return;
    case 'k':
      fields.hours = value === 24 ? 0 : value;
      return;
    case 'K':
      fields.halfDayHours = value;
      return;
    case 'h':
      fields.halfDayHours = value === 12 ? 0 : value;
      return;
    case 'm':
      fields.minutes = value;
      return;
    case 's':
      fields.seconds = value;
      return;
    case 'S':
      fields.ms = value;
  }
}

function parseWord({ letter }: Field, text: string, at: number, fields: ParsedFields): number | undefined {
  const rest = text.slice(at);
  const among = (names: readonly string[]): number => names.findIndex((it) => rest.slice(0, it.length).toLowerCase() === it.toLowerCase());
  switch (letter) {
    case 'M':
    case 'L': {
      const long = among(MONTHS);
      const month = long >= 0 ? long : among(MONTHS.map((it) => it.slice(0, 3)));
      if (month < 0) return undefined;
      fields.month = month;
      return at + (long >= 0 ? MONTHS[month]!.length : 3);
    }
    case 'E': {
      const long = among(DAYS);
      const day = long >= 0 ? long : among(DAYS.map((it) => it.slice(0, 3)));
      return day < 0 ? undefined : at + (long >= 0 ? DAYS[day]!.length : 3);
    }
    case 'a':
    case 'G': {
      const found = among(letter === 'a' ? ['AM', 'PM'] : ['BC', 'AD']);
      if (found < 0) return undefined;
      if (letter === 'a') fields.isAfternoon = found === 1;
      else if (found === 0) fields.year = 1 - fields.year;
      return at + 2;
    }
    default:
      return parseZone(letter, rest, at, fields);
  }
}

function parseZone(letter: string, rest: string, at: number, fields: ParsedFields): number | undefined {
  const named = letter === 'X' ? /^Z/.exec(rest) : /^(?:UTC|GMT)(?![+-])/i.exec(rest);
  if (named) return at + named[0].length;
  const match = (letter === 'X' ? /^([+-])(\d\d)(?::?(\d\d))?/ : /^(?:GMT)?([+-])(\d{1,2}):?(\d\d)/i).exec(rest);
  if (!match) return undefined;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  fields.offsetMs = (match[1] === '-' ? -minutes : minutes) * 60_000;
  return at + match[0].length;
}

function fullYear(twoDigits: number): number {
  const first = new Date().getUTCFullYear() - CENTURY_BACK_YEARS;
  const year = Math.floor(first / 100) * 100 + twoDigits;
  return year < first ? year + 100 : year;
}

function yearStart(year: number): number {
  return new Date(0).setUTCFullYear(year, 0, 1);
}

/** Fields beyond their bounds run over into the next larger, as in Java's lenient calendar. */
function timeOf(fields: ParsedFields): number {
  const { year, month, day, dayOfYear, halfDayHours, isAfternoon, minutes, seconds, ms, offsetMs } = fields;
  const midnight = dayOfYear === undefined ? new Date(0).setUTCFullYear(year, month, day) : yearStart(year) + (dayOfYear - 1) * MS_PER_DAY;
  const hours = halfDayHours === undefined ? fields.hours : halfDayHours + (isAfternoon ? 12 : 0);
  return midnight + hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + ms - offsetMs;
}
