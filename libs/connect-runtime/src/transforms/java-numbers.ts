import { Decimal } from '@millrace/connect-api';

/** A text as Java's BigDecimal reads it; its scale may be negative (`1e3`). Undefined where it is no number. */
export function javaDecimal(text: string): Decimal | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,10}))?$/.exec(text);
  if (!match) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  const scale = fraction.length - Number(exponent);
  if (Math.abs(scale) > 2 ** 31) return undefined;
  const unscaled = BigInt(whole + fraction);
  return new Decimal(sign === '-' ? -unscaled : unscaled, scale);
}

/** The integral part, cut towards zero. */
export function integralPart({ unscaled, scale }: Decimal): bigint {
  return scale <= 0 ? unscaled * 10n ** BigInt(-scale) : unscaled / 10n ** BigInt(scale);
}

/** A text as Double.parseDouble reads it; undefined where it throws. Hexadecimal numbers are not known. */
export function javaDouble(text: string): number | undefined {
   
  const trimmed = text.replace(/^[\x00-\x20]+|[\x00-\x20]+$/g, '');
  const match = /^([+-]?)(NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([fFdD]?)$/.exec(trimmed);
  if (!match) return undefined;
  const [, sign, number, suffix] = match;
  if (suffix !== '' && /^[NI]/.test(number ?? '')) return undefined;
  return Number(`${sign ?? ''}${number ?? ''}`);
}

/** A floating-point number as Java narrows it to an integer: towards zero, within the bounds of int (up to 32 bits) or long, then cut to its bits. */
export function narrowedFloat(value: number, bits: 8 | 16 | 32 | 64): bigint {
  if (Number.isNaN(value)) return 0n;
  const width = bits === 64 ? 64n : 32n;
  const most = 2n ** (width - 1n) - 1n;
  const least = -most - 1n;
  const whole = value >= Number(most) ? most : value <= Number(least) ? least : BigInt(Math.trunc(value));
  return BigInt.asIntN(bits, whole);
}

/** A long as the nearest float, rounded once. */
export function floatOf(value: bigint): number {
  const size = value < 0n ? -value : value;
  const shift = BigInt(Math.max(0, size.toString(2).length - 50));
  const top = size >> shift;
  // What is cut off still counts where the rest stands in the middle of two floats.
  const sticky = top << shift === size ? top : top | 1n;
  return Math.fround(Number(value < 0n ? -sticky : sticky) * 2 ** Number(shift));
}
