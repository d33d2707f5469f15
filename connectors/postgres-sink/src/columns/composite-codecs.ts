import { bigIntFromBytes, DataError, Decimal, type Schema } from '@millrace/connect-api';
import { CopyBuffer } from '../rows/copy-buffer.js';
import { ColumnCodec, hstoreText } from './column-codec.js';
import { geometryText, type NativeGeometry } from './geometry-text.js';

/**
 * A value of several pieces (struct, array, map) in one column. Each piece is written as text into `scratch` by its own codec and taken off it;
 * `finish` makes the column's text of the pieces.
 */
export abstract class CompositeCodec extends ColumnCodec {
  readonly scratch = new CopyBuffer(true, 256);
  pieces: (string | null)[] = [];

  constructor(
    /** Of a struct: one for each field. Of an array: one. Of a map: for keys, for values. */
    readonly children: readonly ColumnCodec[],
  ) {
    super();
  }

  /** The children again and again: arrays and maps. */
  readonly cyclic: boolean = true;

  abstract finish(pieces: readonly (string | null)[], out: CopyBuffer): void;
}

abstract class StructCodec extends CompositeCodec {
  override readonly cyclic = false;
}

/** PostgreSQL's array literal. */
export class ArrayCodec extends CompositeCodec {
  finish(pieces: readonly (string | null)[], out: CopyBuffer): void {
    const quoted = pieces.map((it) => (it === null ? 'NULL' : /^[\w.+:-]+$/.test(it) && it.toUpperCase() !== 'NULL' ? it : `"${it.replace(/["\\]/g, '\\$&')}"`));
    out.text(`{${quoted.join(',')}}`);
  }
}

/** pgvector's vector and halfvec. */
export class VectorCodec extends CompositeCodec {
  finish(pieces: readonly (string | null)[], out: CopyBuffer): void {
    out.text(`[${pieces.join(',')}]`);
  }
}

/** A map with text keys in an hstore column. */
export class HstoreCodec extends CompositeCodec {
  finish(pieces: readonly (string | null)[], out: CopyBuffer): void {
    out.text(hstoreText(mapEntries(pieces)));
  }
}

function mapEntries(pieces: readonly (string | null)[]): [string, string | null][] {
  const entries: [string, string | null][] = [];
  for (let i = 0; i < pieces.length; i += 2) entries.push([pieces[i] ?? '', pieces[i + 1] ?? null]);
  return entries;
}

/** How a piece's text reads in JSON. */
export type JsonPiece = 'raw' | 'string';

export class JsonObjectCodec extends StructCodec {
  constructor(
    children: readonly ColumnCodec[],
    private readonly fields: readonly { readonly name: string; readonly piece: JsonPiece }[],
  ) {
    super(children);
  }
  finish(pieces: readonly (string | null)[], out: CopyBuffer): void {
    out.text(`{${this.fields.map(({ name, piece }, i) => `${JSON.stringify(name)}:${jsonText(pieces[i] ?? null, piece)}`).join(',')}}`);
  }
}

export class JsonArrayCodec extends CompositeCodec {
  constructor(
    child: ColumnCodec,
    private readonly piece: JsonPiece,
  ) {
    super([child]);
  }
  finish(pieces: readonly (string | null)[], out: CopyBuffer): void {
    out.text(`[${pieces.map((it) => jsonText(it, this.piece)).join(',')}]`);
  }
}

export class JsonMapCodec extends CompositeCodec {
  constructor(
    key: ColumnCodec,
    value: ColumnCodec,
    private readonly piece: JsonPiece,
  ) {
    super([key, value]);
  }
  finish(pieces: readonly (string | null)[], out: CopyBuffer): void {
    out.text(`{${mapEntries(pieces).map(([key, value]) => `${JSON.stringify(key)}:${jsonText(value, this.piece)}`).join(',')}}`);
  }
}

function jsonText(text: string | null, piece: JsonPiece): string {
  if (text === null) return 'null';
  if (piece === 'string') return JSON.stringify(text);
  return text === 'NaN' || text.endsWith('Infinity') ? `"${text}"` : text;
}

/** A struct of named fields; `textOf` makes the column's text of the fields' texts. */
export class NamedFieldsCodec extends StructCodec {
  private readonly names: readonly string[];

  constructor(
    schema: Schema,
    children: readonly ColumnCodec[],
    private readonly textOf: (field: (name: string) => string | null) => string,
  ) {
    super(children);
    this.names = schema.fields.map((it) => it.name);
  }

  finish(pieces: readonly (string | null)[], out: CopyBuffer): void {
    out.text(this.textOf((name) => pieces[this.names.indexOf(name)] ?? null));
  }
}

export type FieldReader = (name: string) => string | null;

function required(field: FieldReader, name: string): string {
  const text = field(name);
  if (text === null) throw new DataError(`the field ${name} is null`);
  return text;
}

function hexBytes(text: string): Buffer {
  return Buffer.from(text.slice(2), 'hex');
}

export function variableScaleDecimalText(field: FieldReader): string {
  return new Decimal(bigIntFromBytes(hexBytes(required(field, 'value'))), Number(required(field, 'scale'))).toString();
}

export function pointText(field: FieldReader): string {
  return `(${required(field, 'x')},${required(field, 'y')})`;
}

/** The center is itself a point. */
export function circleText(field: FieldReader): string {
  return `<${required(field, 'center')},${required(field, 'radius')}>`;
}

export function lineText(field: FieldReader): string {
  return `{${required(field, 'a')},${required(field, 'b')},${required(field, 'c')}}`;
}

/** pgvector's sparsevec, of its dimensions and an hstore-like map that was written as JSON. */
export function sparseVectorText(field: FieldReader): string {
  const entries = Object.entries(JSON.parse(required(field, 'vector')) as Record<string, number>);
  return `{${entries.map(([index, value]) => `${index}:${value}`).join(',')}}/${required(field, 'dimensions')}`;
}

/** PostGIS reads extended well-known binary as hexadecimal text: the reference system goes into it. */
export function postgisText(field: FieldReader): string {
  const wkb = hexBytes(required(field, 'wkb'));
  const srid = field('srid');
  if (srid === null || Number(srid) === 0 || wkb.length < 5) return wkb.toString('hex');
  const little = wkb[0] === 1;
  const type = little ? wkb.readUInt32LE(1) : wkb.readUInt32BE(1);
  const HAS_SRID = 0x20000000;
  if ((type & HAS_SRID) !== 0) return wkb.toString('hex');
  const head = Buffer.alloc(9);
  head[0] = wkb[0]!;
  if (little) {
    head.writeUInt32LE((type | HAS_SRID) >>> 0, 1);
    head.writeInt32LE(Number(srid), 5);
  } else {
    head.writeUInt32BE((type | HAS_SRID) >>> 0, 1);
    head.writeInt32BE(Number(srid), 5);
  }
  return Buffer.concat([head, wkb.subarray(5)]).toString('hex');
}

export function nativeGeometryText(kind: NativeGeometry): (field: FieldReader) => string {
  return (field) => {
    const extensions = field('extensions');
    const closed = extensions !== null && String((JSON.parse(extensions) as Record<string, unknown>).closed) === 'true';
    return geometryText(kind, hexBytes(required(field, 'wkb')), closed);
  };
}

export function wellKnownBinary(field: FieldReader): string {
  return required(field, 'wkb');
}
