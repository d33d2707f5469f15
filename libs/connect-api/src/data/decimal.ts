import { Schema, type SchemaOptions } from './schema.js';

/** An exact decimal: unscaled × 10^-scale. The value of `org.apache.kafka.connect.data.Decimal`. */
export class Decimal {
  constructor(
    /** The digits without the point. */
    readonly unscaled: bigint,
    /** Digits behind the point; negative for trailing zeros in front of it. */
    readonly scale: number,
  ) {}

  /** From plain or scientific text (`-12.50`, `1e3`); the scale is that of the text unless given, then the text must fit it. */
  static parse(text: string, scale?: number): Decimal {
    const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
    if (!match || (match[2] === '' && (match[3] ?? '') === '')) throw new RangeError(`not a decimal number: ${text.slice(0, 60)}`);
    const fraction = match[3] ?? '';
    let unscaled = BigInt(`${match[2] ?? ''}${fraction}` || '0');
    let ownScale = fraction.length - Number(match[4] ?? 0);
    if (match[1] === '-') unscaled = -unscaled;
    if (ownScale < 0) {
      unscaled *= 10n ** BigInt(-ownScale);
      ownScale = 0;
    }
    return scale === undefined ? new Decimal(unscaled, ownScale) : new Decimal(unscaled, ownScale).withScale(scale);
  }

  /** The same number at another scale. Throws RangeError if digits would be lost. */
  withScale(scale: number): Decimal {
    if (scale === this.scale) return this;
    if (scale > this.scale) return new Decimal(this.unscaled * 10n ** BigInt(scale - this.scale), scale);
    const divisor = 10n ** BigInt(this.scale - scale);
    if (this.unscaled % divisor !== 0n) throw new RangeError(`${this.toString()} does not fit a scale of ${scale}`);
    return new Decimal(this.unscaled / divisor, scale);
  }

  /** Big-endian two's complement of the unscaled value in as few bytes as possible: Java's `BigInteger.toByteArray`. */
  toBytes(): Uint8Array {
    return bigIntToBytes(this.unscaled);
  }

  /** The reverse of `toBytes`. */
  static fromBytes(bytes: Uint8Array, scale: number): Decimal {
    return new Decimal(bigIntFromBytes(bytes), scale);
  }

  /** Plain notation with exactly `scale` digits after the point. */
  toString(): string {
    const negative = this.unscaled < 0n;
    const digits = (negative ? -this.unscaled : this.unscaled).toString();
    if (this.scale <= 0) return `${negative ? '-' : ''}${digits}${digits === '0' ? '' : '0'.repeat(-this.scale)}`;
    const padded = digits.padStart(this.scale + 1, '0');
    return `${negative ? '-' : ''}${padded.slice(0, -this.scale)}.${padded.slice(-this.scale)}`;
  }
}

/** Schema name of a `Decimal`: `bytes` with the parameter `scale`. */
export const DECIMAL_NAME = 'org.apache.kafka.connect.data.Decimal';
/** Schema name of a day: `int32` days since 1970-01-01, a `Date` at midnight UTC as a value. */
export const DATE_NAME = 'org.apache.kafka.connect.data.Date';
/** Schema name of a time of day: `int32` milliseconds since midnight, a `Date` on 1970-01-01 UTC as a value. */
export const TIME_NAME = 'org.apache.kafka.connect.data.Time';
/** Schema name of an instant: `int64` milliseconds since 1970-01-01T00:00Z, a `Date` as a value. */
export const TIMESTAMP_NAME = 'org.apache.kafka.connect.data.Timestamp';

/** The schema of a Decimal of this scale; `precision` is added as `connect.decimal.precision`, as Debezium does. */
export function decimalSchema(scale: number, options: SchemaOptions & { precision?: number } = {}): Schema {
  const { precision, ...rest } = options;
  const parameters = { scale: String(scale), ...(precision === undefined ? {} : { 'connect.decimal.precision': String(precision) }), ...rest.parameters };
  return Schema.of('bytes', { ...rest, name: DECIMAL_NAME, version: 1, parameters });
}

/** Big-endian two's complement in as few bytes as possible (Java's `BigInteger.toByteArray`). */
export function bigIntToBytes(value: bigint): Uint8Array {
  let hex = (value < 0n ? -value - 1n : value).toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  const magnitude = Buffer.from(hex, 'hex');
  const needsSign = magnitude[0]! >= 0x80;
  const bytes = new Uint8Array(magnitude.length + (needsSign ? 1 : 0));
  bytes.set(magnitude, needsSign ? 1 : 0);
  if (value < 0n) for (let i = 0; i < bytes.length; i++) bytes[i] = ~bytes[i]! & 0xff;
  return bytes;
}

/** The number of big-endian two's complement bytes (Java's `new BigInteger(bytes)`); none are 0. */
export function bigIntFromBytes(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`));
}
