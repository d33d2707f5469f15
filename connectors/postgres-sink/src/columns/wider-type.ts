import { DECIMAL_NAME, type Schema } from '@millrace/connect-api';
import { columnTypeFor } from './column-type.js';

const INTEGERS = ['smallint', 'integer', 'bigint'];
const INTEGER_OF: Partial<Record<Schema['type'], number>> = { int8: 0, int16: 0, int32: 1, int64: 2 };
const PRECISION = 'connect.decimal.precision';
const DECIMAL_PRECISION_MAX = 1000;

/**
 * The type that a column must become to take all values of a schema, where both are of one kind and both say how wide they are; undefined: it is
 * wide enough, or nothing is known. `sqlType` as the catalog formats it. What the schema does not limit never widens a column that is limited on purpose.
 */
export function widerType(schema: Schema, sqlType: string): string | undefined {
  if (schema.name === undefined) {
    const have = INTEGERS.indexOf(sqlType);
    const want = INTEGER_OF[schema.type];
    if (have >= 0 && want !== undefined && want > have) return INTEGERS[want];
    if (sqlType === 'real' && schema.type === 'double') return 'double precision';
  }
  return widerNumeric(schema, sqlType) ?? widerText(schema, sqlType);
}

function widerNumeric(schema: Schema, sqlType: string): string | undefined {
  const column = /^numeric\((\d+),(\d+)\)$/.exec(sqlType);
  const precision = Number(schema.parameters?.[PRECISION]);
  if (!column || schema.name !== DECIMAL_NAME || !(precision > 0)) return undefined;
  const [havePrecision, haveScale] = [Number(column[1]), Number(column[2])];
  const wantScale = Number(schema.parameters?.scale ?? 0);
  const scale = Math.max(haveScale, wantScale);
  const width = Math.max(havePrecision - haveScale, precision - wantScale) + scale;
  if (width === havePrecision && scale === haveScale) return undefined;
  return width <= DECIMAL_PRECISION_MAX ? `numeric(${width},${scale})` : 'numeric';
}

function widerText(schema: Schema, sqlType: string): string | undefined {
  const column = /^character varying\((\d+)\)$/.exec(sqlType);
  const wanted = column && /^varchar\((\d+)\)$/.exec(columnTypeFor(schema, 'public').sql);
  return wanted && Number(wanted[1]) > Number(column[1]) ? wanted[0] : undefined;
}
