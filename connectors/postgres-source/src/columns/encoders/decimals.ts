import { bigIntToBytes, DataError, Decimal, decimalSchema, Schema } from '@millrace/connect-api';
import { constantText, encodeUtf8, writeZeroFloat, type Encode, type TypeMapping, type WriteConstant } from './encode.js';

export type DecimalMode = 'precise' | 'double' | 'string';

const VARIABLE_SCALE = Schema.struct(
  [
    ['scale', Schema.of('int32')],
    ['value', Schema.of('bytes')],
  ],
  { name: 'io.debezium.data.VariableScaleDecimal', version: 1, doc: 'Variable scaled decimal' },
);

const ZERO_BYTE = Buffer.from([0]);
const ASCII_DIGIT_MAX = 0x39;

/** numeric(precision, scale), and numeric without them when `scale` is undefined. */
export function numericMapping(mode: DecimalMode, precision: number, scale: number | undefined): TypeMapping {
  if (mode === 'double') return { schema: Schema.of('double'), encode: encodeNumber, whenNull: writeZeroFloat };
  if (mode === 'string') return { schema: Schema.of('string'), encode: encodeNumericText, whenNull: constantText(scale ? `0.${'0'.repeat(scale)}` : '0') };
  if (scale === undefined) return { schema: VARIABLE_SCALE, encode: encodeVariableScale, whenNull: writeVariableZero };
  return { schema: decimalSchema(scale, { precision }), encode: scale < 0 ? roundedDecimal(scale) : encodeDecimal, whenNull: decimalZero(scale) };
}

/** money; `fractionDigits` is the connector's setting, whatever the locale of the server shows. */
export function moneyMapping(mode: DecimalMode, fractionDigits: number): TypeMapping {
  if (mode === 'double') return { schema: Schema.of('double'), encode: (writer, bytes, start, end) => writer.float(Number(moneyText(bytes, start, end))), whenNull: writeZeroFloat };
  if (mode === 'string') {
    return { schema: Schema.of('string'), encode: (writer, bytes, start, end) => writer.string(moneyText(bytes, start, end)), whenNull: constantText(new Decimal(0n, fractionDigits).toString()) };
  }
  return {
    schema: decimalSchema(fractionDigits),
    encode: (writer, bytes, start, end) => writer.decimal(roundHalfUp(Decimal.parse(moneyText(bytes, start, end)), fractionDigits).toBytes(), fractionDigits),
    whenNull: decimalZero(fractionDigits),
  };
}

function isSpecial(bytes: Buffer, start: number): boolean {
  return bytes[start]! > ASCII_DIGIT_MAX || (bytes[start] === 0x2d && bytes[start + 1]! > ASCII_DIGIT_MAX);
}

function refuseSpecial(bytes: Buffer, start: number, end: number): never {
  throw new DataError(`Got a special value (${bytes.toString('latin1', start, end)}) for a Decimal column, which decimal.handling.mode=precise cannot represent. Set decimal.handling.mode to 'string' or 'double'.`);
}

const encodeDecimal: Encode = (writer, bytes, start, end) => {
  if (isSpecial(bytes, start)) refuseSpecial(bytes, start, end);
  writer.decimalText(bytes, start, end);
};

/** numeric with a negative scale: PostgreSQL writes the zeros out. */
function roundedDecimal(scale: number): Encode {
  return (writer, bytes, start, end) => {
    if (isSpecial(bytes, start)) refuseSpecial(bytes, start, end);
    writer.decimal(Decimal.parse(bytes.toString('latin1', start, end)).withScale(scale).toBytes(), scale);
  };
}

function decimalZero(scale: number): WriteConstant {
  return (writer) => writer.decimal(ZERO_BYTE, scale);
}

const encodeVariableScale: Encode = (writer, bytes, start, end) => {
  if (isSpecial(bytes, start)) refuseSpecial(bytes, start, end);
  const text = bytes.toString('latin1', start, end);
  const point = text.indexOf('.');
  let scale = 0;
  let digits = text;
  if (point >= 0) {
    let last = text.length;
    while (last > point + 1 && text.charCodeAt(last - 1) === 0x30) last -= 1;
    scale = last - point - 1;
    digits = text.slice(0, point) + text.slice(point + 1, last);
  }
  if (!writer.beginStruct(VARIABLE_SCALE)) return;
  writer.integer(scale);
  const unscaled = bigIntToBytes(BigInt(digits));
  writer.bytes(unscaled, 0, unscaled.length);
  writer.endStruct();
};

const writeVariableZero: WriteConstant = (writer) => {
  if (!writer.beginStruct(VARIABLE_SCALE)) return;
  writer.integer(0);
  writer.bytes(ZERO_BYTE, 0, 1);
  writer.endStruct();
};

const encodeNumber: Encode = (writer, bytes, start, end) => writer.float(Number(bytes.toString('latin1', start, end)));

/** Debezium's names for the values that are not numbers. */
const encodeNumericText: Encode = (writer, bytes, start, end) => {
  if (!isSpecial(bytes, start)) return encodeUtf8(writer, bytes, start, end);
  const text = bytes.toString('latin1', start, end);
  writer.string(text === 'NaN' ? 'NAN' : text === 'Infinity' ? 'POSITIVE_INFINITY' : 'NEGATIVE_INFINITY');
};

/** `$1,234.56`, `-$0.99`, `($1.00)`, `1.234,56 €` as plain text. The last separator is the point when one or two other digits follow; a group has three. */
function moneyText(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  const isNegative = text.includes('-') || text.includes('(');
  const digits = text.replace(/[^0-9.,]/g, '').replace(/[.,]+$/, '');
  const separator = Math.max(digits.lastIndexOf('.'), digits.lastIndexOf(','));
  const fraction = separator < 0 || digits.length - separator - 1 === 3 ? '' : digits.slice(separator + 1);
  const whole = (fraction === '' ? digits : digits.slice(0, separator)).replace(/[.,]/g, '');
  return `${isNegative ? '-' : ''}${whole || '0'}${fraction === '' ? '' : `.${fraction}`}`;
}

function roundHalfUp(value: Decimal, scale: number): Decimal {
  if (value.scale <= scale) return value.withScale(scale);
  const divisor = 10n ** BigInt(value.scale - scale);
  const magnitude = value.unscaled < 0n ? -value.unscaled : value.unscaled;
  const rounded = (magnitude + divisor / 2n) / divisor;
  return new Decimal(value.unscaled < 0n ? -rounded : rounded, scale);
}
