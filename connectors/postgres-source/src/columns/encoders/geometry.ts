import { Schema, type ValueWriter } from '@millrace/connect-api';
import type { Encode, TypeMapping } from './encode.js';

const geometryName = (name: string): string => `io.debezium.data.geometry.${name}`;
const DOUBLE = Schema.of('double');
const EXTENSIONS = Schema.map(Schema.of('string'), Schema.of('string'), { optional: true });

const POINT = Schema.struct(
  [
    ['x', DOUBLE],
    ['y', DOUBLE],
    ['wkb', Schema.of('bytes', { optional: true })],
    ['srid', Schema.of('int32', { optional: true })],
  ],
  { name: geometryName('Point'), version: 1, doc: 'Geometry (POINT)' },
);
const GEOMETRY = Schema.struct(
  [
    ['wkb', Schema.of('bytes')],
    ['srid', Schema.of('int32', { optional: true })],
    ['extensions', EXTENSIONS],
  ],
  { name: geometryName('Geometry'), version: 2, doc: 'Geometry', optional: true },
);
const GEOGRAPHY = Schema.struct(
  [
    ['wkb', Schema.of('bytes')],
    ['srid', Schema.of('int32', { optional: true })],
  ],
  { name: geometryName('Geography'), version: 1, doc: 'Geography' },
);
const CIRCLE = Schema.struct(
  [
    ['center', POINT],
    ['radius', DOUBLE],
  ],
  { name: geometryName('Circle'), version: 1, doc: 'Geometry (CIRCLE)', optional: true },
);
const LINE = Schema.struct(
  [
    ['a', DOUBLE],
    ['b', DOUBLE],
    ['c', DOUBLE],
  ],
  { name: geometryName('Line'), version: 1, doc: 'Geometry (LINE)', optional: true },
);

const LINE_STRING = 2;
const POLYGON = 3;
const SRID_FLAG = 0x2000_0000;
/** An empty geometry collection. */
const EMPTY_EWKB = Buffer.from('010700000000000000', 'hex');

/** The plain numbers of a geometric value, in the order of its text. */
function numbers(bytes: Buffer, start: number, end: number): number[] {
  return (bytes.toString('latin1', start, end).match(/[-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|Infinity)|NaN/gi) ?? []).map(Number);
}

const fromNumbers =
  (write: (writer: ValueWriter, values: readonly number[], first: number) => void): Encode =>
  (writer, bytes, start, end) =>
    write(writer, numbers(bytes, start, end), bytes[start]!);

export const pointMapping: TypeMapping = { schema: POINT, encode: fromNumbers((writer, [x = 0, y = 0]) => writePoint(writer, x, y)), whenNull: (writer) => writePoint(writer, 0, 0) };

export const boxMapping: TypeMapping = shape('box', (writer, [x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => writeGeometry(writer, polygon([x1, y1, x1, y2, x2, y2, x2, y1, x1, y1]), 'box'), [1, 1, 0, 0]);
export const lsegMapping: TypeMapping = shape('lseg', (writer, values) => writeGeometry(writer, lineString(values), 'lseg'), [0, 0, 1, 0]);
export const pathMapping: TypeMapping = shape('path', (writer, values, first) => writeGeometry(writer, lineString(values), 'path', first === 0x28), [0, 0, 1, 0]);
export const polygonMapping: TypeMapping = shape('polygon', (writer, values) => writeGeometry(writer, polygon(closed(values)), 'polygon'), [0, 0, 1, 0, 0, 1]);

export const circleMapping: TypeMapping = { schema: CIRCLE, encode: fromNumbers((writer, [x = 0, y = 0, radius = 0]) => writeCircle(writer, x, y, radius)), whenNull: (writer) => writeCircle(writer, 0, 0, 0) };
export const lineMapping: TypeMapping = { schema: LINE, encode: fromNumbers((writer, [a = 0, b = 0, c = 0]) => writeLine(writer, a, b, c)), whenNull: (writer) => writeLine(writer, 0, 1, 0) };

/** PostGIS: the text is EWKB in hex, whose header may hold the SRID. */
export const geometryMapping: TypeMapping = { schema: GEOMETRY, encode: ewkb(GEOMETRY), whenNull: (writer) => writeWkb(writer, GEOMETRY, EMPTY_EWKB, undefined) };
export const geographyMapping: TypeMapping = { schema: GEOGRAPHY, encode: ewkb(GEOGRAPHY), whenNull: (writer) => writeWkb(writer, GEOGRAPHY, EMPTY_EWKB, undefined) };

function shape(_name: string, write: (writer: ValueWriter, values: readonly number[], first: number) => void, zero: readonly number[]): TypeMapping {
  return { schema: GEOMETRY, encode: fromNumbers(write), whenNull: (writer) => write(writer, zero, 0x28) };
}

function closed(values: readonly number[]): readonly number[] {
  const n = values.length;
  return n >= 4 && (values[0] !== values[n - 2] || values[1] !== values[n - 1]) ? [...values, values[0]!, values[1]!] : values;
}

function writeDoubles(wkb: Buffer, at: number, values: readonly number[]): Buffer {
  values.forEach((value, i) => wkb.writeDoubleLE(value, at + i * 8));
  return wkb;
}

function head(type: number, size: number): Buffer {
  const wkb = Buffer.allocUnsafe(5 + size);
  wkb[0] = 1;
  wkb.writeUInt32LE(type, 1);
  return wkb;
}

function lineString(values: readonly number[]): Buffer {
  const wkb = head(LINE_STRING, 4 + values.length * 8);
  wkb.writeUInt32LE(values.length / 2, 5);
  return writeDoubles(wkb, 9, values);
}

function polygon(ring: readonly number[]): Buffer {
  const wkb = head(POLYGON, 8 + ring.length * 8);
  wkb.writeUInt32LE(1, 5);
  wkb.writeUInt32LE(ring.length / 2, 9);
  return writeDoubles(wkb, 13, ring);
}

function writePoint(writer: ValueWriter, x: number, y: number): void {
  if (!writer.beginStruct(POINT)) return;
  writer.float(x);
  writer.float(y);
  const wkb = writeDoubles(head(1, 16), 5, [x, y]);
  writer.bytes(wkb, 0, wkb.length);
  writer.null();
  writer.endStruct();
}

function writeGeometry(writer: ValueWriter, wkb: Buffer, type: string, isClosed?: boolean): void {
  if (!writer.beginStruct(GEOMETRY)) return;
  writer.bytes(wkb, 0, wkb.length);
  writer.null();
  writer.beginMap(EXTENSIONS, isClosed === undefined ? 1 : 2);
  writer.string('type');
  writer.string(type);
  if (isClosed !== undefined) {
    writer.string('closed');
    writer.string(String(isClosed));
  }
  writer.endMap();
  writer.endStruct();
}

function writeCircle(writer: ValueWriter, x: number, y: number, radius: number): void {
  if (!writer.beginStruct(CIRCLE)) return;
  writePoint(writer, x, y);
  writer.float(radius);
  writer.endStruct();
}

function writeLine(writer: ValueWriter, a: number, b: number, c: number): void {
  if (!writer.beginStruct(LINE)) return;
  writer.float(a);
  writer.float(b);
  writer.float(c);
  writer.endStruct();
}

function ewkb(schema: Schema): Encode {
  return (writer, bytes, start, end) => {
    const wkb = Buffer.from(bytes.toString('latin1', start, end), 'hex');
    const isLittle = wkb[0] === 1;
    const type = isLittle ? wkb.readUInt32LE(1) : wkb.readUInt32BE(1);
    writeWkb(writer, schema, wkb, (type & SRID_FLAG) === 0 ? undefined : isLittle ? wkb.readInt32LE(5) : wkb.readInt32BE(5));
  };
}

function writeWkb(writer: ValueWriter, schema: Schema, wkb: Buffer, srid: number | undefined): void {
  if (!writer.beginStruct(schema)) return;
  writer.bytes(wkb, 0, wkb.length);
  if (srid === undefined) writer.null();
  else writer.integer(srid);
  if (schema === GEOMETRY) writer.null();
  writer.endStruct();
}
