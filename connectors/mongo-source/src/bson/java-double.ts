/**
 * A finite double as `Double.toString` of Java 19 and later writes it: the shortest digits that read back as the same number (at least two), plain from
 * 10^-3 to 10^7, otherwise with an exponent.
 */
function javaDouble(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e7) {
    const text = String(value);
    return text.includes('.') ? text : `${text}.0`;
  }
  let text = value.toExponential();
  if (!text.includes('.')) {
    // Of numbers with one digit Java takes the nearest that has two: 4.9E-324, not 5E-324.
    const two = value.toExponential(1);
    text = Number(two) === value ? two : text.replace('e', '.0e');
  }
  return text.replace(/e\+?/, 'E');
}

/** With the words that Java has for what is not finite. */
export function javaDoubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return javaDouble(value);
}
