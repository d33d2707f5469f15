import { isUtf8 } from 'node:buffer';
import { DataError } from '@millrace/connect-api';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** By byte: 1 = ends the plain run of a string (quote, backslash, control), 2 = not ASCII. */
const STRING_STOPS = new Uint8Array(256);
STRING_STOPS.fill(1, 0, 0x20);
STRING_STOPS.fill(2, 0x80, 256);
STRING_STOPS[QUOTE] = 1;
STRING_STOPS[BACKSLASH] = 1;

/** By byte: 1 opens, 2 closes, 3 begins a string. */
const STRUCTURE = new Uint8Array(256);
for (const [characters, kind] of [
  ['{[', 1],
  ['}]', 2],
  ['"', 3],
] as const) {
  for (const character of characters) STRUCTURE[character.charCodeAt(0)] = kind;
}

/** By byte: may stand in a JSON number. */
const IN_NUMBER = new Uint8Array(256);
for (const character of '+-.0123456789Ee') IN_NUMBER[character.charCodeAt(0)] = 1;

/** Walks over JSON text in bytes[at, end). Every method leaves `at` behind what it read, and throws DataError for what is not JSON. */
export class JsonCursor {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;
  /** Of the last string read: where its content is (in `bytes`, or in `decoded` when it had escapes). */
  stringBytes: Uint8Array = this.bytes;
  stringStart = 0;
  stringEnd = 0;
  private decoded: Buffer = Buffer.allocUnsafe(256);

  reset(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.end = end;
  }

  /** The next byte that is not white space, not consumed; -1 at the end. */
  peek(): number {
    const { bytes, end } = this;
    let { at } = this;
    while (at < end) {
      const byte = bytes[at]!;
      if (byte > 0x20) {
        this.at = at;
        return byte;
      }
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      at += 1;
    }
    this.at = at;
    if (at < end) throw this.error('an unexpected byte');
    return -1;
  }

  expect(byte: number): void {
    if (this.at < this.end && this.bytes[this.at] === byte) {
      this.at += 1;
      return;
    }
    if (this.peek() !== byte) throw this.error(`no ${String.fromCharCode(byte)}`);
    this.at += 1;
  }

  /** Consumes the byte if it is next. */
  accept(byte: number): boolean {
    if (this.at < this.end && this.bytes[this.at] === byte) {
      this.at += 1;
      return true;
    }
    if (this.peek() !== byte) return false;
    this.at += 1;
    return true;
  }

  expectEnd(): void {
    if (this.peek() !== -1) throw this.error('something after the value');
  }

  /** Consumes `null` if it is next. */
  acceptNull(): boolean {
    if (this.peek() !== 0x6e) return false;
    this.literal('null');
    return true;
  }

  boolean(): boolean {
    const isTrue = this.peek() === 0x74;
    this.literal(isTrue ? 'true' : 'false');
    return isTrue;
  }

  /** Consumes a string and says by stringBytes, stringStart and stringEnd where its UTF-8 is; valid until the next string. */
  string(): void {
    this.expect(QUOTE);
    const { bytes, end } = this;
    const start = this.at;
    let at = start;
    let seen = 0;
    for (; at < end; at++) {
      const stop = STRING_STOPS[bytes[at]!]!;
      if (stop === 1) break;
      seen |= stop;
    }
    if (at < end && bytes[at] === QUOTE) {
      if (seen !== 0 && !isUtf8(bytes.subarray(start, at))) throw this.error('a string that is not UTF-8');
      this.stringBytes = bytes;
      this.stringStart = start;
      this.stringEnd = at;
      this.at = at + 1;
      return;
    }
    this.at = at;
    this.escapedString(start);
  }

  text(): string {
    this.string();
    return Buffer.from(this.stringBytes.buffer, this.stringBytes.byteOffset + this.stringStart, this.stringEnd - this.stringStart).toString('utf8');
  }

  /** Consumes a number token; it stands in bytes[start returned, at). True in `isInteger` when it has digits and a sign only. */
  isInteger = false;
  number(): number {
    const first = this.peek();
    const { bytes, end } = this;
    const start = this.at;
    let at = first === 0x2d ? start + 1 : start;
    const digits = at;
    while (at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at += 1;
    if (at === digits || (bytes[digits] === 0x30 && at > digits + 1)) throw this.error('no value that was expected');
    this.isInteger = !(at < end && IN_NUMBER[bytes[at]!] === 1);
    if (!this.isInteger) {
      while (at < end && IN_NUMBER[bytes[at]!] === 1) at += 1;
      if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(bytes.toString('latin1', start, at))) throw this.error('a malformed number');
    }
    this.at = at;
    return start;
  }

  /** The text from `start` to here, byte for byte. */
  tokenFrom(start: number): string {
    return this.bytes.toString('latin1', start, this.at);
  }

  /** Consumes any value; of what is inside objects and arrays only strings and brackets are looked at. */
  skip(): void {
    const byte = this.peek();
    if (byte === QUOTE) return this.string();
    if (byte === 0x74 || byte === 0x66) return void this.boolean();
    if (byte === 0x6e) return this.literal('null');
    if (byte !== 0x7b && byte !== 0x5b) return void this.number();
    const { bytes, end } = this;
    let { at } = this;
    let depth = 0;
    for (; at < end; at++) {
      const kind = STRUCTURE[bytes[at]!]!;
      if (kind === 0) continue;
      if (kind === 3) at = endOfString(bytes, at + 1, end);
      else if (kind === 1) depth += 1;
      else if (--depth === 0) {
        this.at = at + 1;
        return;
      }
    }
    this.at = end;
    throw this.error('no end of an object or array');
  }

  /** True when the next member's name is this one (given with its quotes): name and colon are consumed. */
  acceptName(quoted: Uint8Array): boolean {
    const { bytes } = this;
    if (bytes[this.at] !== QUOTE) this.peek();
    const { at } = this;
    const size = quoted.length;
    if (at + size >= this.end) return false;
    for (let i = 0; i < size; i++) if (bytes[at + i] !== quoted[i]) return false;
    this.at = at + size;
    this.expect(0x3a);
    return true;
  }

  error(what: string): DataError {
    return new DataError(`Converting byte[] to Kafka Connect data failed due to serialization error: not JSON, ${what} at byte ${this.at}`);
  }

  private literal(text: string): void {
    const { bytes, at } = this;
    for (let i = 0; i < text.length; i++) if (at + i >= this.end || bytes[at + i] !== text.charCodeAt(i)) throw this.error('no value that was expected');
    this.at = at + text.length;
  }

  private escapedString(start: number): void {
    const { bytes, end } = this;
    if (this.decoded.length < end - start) this.decoded = Buffer.allocUnsafe((end - start) * 2);
    const { decoded } = this;
    bytes.copy(decoded, 0, start, this.at);
    let length = this.at - start;
    for (;;) {
      if (this.at >= end) throw this.error('a string without an end');
      const byte = bytes[this.at]!;
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) length = this.escape(decoded, length);
      else if (byte < 0x20) throw this.error('a control character in a string');
      else {
        decoded[length++] = byte;
        this.at += 1;
      }
    }
    if (!isUtf8(decoded.subarray(0, length))) throw this.error('a string that is not UTF-8');
    this.at += 1;
    this.stringBytes = decoded;
    this.stringStart = 0;
    this.stringEnd = length;
  }

  private escape(into: Buffer, length: number): number {
    const kind = this.bytes[this.at + 1];
    const plain = kind === undefined ? -1 : ESCAPED.indexOf(kind);
    if (plain >= 0) {
      into[length] = ESCAPED_TO[plain]!;
      this.at += 2;
      return length + 1;
    }
    if (kind !== 0x75) throw this.error('an unknown escape');
    let code = this.hex(this.at + 2);
    this.at += 6;
    if (code >= 0xd800 && code < 0xdc00 && this.bytes[this.at] === BACKSLASH && this.bytes[this.at + 1] === 0x75) {
      const low = this.hex(this.at + 2);
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        this.at += 6;
      }
    }
    return length + into.write(String.fromCodePoint(code), length, 'utf8');
  }

  private hex(at: number): number {
    const text = at + 4 <= this.end ? this.bytes.toString('latin1', at, at + 4) : '';
    if (!/^[0-9a-fA-F]{4}$/.test(text)) throw this.error('a malformed \\u escape');
    return Number.parseInt(text, 16);
  }
}

const ESCAPED = Buffer.from('"\\/bfnrt', 'latin1');
const ESCAPED_TO = Buffer.from('"\\/\b\f\n\r\t', 'latin1');

/** Where the string's closing quote is; `end` when there is none. */
function endOfString(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return Math.min(at, end);
}
