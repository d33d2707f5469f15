/** A double as `Double.toString` writes it: `1.0`, `1.0E21`, `1.0E-5`; `NaN`, `Infinity`. */
export function javaDoubleText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return `${Object.is(value, -0) ? '-0' : value}.0`;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e7) return String(value);
  const shortest = value.toExponential();
  // Java shows two digits at least, and of those the nearest: 4.9E-324.
  const two = value.toExponential(1);
  return exponentForm(!shortest.includes('.') && Number(two) === value ? two : shortest);
}

/** A float (its value already rounded to 32 bits) as `Float.toString` writes it. */
export function javaFloatText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return `${Object.is(value, -0) ? '-0' : value}.0`;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
  const single = Math.fround(value);
  let digits = 2;
  while (digits < 9 && Math.fround(Number(single.toPrecision(digits))) !== single) digits += 1;
  const shortest = Number(single.toPrecision(digits));
  const size = Math.abs(shortest);
  if (size >= 1e-3 && size < 1e7) return Number.isInteger(shortest) ? `${shortest}.0` : String(shortest);
  return exponentForm(shortest.toExponential());
}

function exponentForm(text: string): string {
  const [mantissa = '', exponent = ''] = text.split('e');
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${exponent.replace('+', '')}`;
}

/** An unscaled integer and a scale as `BigDecimal.toString` writes them: scientific when the exponent is below -6. */
export function bigDecimalText(unscaled: bigint, scale: number): string {
  const negative = unscaled < 0n;
  const digits = (negative ? -unscaled : unscaled).toString();
  const sign = negative ? '-' : '';
  const adjusted = -scale + digits.length - 1;
  if (scale === 0) return sign + digits;
  if (scale > 0 && adjusted >= -6) {
    const padded = digits.padStart(scale + 1, '0');
    return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
  }
  const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
  return `${sign}${mantissa}${adjusted === 0 ? '' : `E${adjusted > 0 ? '+' : ''}${adjusted}`}`;
}
