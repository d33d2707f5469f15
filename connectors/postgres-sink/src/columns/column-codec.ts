import { DataError } from '@millrace/connect-api';
import type { CopyBuffer } from '../rows/copy-buffer.js';

/**
 * Turns one field's value, in whatever form a ValueWriter gets it, into the text that PostgreSQL reads for the column. This one writes each value
 * as it naturally reads; others know that an integer is a date, and the like.
 */
export class ColumnCodec {
  /** Whether what it gets takes a place in the row. */
  readonly isColumn: boolean = true;

  null(out: CopyBuffer): void {
    out.nullMark();
  }
  boolean(out: CopyBuffer, value: boolean): void {
    out.byte(value ? 0x74 : 0x66);
  }
  integer(out: CopyBuffer, value: number): void {
    out.ascii(String(value));
  }
  long(out: CopyBuffer, value: bigint): void {
    out.ascii(value.toString());
  }
  integerText(out: CopyBuffer, bytes: Uint8Array, start: number, end: number): void {
    out.asciiBytes(bytes, start, end);
  }
  float(out: CopyBuffer, value: number): void {
    out.ascii(Object.is(value, -0) ? '-0' : String(value));
  }
  string(out: CopyBuffer, value: string): void {
    out.text(value);
  }
  utf8(out: CopyBuffer, bytes: Uint8Array, start: number, end: number): void {
    out.utf8(bytes, start, end);
  }
  bytes(out: CopyBuffer, bytes: Uint8Array, start: number, end: number): void {
    out.hex(bytes, start, end);
  }
  decimalText(out: CopyBuffer, bytes: Uint8Array, start: number, end: number): void {
    out.asciiBytes(bytes, start, end);
  }
  decimal(out: CopyBuffer, unscaled: Uint8Array, scale: number): void {
    out.ascii(decimalToText(unscaled, scale));
  }
  date(_out: CopyBuffer, _value: Date): void {
    throw new DataError('a date without a schema that says which part of it counts');
  }
}

/** A field that is not written. */
export class SkippedField extends ColumnCodec {
  override readonly isColumn = false;
  override null(): void {}
  override boolean(): void {}
  override integer(): void {}
  override long(): void {}
  override integerText(): void {}
  override float(): void {}
  override string(): void {}
  override utf8(): void {}
  override bytes(): void {}
  override decimalText(): void {}
  override decimal(): void {}
  override date(): void {}
}

export const NATURAL = new ColumnCodec();
export const SKIPPED = new SkippedField();

/** A boolean in a column of another type. */
export class BooleanCodec extends ColumnCodec {
  constructor(
    private readonly whenTrue: string,
    private readonly whenFalse: string,
  ) {
    super();
  }
  override boolean(out: CopyBuffer, value: boolean): void {
    out.ascii(value ? this.whenTrue : this.whenFalse);
  }
}

/** A decimal in an integer column: a fraction of zeros is left away; another is left to PostgreSQL to refuse. */
export class IntegralDecimalCodec extends ColumnCodec {
  override decimal(out: CopyBuffer, unscaled: Uint8Array, scale: number): void {
    out.ascii(decimalToText(unscaled, scale).replace(/\.0+$/, ''));
  }
  override decimalText(out: CopyBuffer, bytes: Uint8Array, start: number, end: number): void {
    out.ascii(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1').replace(/\.0+$/, ''));
  }
}

/** Little-endian bits (`io.debezium.data.Bits`) as a bit string, the highest bit first. */
export class BitsCodec extends ColumnCodec {
  /** `length` undefined: as long as its highest bit. */
  constructor(private readonly length: number | undefined) {
    super();
  }
  override bytes(out: CopyBuffer, bytes: Uint8Array, start: number, end: number): void {
    let width = this.length ?? (end - start) * 8;
    const bit = (i: number): number => (i >> 3 < end - start ? (bytes[start + (i >> 3)]! >> (i & 7)) & 1 : 0);
    if (this.length === undefined) while (width > 0 && bit(width - 1) === 0) width--;
    for (let i = width - 1; i >= 0; i--) out.byte(0x30 + bit(i));
  }
  override boolean(out: CopyBuffer, value: boolean): void {
    out.byte(value ? 0x31 : 0x30);
  }
}

/** A JSON object of strings (Debezium's hstore in its default mode) in an hstore column. */
export class JsonToHstoreCodec extends ColumnCodec {
  override string(out: CopyBuffer, value: string): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(value);
    } catch (error) {
      throw new DataError('text that is not JSON for an hstore column', { cause: error });
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new DataError('JSON that is not an object for an hstore column');
    out.text(hstoreText(Object.entries(parsed).map(([key, item]) => [key, item === null ? null : typeof item === 'string' ? item : JSON.stringify(item)])));
  }
  override utf8(out: CopyBuffer, bytes: Uint8Array, start: number, end: number): void {
    this.string(out, Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8'));
  }
}

export function hstoreText(entries: readonly (readonly [string, string | null])[]): string {
  const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
  return entries.map(([key, value]) => `${quote(key)}=>${value === null ? 'NULL' : quote(value)}`).join(',');
}

/** Six bytes of unscaled value fit a number exactly. */
const NUMBER_BYTES_MAX = 6;

/** Plain notation with `scale` digits after the point, of a big-endian two's complement unscaled value. */
export function decimalToText(unscaled: Uint8Array, scale: number): string {
  let digits: string;
  let negative = false;
  if (unscaled.length <= NUMBER_BYTES_MAX) {
    let value = unscaled.length > 0 && unscaled[0]! >= 0x80 ? -1 : 0;
    for (let i = 0; i < unscaled.length; i++) value = value * 256 + unscaled[i]!;
    negative = value < 0;
    digits = String(Math.abs(value));
  } else {
    let value = BigInt(`0x${Buffer.from(unscaled.buffer, unscaled.byteOffset, unscaled.length).toString('hex')}`);
    value = BigInt.asIntN(unscaled.length * 8, value);
    negative = value < 0n;
    digits = (negative ? -value : value).toString();
  }
  const sign = negative ? '-' : '';
  if (scale <= 0) return digits === '0' ? '0' : `${sign}${digits}${'0'.repeat(-scale)}`;
  if (digits.length <= scale) digits = '0'.repeat(scale + 1 - digits.length) + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
