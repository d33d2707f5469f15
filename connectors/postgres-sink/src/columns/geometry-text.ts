import { DataError } from '@millrace/connect-api';

/** PostgreSQL's own geometric types that travel as well-known binary. */
export type NativeGeometry = 'box' | 'lseg' | 'path' | 'polygon';

const LINE_STRING = 2;
const POLYGON = 3;

/** The text of a geometric value of PostgreSQL from well-known binary. `closed` concerns paths. */
export function geometryText(kind: NativeGeometry, wkb: Buffer, closed: boolean): string {
  const points = readPoints(wkb);
  const list = points.map(pointText).join(',');
  switch (kind) {
    case 'box':
      if (points.length < 3) throw new DataError('a box needs a ring of corners');
      return `${pointText(points[0]!)},${pointText(points[2]!)}`;
    case 'lseg':
      return `[${list}]`;
    case 'path':
      return closed ? `(${list})` : `[${list}]`;
    case 'polygon': {
      const last = points[points.length - 1];
      const repeatsFirst = points.length > 1 && last![0] === points[0]![0] && last![1] === points[0]![1];
      return `(${(repeatsFirst ? points.slice(0, -1) : points).map(pointText).join(',')})`;
    }
  }
}

type Point = readonly [number, number];

function pointText([x, y]: Point): string {
  return `(${x},${y})`;
}

/** The points of a line string, or of a polygon's outer ring. */
function readPoints(wkb: Buffer): Point[] {
  if (wkb.length < 9) throw new DataError('well-known binary that ends too early');
  const little = wkb[0] === 1;
  const int = (at: number): number => (little ? wkb.readUInt32LE(at) : wkb.readUInt32BE(at));
  const double = (at: number): number => (little ? wkb.readDoubleLE(at) : wkb.readDoubleBE(at));
  const type = int(1) & 0xff;
  if (type !== LINE_STRING && type !== POLYGON) throw new DataError(`well-known binary of type ${type} is neither a line string nor a polygon`);
  const countAt = (int(1) & 0x20000000 ? 9 : 5) + (type === POLYGON ? 4 : 0);
  const count = wkb.length < countAt + 4 ? 0 : int(countAt);
  if (wkb.length < countAt + 4 + count * 16) throw new DataError('well-known binary that ends too early');
  return Array.from({ length: count }, (_, i) => [double(countAt + 4 + i * 16), double(countAt + 12 + i * 16)] as const);
}
