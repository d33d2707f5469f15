const BACKSLASH = 0x5c;
const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

const HEX = Buffer.from('0123456789abcdef', 'latin1');
const SPECIAL = /[\\\t\n\r]/;

/**
 * Growing bytes of COPY's text format. `text` and `utf8` escape what the format gives a meaning (backslash, tab, newline, return);
 * a raw buffer does not: it holds the plain text of a value that becomes part of another one.
 */
export class CopyBuffer {
  bytes: Buffer;
  length = 0;

  constructor(
    readonly raw: boolean = false,
    capacity = 1 << 16,
  ) {
    this.bytes = Buffer.allocUnsafe(capacity);
  }

  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** SQL null. */
  nullMark(): void {
    this.reserve(2);
    this.bytes[this.length++] = BACKSLASH;
    this.bytes[this.length++] = 0x4e;
  }

  /** ASCII text without a character that would need an escape. */
  ascii(value: string): void {
    const count = value.length;
    this.reserve(count);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < count; i++) bytes[at++] = value.charCodeAt(i);
    this.length = at;
  }

  /** ASCII bytes without a character that would need an escape. */
  asciiBytes(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    const { bytes } = this;
    let at = this.length;
    for (let i = start; i < end; i++) bytes[at++] = source[i]!;
    this.length = at;
  }

  /** A decimal number of exactly `width` digits, zeros first. */
  digits(value: number, width: number): void {
    this.reserve(width);
    let rest = value;
    for (let at = this.length + width - 1; at >= this.length; at--) {
      const next = Math.floor(rest / 10);
      this.bytes[at] = 0x30 + (rest - next * 10);
      rest = next;
    }
    this.length += width;
  }

  text(value: string): void {
    const escaped = this.raw || !SPECIAL.test(value) ? value : escapeText(value);
    this.reserve(escaped.length * 3);
    this.length += this.bytes.write(escaped, this.length, 'utf8');
  }

  utf8(source: Uint8Array, start: number, end: number): void {
    this.reserve((end - start) * 2);
    const { bytes, raw } = this;
    let at = this.length;
    for (let i = start; i < end; i++) {
      const byte = source[i]!;
      if (!raw && (byte === BACKSLASH || (byte <= RETURN && (byte === TAB || byte === NEWLINE || byte === RETURN)))) {
        bytes[at++] = BACKSLASH;
        bytes[at++] = byte === TAB ? 0x74 : byte === NEWLINE ? 0x6e : byte === RETURN ? 0x72 : BACKSLASH;
      } else {
        bytes[at++] = byte;
      }
    }
    this.length = at;
  }

  /** bytea's hex notation. */
  hex(source: Uint8Array, start: number, end: number): void {
    this.reserve((end - start) * 2 + 3);
    const { bytes } = this;
    bytes[this.length++] = BACKSLASH;
    if (!this.raw) bytes[this.length++] = BACKSLASH;
    bytes[this.length++] = 0x78;
    let at = this.length;
    for (let i = start; i < end; i++) {
      const byte = source[i]!;
      bytes[at++] = HEX[byte >> 4]!;
      bytes[at++] = HEX[byte & 15]!;
    }
    this.length = at;
  }

  slice(start: number, end: number): string {
    return this.bytes.toString('utf8', start, end);
  }
}

function escapeText(value: string): string {
  return value.replace(/[\\\t\n\r]/g, (it) => (it === '\\' ? '\\\\' : it === '\t' ? '\\t' : it === '\n' ? '\\n' : '\\r'));
}

/** The value behind a field of COPY's text format as this package writes it; null for SQL null. */
export function unescapeField(row: Uint8Array, start: number, end: number): Uint8Array | null {
  if (end - start === 2 && row[start] === BACKSLASH && row[start + 1] === 0x4e) return null;
  const field = row.subarray(start, end);
  if (!field.includes(BACKSLASH)) return field;
  const value = new Uint8Array(end - start);
  let length = 0;
  for (let i = start; i < end; i++) {
    let byte = row[i]!;
    if (byte === BACKSLASH) {
      byte = row[++i]!;
      if (byte === 0x74) byte = TAB;
      else if (byte === 0x6e) byte = NEWLINE;
      else if (byte === 0x72) byte = RETURN;
    }
    value[length++] = byte;
  }
  return value.subarray(0, length);
}

/** Where the fields of a row start, and one past its end: field i is [bounds[i], bounds[i + 1] - 1). */
export function fieldBounds(row: Uint8Array, start: number, end: number): number[] {
  const bounds = [start];
  for (let i = start; i < end; i++) if (row[i] === TAB) bounds.push(i + 1);
  bounds.push(end + 1);
  return bounds;
}
