import { bigIntToBytes } from '@millrace/connect-api';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 'latin1');
const HEX = Buffer.from('0123456789ABCDEF', 'latin1');
/** `00`, `01` … `99`. */
const DIGIT_PAIRS = Buffer.from(Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0')).join(''), 'latin1');
/** By byte: 0 = stands for itself, 1 = as \u00XX, 2 = begins a character beyond 16 bits, otherwise the letter after the backslash. */
const ESCAPES = new Uint8Array(256);
ESCAPES.fill(1, 0, 0x20);
ESCAPES.fill(2, 0xf0, 0xf8);
for (const [byte, letter] of [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [QUOTE, '"'],
  [BACKSLASH, '\\'],
] as const) {
  ESCAPES[byte] = letter.charCodeAt(0);
}
const ESCAPED_BYTES_MAX = 6;
const SHORT_STRING = 40;

/** JSON tokens as bytes in one buffer that grows and is used again and again; the exact bytes of Jackson's UTF-8 generator. */
export class JsonBytes {
  buffer = Buffer.allocUnsafe(16 * 1024);
  length = 0;
  private readonly scratch = new Uint8Array(16);
  private encoded: Buffer = Buffer.allocUnsafe(1024);

  /** Makes room for at least this many more bytes. */
  ensure(more: number): void {
    if (this.length + more > this.buffer.length) this.grow(more);
  }

  raw(bytes: Uint8Array): void {
    const size = bytes.length;
    this.ensure(size);
    const { buffer } = this;
    let at = this.length;
    if (size > 64) buffer.set(bytes, at);
    else for (let i = 0; i < size; i++) buffer[at++] = bytes[i]!;
    this.length += size;
  }

  range(bytes: Uint8Array, start: number, end: number): void {
    this.ensure(end - start);
    const { buffer } = this;
    let at = this.length;
    for (let i = start; i < end; i++) buffer[at++] = bytes[i]!;
    this.length = at;
  }

  ascii(text: string): void {
    this.ensure(text.length);
    const { buffer } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i);
    this.length = at;
  }

  byte(value: number): void {
    this.ensure(1);
    this.buffer[this.length++] = value;
  }

  /** An integer within ±2^53. */
  integer(value: number): void {
    this.ensure(20);
    let rest = value;
    if (rest < 0) {
      this.buffer[this.length++] = 0x2d;
      rest = -rest;
    }
    if (rest < 100_000_000) return this.digits(rest, 0);
    const high = Math.floor(rest / 100_000_000);
    this.digits(high, 0);
    this.digits(rest - high * 100_000_000, 8);
  }

  /** Quoted and escaped. */
  string(value: string): void {
    const size = value.length;
    if (size <= SHORT_STRING) {
      this.ensure(size + 2);
      const { buffer } = this;
      let at = this.length;
      buffer[at++] = QUOTE;
      let i = 0;
      for (; i < size; i++) {
        const unit = value.charCodeAt(i);
        if (unit > 0x7f || ESCAPES[unit] !== 0) break;
        buffer[at++] = unit;
      }
      if (i === size) {
        buffer[at++] = QUOTE;
        this.length = at;
        return;
      }
    }
    if (this.encoded.length < size * 3) this.encoded = Buffer.allocUnsafe(size * 3);
    this.utf8(this.encoded, 0, this.encoded.write(value, 'utf8'));
  }

  /** Valid UTF-8, quoted and escaped. */
  utf8(bytes: Uint8Array, start: number, end: number): void {
    this.ensure((end - start) * ESCAPED_BYTES_MAX + 2);
    const { buffer } = this;
    let at = this.length;
    buffer[at++] = QUOTE;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      const escape = ESCAPES[byte]!;
      if (escape === 0) buffer[at++] = byte;
      else if (escape === 2) {
        at = escapeSurrogates(buffer, at, bytes, i);
        i += 3;
      } else at = escapeByte(buffer, at, byte);
    }
    buffer[at++] = QUOTE;
    this.length = at;
  }

  /** As a quoted base64 text. */
  base64(bytes: Uint8Array, start: number, end: number): void {
    const size = end - start;
    this.ensure(Math.ceil(size / 3) * 4 + 2);
    const { buffer } = this;
    buffer[this.length++] = QUOTE;
    if (size > 96) {
      this.length += buffer.write(Buffer.from(bytes.buffer, bytes.byteOffset + start, size).toString('base64'), this.length, 'latin1');
    } else {
      let at = this.length;
      let i = start;
      for (; i + 2 < end; i += 3) {
        const group = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
        buffer[at++] = BASE64[group >> 18]!;
        buffer[at++] = BASE64[(group >> 12) & 63]!;
        buffer[at++] = BASE64[(group >> 6) & 63]!;
        buffer[at++] = BASE64[group & 63]!;
      }
      if (i < end) {
        const two = i + 1 < end;
        const group = (bytes[i]! << 16) | (two ? bytes[i + 1]! << 8 : 0);
        buffer[at++] = BASE64[group >> 18]!;
        buffer[at++] = BASE64[(group >> 12) & 63]!;
        buffer[at++] = two ? BASE64[(group >> 6) & 63]! : 0x3d;
        buffer[at++] = 0x3d;
      }
      this.length = at;
    }
    buffer[this.length++] = QUOTE;
  }

  /** Plain decimal text `-12.50` as the base64 of its unscaled value: what a Connect Decimal is in JSON by default. */
  unscaledBase64(text: Uint8Array, start: number, end: number): void {
    let value = 0;
    let digits = 0;
    for (let i = start; i < end; i++) {
      const digit = text[i]! - 0x30;
      if (digit >= 0 && digit <= 9) {
        value = value * 10 + digit;
        digits += 1;
      }
    }
    const negative = text[start] === 0x2d;
    if (digits <= 15) return this.smallUnscaledBase64(negative ? -value : value);
    let integer = '';
    for (let i = start; i < end; i++) if (text[i]! >= 0x30) integer += String.fromCharCode(text[i]!);
    const bytes = bigIntToBytes(negative ? -BigInt(integer) : BigInt(integer));
    this.base64(bytes, 0, bytes.length);
  }

  private smallUnscaledBase64(value: number): void {
    const { scratch } = this;
    let rest = value;
    let at = 8;
    let byte: number;
    do {
      const quotient = Math.floor(rest / 256);
      byte = rest - quotient * 256;
      scratch[--at] = byte;
      rest = quotient;
    } while (!((rest === 0 && byte < 0x80) || (rest === -1 && byte >= 0x80)));
    this.base64(scratch, at, 8);
  }

  private digits(value: number, widthMin: number): void {
    const { buffer } = this;
    const width = widthMin || (value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : value < 10_000 ? 4 : value < 100_000 ? 5 : value < 1_000_000 ? 6 : value < 10_000_000 ? 7 : 8);
    let rest = value | 0;
    const start = this.length;
    let at = start + width;
    this.length = at;
    while (at - start >= 2) {
      const quotient = (rest / 100) | 0;
      const pair = (rest - quotient * 100) << 1;
      buffer[--at] = DIGIT_PAIRS[pair + 1]!;
      buffer[--at] = DIGIT_PAIRS[pair]!;
      rest = quotient;
    }
    if (at > start) buffer[start] = 0x30 + rest;
  }

  private grow(more: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.length + more, this.buffer.length * 2));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }
}

function escapeByte(buffer: Uint8Array, start: number, byte: number): number {
  const escape = ESCAPES[byte]!;
  let at = start;
  buffer[at++] = BACKSLASH;
  if (escape !== 1) {
    buffer[at++] = escape;
    return at;
  }
  buffer[at++] = 0x75;
  return hex16(buffer, at, byte);
}

/** Jackson writes a character beyond 16 bits as the escapes of its two surrogates. */
function escapeSurrogates(buffer: Uint8Array, start: number, bytes: Uint8Array, from: number): number {
  const code = ((bytes[from]! & 7) << 18) | ((bytes[from + 1]! & 63) << 12) | ((bytes[from + 2]! & 63) << 6) | (bytes[from + 3]! & 63);
  let at = start;
  for (const unit of [0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff)]) {
    buffer[at++] = BACKSLASH;
    buffer[at++] = 0x75;
    at = hex16(buffer, at, unit);
  }
  return at;
}

function hex16(buffer: Uint8Array, start: number, value: number): number {
  buffer[start] = HEX[value >> 12]!;
  buffer[start + 1] = HEX[(value >> 8) & 15]!;
  buffer[start + 2] = HEX[(value >> 4) & 15]!;
  buffer[start + 3] = HEX[value & 15]!;
  return start + 4;
}
